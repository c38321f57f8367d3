"""What triggers each known divergence in a model, and the same model without it.

Making a trigger plain changes nothing else: numbers stay numbers, other marks stay in ids, and
other names keep how they begin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd

from wemix_ref.hunt.expected import Pair
from wemix_ref.hunt.labels import plain_ids
from wemix_ref.hunt.model import Model, group_codes
from wemix_ref.hunt.transforms import relabelled, renamed

__all__ = ["TRIGGERS", "Trigger"]


@dataclass(frozen=True)
class Trigger:
    """One known divergence.

    Attributes
    ----------
    engines : tuple of str
        Where it is.
    kinds : tuple of str
        Of the verdicts that it leads to.
    present : callable
        Whether a model has what triggers it.
    without : callable
        The same pair with neither way having it.
    """

    engines: tuple[str, ...]
    kinds: tuple[str, ...]
    present: Callable[[Model], bool]
    without: Callable[[Pair], Pair]


def _each(plain: Callable[[Model], Model]) -> Callable[[Pair], Pair]:
    """Make both ways plain; what is expected is said of the new names."""

    def without(pair: Pair) -> Pair:
        first, second, expected = plain(pair.first), plain(pair.second), pair.expected
        old = pair.first.covariates
        to = dict(zip(pair.second.covariates, second.covariates, strict=True))
        names = {
            new: to[expected.names.get(name, name)]
            for name, new in zip(old, first.covariates, strict=True)
        }
        now = dict(zip(old, first.covariates, strict=True))
        shift = {now.get(name, name): value for name, value in expected.shift.items()}
        said = replace(expected, names=names, shift=shift)
        return replace(pair, first=first, second=second, expected=said)

    return without


def _numbers_out_of_text_order(column: pd.Series) -> bool:
    if not pd.api.types.is_numeric_dtype(column):
        return False
    ids = sorted(column.unique())
    return sorted(str(value) for value in ids) != [str(value) for value in ids]


def _slash_numeric_ids(model: Model) -> bool:
    """Ids that are numbers whose order as text is another, read through a slash, with weights."""
    return (
        model.spelling == "slash"
        and model.weights is not None
        and any(_numbers_out_of_text_order(model.data[name]) for name in model.groups)
    )


def _numbers_of_one_length(model: Model) -> Model:
    """The same ids as numbers with as many digits each, in the same order."""
    data = model.data
    for name in model.groups:
        if _numbers_out_of_text_order(data[name]):
            ids = np.unique(data[name])
            first = 10 ** len(str(ids.size))
            data = data.assign(**{name: np.searchsorted(ids, data[name]) + first})
    return replace(model, data=data)


def _group_name_prefix(model: Model) -> bool:
    """The name of a lower level begins that of an upper one."""
    return any(upper.startswith(lower) for lower, upper in combinations(model.groups, 2))


def _names_begin_apart(model: Model) -> Model:
    """Names of groups with another letter before each."""
    return renamed(model, {name: f"{'kmn'[k]}_{name}" for k, name in enumerate(model.groups)})


def _colon_ids(model: Model) -> bool:
    """Two groups whose ids, pasted with colons, are one text."""
    if model.spelling != "slash":
        return False
    codes = group_codes(model)
    for place in range(len(model.groups) - 1):
        columns = [model.data[name].astype(str) for name in model.groups[place:]]
        pasted = {":".join(ids) for ids in zip(*columns, strict=True)}
        if len(pasted) < codes[:, place].max() + 1:
            return True
    return False


def _no_colons(model: Model) -> Model:
    """Ids with a semicolon for each colon."""
    columns = {name: model.data[name] for name in model.groups}
    texts = {name: ids for name, ids in columns.items() if not pd.api.types.is_numeric_dtype(ids)}
    return replace(
        model,
        data=model.data.assign(
            **{name: ids.str.replace(":", ";", regex=False) for name, ids in texts.items()}
        ),
    )


def _dot_in_slope(model: Model) -> bool:
    """A dot in the name of a variable whose slope is random."""
    return any(slope is not None and "." in slope for slope in model.slopes)


def _no_dot_in_slope(model: Model) -> Model:
    return renamed(model, {s: s.replace(".", "_") for s in model.slopes if s is not None})


def _dot_in_group(model: Model) -> bool:
    """A dot in the name of a column of ids."""
    return any("." in name for name in model.groups)


def _no_dot_in_group(model: Model) -> Model:
    return renamed(model, {name: name.replace(".", "_") for name in model.groups})


def _four_level_slash(model: Model) -> bool:
    """Three levels of groups in one slash."""
    return model.spelling == "slash" and model.levels == 4


def _written_as_terms(model: Model) -> Model:
    """A term for each level; ids that are read within groups are made ones of their own first."""
    if not model.is_unique():
        for level in range(len(model.groups)):
            model = relabelled(model, level)
    return replace(model, spelling="plus")


def _four_levels(model: Model) -> bool:
    return model.levels == 4


def _ids_in_order_of_nesting(model: Model) -> Model:
    """Ids whose order is that of the groups above first, then their own."""
    codes = group_codes(model)
    order = np.lexsort([model.data[name].astype(str) for name in model.groups])
    data = model.data
    for level, name in enumerate(model.groups):
        ranks = pd.factorize(codes[order, level])[1]  # codes as they come in that order
        labels = pd.Series(plain_ids(ranks.size, level), index=ranks)
        data = data.assign(**{name: labels[codes[:, level]].to_numpy()})
    return replace(model, data=data)


def _unit_of_y(model: Model) -> bool:
    """A response whose standard deviation is below 1 or above 100."""
    return not 1.0 <= float(np.std(model.data[model.response])) <= 100.0


def _plain_unit_of_y(pair: Pair) -> Pair:
    """Both responses in units in which the first has a standard deviation of 10."""
    b = pair.expected.y_scale
    unit = max(float(np.std(pair.first.data[pair.first.response])), 1e-300) / 10.0
    shift = {name: value / (unit * abs(b)) for name, value in pair.expected.shift.items()}
    expected = replace(pair.expected, y_scale=float(np.sign(b)), shift=shift)
    first, second = _y_over(pair.first, unit), _y_over(pair.second, unit * abs(b))
    return replace(pair, first=first, second=second, expected=expected)


def _y_over(model: Model, unit: float) -> Model:
    return replace(
        model, data=model.data.assign(**{model.response: model.data[model.response] / unit})
    )


#: By name: rows of docs/divergences.md. One that another explains stands behind it.
TRIGGERS: Mapping[str, Trigger] = {
    "four-level-slash": Trigger(
        ("wemix",), ("fails",), _four_level_slash, _each(_written_as_terms)
    ),
    "dots": Trigger(("wemix",), ("fails",), _dot_in_slope, _each(_no_dot_in_slope)),
    "group-name-dots": Trigger(("wemix",), ("fails",), _dot_in_group, _each(_no_dot_in_group)),
    # an error is none of it: WeMix has others for a slash
    "slash-numeric-ids": Trigger(
        ("wemix",), ("another model",), _slash_numeric_ids, _each(_numbers_of_one_length)
    ),
    "group-name-prefix": Trigger(
        ("wemix",), ("another model", "fails"), _group_name_prefix, _each(_names_begin_apart)
    ),
    "lme4-colon-ids": Trigger(
        ("wemix", "lme4", "lme4-weighted"),
        ("another model", "fails"),
        _colon_ids,
        _each(_no_colons),
    ),
    "variance-se-unit": Trigger(("wemix",), ("standard errors",), _unit_of_y, _plain_unit_of_y),
    "four-level-relabel": Trigger(
        ("wemix",), ("standard errors",), _four_levels, _each(_ids_in_order_of_nesting)
    ),
}
