"""Scaling of sampling weights: none, size, effective and gk, step by step from the rows up.

The step from level l to its parents at level l + 1 takes the conditional weights w of the n_j
members of each parent j:

* ``none``: w;
* ``size``: w n_j / sum w, which sum to n_j;
* ``effective``: w sum w / sum w^2, which sum to (sum w)^2 / sum w^2, the effective size
  (method 1 of Pfeffermann et al. 1998);
* ``gk``: 1, and the parent's own conditional weight is multiplied by the mean of w (Graubard and
  Korn 1996, who have two levels).

A step finds the weights of level l as the step below has left them. The top level is not scaled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wemix_ref.errors import DataError, NestingError, OptionError, WeightsError, shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["METHODS", "check_scale", "products", "scale_conditional", "scale_weights"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

METHODS = ("none", "size", "effective", "gk")


def check_scale(scale: str | Sequence[str], n_steps: int) -> tuple[str, ...]:
    """One method for each step, level 1 to 2 first.

    Parameters
    ----------
    scale : one method for all steps, or a list of one for each.
    n_steps : levels of groups; the top level is not scaled.

    Raises
    ------
    OptionError
        An unknown method, or a list of another length.
    """
    names = ", ".join(repr(name) for name in METHODS)
    given = [scale] if isinstance(scale, str) else scale
    if not isinstance(given, (list, tuple)) or not all(isinstance(name, str) for name in given):
        raise OptionError(
            f"scale must be one of {names}, or a list of them, one for each step from level 1 up; "
            f"found {scale!r}."
        )
    wrong = [name for name in given if name not in METHODS]
    if wrong:
        raise OptionError(
            f"scale must be one of {names}; found {wrong[0]!r}"
            f"{f' and {len(wrong) - 1} more' if len(wrong) > 1 else ''}."
        )
    if isinstance(scale, str):
        return (scale,) * n_steps
    if len(given) != n_steps:
        raise OptionError(
            f"a list for scale must have one method for each step from a level to the next, "
            f"{n_steps} in all (the top level is not scaled); found {len(given)}: {list(given)!r}."
        )
    return tuple(given)


def scale_conditional(
    cond: Sequence[Array], parents: Sequence[Ints], methods: Sequence[str]
) -> list[Array]:
    """Scale conditional weights, lowest step first.

    Parameters
    ----------
    cond : per level, level 1 first, (n_l,) conditional weights; the top level's are its own.
    parents : per step, (n_l,) the parent of each member at the next level.
    methods : per step.

    Returns
    -------
    list of arrays
        Scaled conditional weights, level 1 first.
    """
    out = [level.copy() for level in cond]
    for step, (parent, method) in enumerate(zip(parents, methods, strict=True)):
        if method == "none":
            continue
        w, n_parents = out[step], out[step + 1].size
        total = np.bincount(parent, w, n_parents)
        count = np.bincount(parent, minlength=n_parents)
        if method == "size":
            out[step] = w * (count / total)[parent]
        elif method == "effective":
            out[step] = w * (total / np.bincount(parent, w * w, n_parents))[parent]
        else:
            out[step] = np.ones_like(w)
            out[step + 1] = out[step + 1] * (total / count)
    return out


def products(cond: Sequence[Array], parents: Sequence[Ints]) -> list[Array]:
    """Unconditional weights: each conditional one times its parent's unconditional one."""
    out = [cond[-1]]
    for own, parent in zip(cond[-2::-1], parents[::-1], strict=True):
        out.insert(0, own * out[0][parent])
    return out


