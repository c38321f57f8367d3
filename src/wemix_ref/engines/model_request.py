"""A problem, made ready for R: formula text of our own writing, typed columns, weight vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from wemix_ref.engines.protocol import Problem
from wemix_ref.engines.r_values import RValue, column, double, named_list
from wemix_ref.errors import EngineError
from wemix_ref.formula import Formula, names_in, parse_formula, parse_one_sided


def r_formula(text: str) -> str:
    """Return the formula as R is given it: parsed here and written anew."""
    return parse_formula(text).to_r()


def used_columns(problem: Problem, *extra: str) -> list[str]:
    """Return the columns a problem uses, in order of first appearance.

    Raises
    ------
    EngineError
        If the data lack some of them.
    """
    names = list(parse_formula(problem.formula).variables())
    if problem.wemix_formula is not None:
        names += parse_formula(problem.wemix_formula).variables()
    names = list(dict.fromkeys([*names, *extra]))
    missing = [name for name in names if name not in problem.data.columns]
    if missing:
        raise EngineError(
            f"the data must hold every column the model uses; {len(missing)} are missing "
            f"(first: `{missing[0]}`). Add them or correct the formula."
        )
    return names


def r_columns(data: pd.DataFrame, names: Sequence[str]) -> RValue:
    """Return columns as a named list of typed R vectors."""
    return named_list({name: column(data[name], name) for name in names})


def r_thetas(thetas: Mapping[str, Sequence[float]]) -> RValue:
    """Return labelled thetas as a named list of doubles."""
    return named_list({label: double(list(theta)) for label, theta in thetas.items()})


def unconditional_weights(problem: Problem) -> list[np.ndarray]:
    """Return each level's unconditional weight on every row, level 1 first.

    A conditional weight is multiplied by the unconditional one of the level above; the top
    level's is its own.
    """
    columns = [problem.data[name].to_numpy(dtype=float) for name in problem.weights or []]
    if problem.conditional_weights:
        for level in reversed(range(len(columns) - 1)):
            columns[level] = columns[level] * columns[level + 1]
    return columns


def centred_columns(one_sided: str) -> tuple[str, ...]:
    """Return the column names of a one-sided centring formula such as ``~x + z``."""
    terms = parse_one_sided(one_sided).terms
    return tuple(name for term in terms for part in term for name in names_in(part))


def _group_rows(formula: Formula, group: str, data: pd.DataFrame) -> list[pd.Series]:
    for bar in formula.bars:
        if bar.group_name == group:
            return [data[name] for part in bar.group for name in names_in(part)]
    known = ", ".join(dict.fromkeys(bar.group_name for bar in formula.bars))
    raise EngineError(
        f"center_group must name a group of the model ({known}); found `{group}`. Correct the name."
    )


def centred_data(problem: Problem) -> pd.DataFrame:
    """Return the data with every centred variable replaced by x minus its weighted mean.

    Written apart from the estimator's own centring, which R's answer is to check.

    The mean is weighted by the unconditional level-1 weight and taken over the rows that are
    complete in the model's columns, within the named group or over all of them.

    Raises
    ------
    EngineError
        If the named group is none of the model's.
    """
    if not problem.center_group and problem.center_grand is None:
        return problem.data
    formula = parse_formula(problem.formula)
    data = problem.data.copy()
    kept = data[list(formula.variables())].notna().all(axis=1)
    weights = unconditional_weights(problem)
    omega = pd.Series(weights[0] if weights else 1.0, index=data.index).where(kept)
    centred: list[tuple[str, str | None]] = [
        (name, group)
        for group, text in (problem.center_group or {}).items()
        for name in centred_columns(text)
    ]
    if problem.center_grand is not None:
        centred += [(name, None) for name in centred_columns(problem.center_grand)]
    for name, group in centred:
        x = problem.data[name].astype(float)
        if group is None:
            data[name] = x - (omega * x).sum() / omega.sum()
        else:
            keys = _group_rows(formula, group, problem.data)
            total = (omega * x).groupby(keys, observed=True).transform("sum")
            data[name] = x - total / omega.groupby(keys, observed=True).transform("sum")
    return data
