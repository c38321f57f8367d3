"""Values of a model's parameters in the model that generates the population, if they have one.

A model that writes the population's model in other variables, such as x less its school's mean in
place of x, has other coefficients under the same names. Of those there is no value here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wemix_ref.formula import Bar, Expr, Name, TermSet, names_in, parse_formula
from wemix_ref.simulate.arithmetic import Expression
from wemix_ref.simulate.parameters import coefficients, component_name, group_of
from wemix_ref.simulate.population_specs import PopulationSpec

__all__ = ["true_values"]

_INTERCEPT = "(Intercept)"
_Sources = Mapping[str, frozenset[str]]
#: What a term is made from in the end, and whether any of it is computed.
_Made = tuple[frozenset[str], bool]


def true_values(
    model: str, population: PopulationSpec, truth: Mapping[str, float], short: bool
) -> dict[str, float]:
    """Return the values of a model's parameters in the generating model.

    A term that the generating model does not have is zero there: a coefficient of covariates, or
    a random effect of a level. What the model leaves out does not change what its other
    parameters mean. There is no value of

    * anything, where the response is not the population's;
    * what has no single one (a standard deviation that differs between units), functions of
      variables, and derived variables;
    * coefficients that share a variable with a term that stands in for terms left out, one of
      them computed, and then of the intercept; of random effects alike.

    Parameters
    ----------
    model : lme4's syntax.
    population : the population's description.
    truth : what was drawn with, :attr:`wemix_ref.simulate.hierarchy.Population.truth`.
    short : as for :func:`wemix_ref.simulate.parameters.component_name`.
    """
    formula = parse_formula(model)
    if formula.response != Name(population.response):
        return {}
    sources = _sources(population)
    out = _fixed(formula.fixed, population, truth, sources)
    bars: dict[str, list[Bar]] = {}
    for bar in formula.bars:
        bars.setdefault(group_of(bar.group_name, population.level_names), []).append(bar)
    for group, own in bars.items():
        if group in population.level_names:
            out |= _random(group, own, population, truth, short, sources)
    if "sigma2" in truth:
        out["sigma2"] = truth["sigma2"]
    return out


def _sources(population: PopulationSpec) -> dict[str, frozenset[str]]:
    """What each variable is computed from in the end; of what is drawn, the variable itself."""
    out: dict[str, frozenset[str]] = {}
    # either is computed from what stands before it
    for one in (*population.covariates, *population.derived):
        used = one.source.names if isinstance(one.source, Expression) else frozenset[str]()
        found = [out.get(name, frozenset([name])) for name in used]
        out[one.name] = frozenset[str]().union(*found) if used else frozenset([one.name])
    return out


@dataclass(frozen=True)
class _Term:
    """A term of a model: its label, its key in any order, and what it is computed from.

    `plain` terms are products of covariates; `drawn` ones of covariates that are not computed.
    """

    label: str
    key: frozenset[str]
    sources: frozenset[str]
    plain: bool
    drawn: bool


def _terms(terms: TermSet, population: PopulationSpec, sources: _Sources) -> list[_Term]:
    # what is derived from the response, or an effect itself, has no coefficient in the model
    covariates = {one.name for one in population.covariates}
    computed = {one.name for one in population.covariates if isinstance(one.source, Expression)}
    out = []
    for label, parts in zip(terms.labels, terms.terms, strict=True):
        names = {name for part in parts for name in names_in(part)}
        plain = all(isinstance(part, Name) for part in parts) and names <= covariates
        from_what = _from_what(parts, sources)
        drawn = plain and not names & computed
        out.append(_Term(label, frozenset(label.split(":")), from_what, plain, drawn))
    return out


def _from_what(parts: Sequence[Expr], sources: _Sources) -> frozenset[str]:
    names = {name for part in parts for name in names_in(part)}
    return frozenset[str]().union(*(sources.get(name, frozenset([name])) for name in names))


def _made(factors: Sequence[str], sources: _Sources) -> _Made:
    from_what = frozenset[str]().union(*(sources[name] for name in factors))
    return from_what, any(sources[name] != {name} for name in factors)


def _restated(extra: Sequence[_Made], absent: Sequence[_Made]) -> frozenset[str]:
    """Variables whose terms may mean something else: some stand in for absent ones.

    Two different products of drawn covariates never do. With a computed one on either side they
    may: x - mean(x) for x, and x for x - mean(x).

    Parameters
    ----------
    extra : of each term that the generating model does not have: what it is made from, and
        whether it is computed.
    absent : the same of each term of the generating model that the model leaves out.

    Returns
    -------
    frozenset of str
        Empty where none stands in for another.
    """
    touched = frozenset[str]().union(
        *(
            here | there
            for here, here_computed in extra
            for there, there_computed in absent
            if here & there and (here_computed or there_computed)
        )
    )
    waiting = [own for own, _ in absent if own]
    while shared := [own for own in waiting if own & touched]:
        touched = touched.union(*shared)
        waiting = [own for own in waiting if own not in shared]
    return touched


def _fixed(
    fixed: TermSet, population: PopulationSpec, truth: Mapping[str, float], sources: _Sources
) -> dict[str, float]:
    # z:x and x:z are one coefficient, which R names by the order of the formula
    generating = {
        frozenset(one.name.split(":")): one for one in population.fixed if one.name != _INTERCEPT
    }
    terms = _terms(fixed, population, sources)
    keys = {term.key for term in terms}
    extra = [(term.sources, not term.drawn) for term in terms if term.key not in generating]
    absent = [
        _made(one.factors, sources)
        for key, one in generating.items()
        if key not in keys and truth[one.name] != 0.0
    ]
    offsets = _from_what(fixed.offsets, sources)
    # an offset is subtracted from the response: its own variables' terms shift with it
    touched = _restated([*extra, (offsets, True)], absent) | offsets
    shifted = bool(touched) or bool(fixed.offsets)
    out = {_INTERCEPT: truth.get(_INTERCEPT, 0.0)} if fixed.intercept and not shifted else {}
    for term in terms:
        if term.sources & touched:
            continue
        if term.key in generating:
            out[term.label] = truth[generating[term.key].name]
        elif term.plain:
            out[term.label] = 0.0
    return out


def _random(
    group: str,
    bars: Sequence[Bar],
    population: PopulationSpec,
    truth: Mapping[str, float],
    short: bool,
    sources: _Sources,
) -> dict[str, float]:
    drawn = {term for one in population.effects if one.group == group for term in one.terms}
    terms = {term.label: term for bar in bars for term in _terms(bar.terms, population, sources)}
    extra = [(term.sources, not term.drawn) for name, term in terms.items() if name not in drawn]
    absent = [
        _made([name], sources)
        for name in drawn - {_INTERCEPT} - set(terms)
        if truth.get(f"var {group} {name}") != 0.0
    ]
    touched = _restated(extra, absent)

    def has_value(name: str) -> bool:
        if name == _INTERCEPT:
            return not touched
        # a function of variables has none, as in the fixed part
        return not terms[name].sources & touched and (name in drawn or terms[name].plain)

    out: dict[str, float] = {}
    for bar in bars:
        names = [name for name in coefficients(bar.terms) if has_value(name)]
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
