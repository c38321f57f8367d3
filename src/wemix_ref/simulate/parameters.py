"""Names of a study's parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wemix_ref.formula import TermSet, parse_formula

__all__ = ["coefficients", "component_name", "group_of", "parameters_of", "sole_group"]

_INTERCEPT = "(Intercept)"


def group_of(name: str, levels: Sequence[str]) -> str:
    """Name a model's group: an interaction of levels of the population is the lowest of them."""
    parts = name.split(":")
    # ids are unique over the whole population
    return max(parts, key=list(levels).index) if all(p in levels for p in parts) else name


def component_name(group: str, first: str, second: str | None, short: bool) -> str:
    """Name a variance or covariance: ``var school x``, ``cov school (Intercept),x``.

    Parameters
    ----------
    group : as :func:`group_of` names it.
    first, second : coefficients; second None for a variance.
    short : without the group, for studies whose models have one grouping factor.
    """
    kind, what = ("var", first) if second is None else ("cov", f"{first},{second}")
    return f"{kind} {what}" if short else f"{kind} {group} {what}"


def sole_group(models: Iterable[str], levels: Sequence[str]) -> str | None:
    """Return the one group that all models have, None where there are several."""
    bars = [bar for model in models for bar in parse_formula(model).bars]
    groups = {group_of(bar.group_name, levels) for bar in bars}
    return groups.pop() if len(groups) == 1 else None


def parameters_of(model: str, levels: Sequence[str], short: bool) -> list[str]:
    """Return the names of a model's parameters, for numeric variables."""
    formula = parse_formula(model)
    out = coefficients(formula.fixed)
    for bar in formula.bars:
        names = coefficients(bar.terms)
        group = group_of(bar.group_name, levels)
        out += [component_name(group, name, None, short) for name in names]
        out += [
            component_name(group, first, second, short)
            for place, first in enumerate(names)
            for second in names[place + 1 :]
        ]
    return [*out, "sigma2"]


def coefficients(terms: TermSet) -> list[str]:
    """Return R's names of a term set's coefficients, for numeric variables."""
    return [_INTERCEPT] * terms.intercept + list(terms.labels)
