"""Names of a study's parameters, and their values in the model that generates the population."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from wemix_ref.formula import Formula, Name, TermSet, names_in, parse_formula
from wemix_ref.simulate.population_specs import PopulationSpec

__all__ = ["component_name", "group_of", "parameters_of", "sole_group", "true_values"]

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
    out = _coefficients(formula.fixed)
    for bar in formula.bars:
        names = _coefficients(bar.terms)
        group = group_of(bar.group_name, levels)
        out += [component_name(group, name, None, short) for name in names]
        out += [
            component_name(group, first, second, short)
            for place, first in enumerate(names)
            for second in names[place + 1 :]
        ]
    return [*out, "sigma2"]


def _coefficients(terms: TermSet) -> list[str]:
    return [_INTERCEPT] * terms.intercept + list(terms.labels)


def true_values(
    models: Iterable[str],
    population: PopulationSpec,
    truth: Mapping[str, float],
    short: bool,
) -> dict[str, float]:
    """Return the values of models' parameters in the generating model.

    A term that the generating model does not have is zero there: a coefficient of covariates, or
    a random effect of a level. There is no value of what has no single one (a standard deviation
    that differs between units), of functions of variables, and of derived variables.

    Parameters
    ----------
    models : lme4's syntax.
    population : the population's description.
    truth : what was drawn with, :attr:`wemix_ref.simulate.hierarchy.Population.truth`.
    short : as for :func:`component_name`.
    """
    out: dict[str, float] = {}
    for model in models:
        formula = parse_formula(model)
        out |= _fixed(formula, population, truth)
        for bar in formula.bars:
            group = group_of(bar.group_name, population.level_names)
            out |= _random(group, _coefficients(bar.terms), population, truth, short)
    if "sigma2" in truth:
        out["sigma2"] = truth["sigma2"]
    return out


def _fixed(
    formula: Formula, population: PopulationSpec, truth: Mapping[str, float]
) -> dict[str, float]:
    # z:x and x:z are one coefficient, which R names by the order of the formula
    known = {frozenset(name.split(":")): value for name, value in truth.items()}
    # what is derived from the response, or an effect itself, has no coefficient in the model
    covariates = {one.name for one in population.covariates}
    out = {_INTERCEPT: truth.get(_INTERCEPT, 0.0)} if formula.fixed.intercept else {}
    for label, term in zip(formula.fixed.labels, formula.fixed.terms, strict=True):
        parts = frozenset(label.split(":"))
        if parts in known:
            out[label] = known[parts]
        elif all(isinstance(part, Name) for part in term) and (set(names_in(*term)) <= covariates):
            out[label] = 0.0
    return out


def _random(
    group: str,
    names: Sequence[str],
    population: PopulationSpec,
    truth: Mapping[str, float],
    short: bool,
) -> dict[str, float]:
    if group not in population.level_names:
        return {}
    drawn = {term for one in population.effects if one.group == group for term in one.terms}
    out: dict[str, float] = {}
    for place, first in enumerate(names):
        name = f"var {group} {first}"
        if name in truth or first not in drawn:
            out[component_name(group, first, None, short)] = truth.get(name, 0.0)
        for second in names[place + 1 :]:
            both = (f"cov {group} {first},{second}", f"cov {group} {second},{first}")
            found = next((truth[name] for name in both if name in truth), None)
            if found is None and {first, second} <= drawn:
                continue
            out[component_name(group, first, second, short)] = found or 0.0
    return out