def scale_weights(
    data: pd.DataFrame,
    weights: Sequence[str | None],
    groups: Sequence[str | Sequence[str]],
    method: str | Sequence[str],
    conditional_weights: bool = False,
    *,
    use: Sequence[bool] | None = None,
) -> pd.DataFrame:
    """Scaled weights as columns, by the rules of :func:`wemix_ref.mix` and its ``scale``.

    Parameters
    ----------
    data : one row per level-1 unit; every row counts.
    weights : names of the weight columns, level 1 first; None for a level without (see ``mix``).
    groups : the grouping columns, level 2 first. A list of columns, such as ``["sch", "tch"]``,
        stands for their combinations: teachers numbered anew in each school.
    method : "none", "size", "effective" or "gk", or a list, one for each step from level 1 up.
    conditional_weights : how the weights are to be read.
    use : whether each level's weights are used, level 1 first; conditional weight 1 where not.

    Returns
    -------
    DataFrame
        With the data's index: for each level ``NAME_unconditional``, then for each
        ``NAME_conditional``, NAME being the weight's column, or ``level2`` where it is None.
        Either set can be given to ``mix``.

    Raises
    ------
    DataError, NestingError, OptionError, WeightsError
        See the message: what must hold, what was found and where, what to do.

    Examples
    --------
    >>> import pandas as pd
    >>> from wemix_ref import scale_weights
    >>> data = pd.DataFrame({"g": list("aabb"), "w1": [2.0, 6.0, 5.0, 5.0], "w2": [2, 2, 5, 5]})
    >>> scale_weights(data, ["w1", "w2"], ["g"], "size")
       w1_unconditional  w2_unconditional  w1_conditional  w2_conditional
    0               1.0               2.0             0.5             2.0
    1               3.0               2.0             1.5             2.0
    2               5.0               5.0             1.0             5.0
    3               5.0               5.0             1.0             5.0
    """
    import pandas as pd

    from wemix_ref.weight_checks import check_columns, check_names, check_use
    from wemix_ref.weights import level_weights

    if not isinstance(data, pd.DataFrame):
        raise DataError(
            f"data must be a pandas DataFrame; found {type(data).__name__}. Convert it first."
        )
    names = check_names(weights, conditional_weights)
    used = check_use(use, names)
    keys = _check_groups(groups, len(names))
    _check_there(data, [name for key in (names, *keys) for name in key if name is not None])
    title = [f"level{i + 1}" if name is None else name for i, name in enumerate(names)]
    doubled = [name for name in title if title.count(name) > 1]
    if doubled:
        raise WeightsError(
            f"each level must have a weight column of its own; {doubled[0]!r} is named "
            f"{title.count(doubled[0])} times. Copy the column under another name."
        )
    values = check_columns(data, names, None)

    codes, labels = [], []
    for key in keys:
        code, label = _codes(data, key)
        codes.append(code)
        labels.append(label)
    parents: list[Ints | None] = [
        _parents(codes[i], labels[i], keys[i], codes[i + 1], labels[i + 1], keys[i + 1])
        for i in range(len(keys) - 1)
    ]
    parents.append(None)
    scaled = level_weights(
        values,
        names,
        codes,
        labels,
        [":".join(key) for key in keys],
        parents,
        conditional_weights,
        used,
        check_scale(method, len(keys)),
        stacklevel=4,
    )
    expand = [np.arange(len(data)), *codes]
    uncond = [level[at] for level, at in zip((scaled.omega, *scaled.psi), expand, strict=True)]
    cond = [
        level[at] for level, at in zip((scaled.omega_cond, *scaled.psi_cond), expand, strict=True)
    ]
    columns = {f"{name}_unconditional": column for name, column in zip(title, uncond, strict=True)}
    columns |= {f"{name}_conditional": column for name, column in zip(title, cond, strict=True)}
    return pd.DataFrame(columns, index=data.index)


def _check_groups(groups: object, n_levels: int) -> list[list[str]]:
    if not isinstance(groups, (list, tuple)) or not groups:
        raise OptionError(
            'groups must be a list of grouping columns, level 2 first, such as ["class", '
            f'"school"]; found {groups!r}.'
        )
    keys = [[key] if isinstance(key, str) else key for key in groups]
    for key in keys:
        if (
            not isinstance(key, (list, tuple))
            or not key
            or not all(isinstance(k, str) for k in key)
        ):
            raise OptionError(
                f"each entry of groups must be a column's name or a list of names; found {key!r}."
            )
    if n_levels != len(keys) + 1:
        raise WeightsError(
            f"weights must name one column per level, {len(keys) + 1} in all (level 1 first, then "
            f"one for each of groups); found {n_levels}."
        )
    return [list(key) for key in keys]


def _check_there(data: pd.DataFrame, columns: Sequence[str]) -> None:
    if len(data) == 0:
        raise DataError("the data must have at least one row; found none.")
    for name in dict.fromkeys(columns):
        times = int((data.columns == name).sum())
        if times != 1:
            raise DataError(
                f"every name in weights and groups must be a column of the data, there once; "
                f"{name!r} is there {times} times. Add, rename or drop columns."
            )


def _codes(data: pd.DataFrame, key: list[str]) -> tuple[Ints, pd.Index]:
    frame = data[key]
    missing = frame.isna().any(axis=1).to_numpy()
    if missing.any():
        raise DataError(
            f"`{':'.join(key)}` must say of every row which group it is in; it is missing in "
            f"{int(missing.sum())} of {len(data)} rows (first: row "
            f"{shown(data.index[int(np.argmax(missing))])}). Leave these rows out yourself."
        )
    codes = frame.groupby(key, sort=False, observed=True).ngroup().to_numpy().astype(np.intp)
    firsts = np.unique(codes, return_index=True)[1]
    labels = frame.iloc[firsts].set_index(key).index
    return codes, labels


def _parents(
    codes: Ints,
    labels: pd.Index,
    key: list[str],
    above: Ints,
    above_labels: pd.Index,
    up: list[str],
) -> Ints:
    parent = np.empty(len(labels), dtype=np.intp)
    parent[codes] = above
    split = np.unique(codes[parent[codes] != above])
    if split.size:
        own, upper = ":".join(key), ":".join(up)
        first = split[0]
        raise NestingError(
            f"groups must be nested, level 2 first; {split.size} of {len(labels)} groups of "
            f"`{own}` lie in more than one group of `{upper}` (first: {shown(labels[first])}, in "
            f"{shown(above_labels[above[codes == first][0]])} and others). If `{own}` is numbered "
            f"anew within each `{upper}`, give {[*up, *key]!r} in its place."
        )
    return parent
