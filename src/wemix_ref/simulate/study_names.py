"""Whether models and names in a study's file mean something: asked before any replicate."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING

from wemix_ref.errors import StudyError
from wemix_ref.formula import Formula, parse_formula
from wemix_ref.schema_words import nearest
from wemix_ref.simulate.arithmetic import Expression
from wemix_ref.simulate.parameters import group_of, parameters_of
from wemix_ref.simulate.places import at
from wemix_ref.simulate.sampling_spec import EXTRA_NAMES

if TYPE_CHECKING:
    from wemix_ref.simulate.analyses import Analysis
    from wemix_ref.simulate.population_specs import PopulationSpec
    from wemix_ref.simulate.study import Scenario

__all__ = ["check_names", "check_targets", "expressed_names"]


def check_names(scenario: Scenario) -> None:
    """Check that models can be fitted to samples, and that every name is known.

    The names that the study gives to parameters are not: see :func:`check_targets`.

    Raises
    ------
    StudyError
        If a model has no random term, groups by what is no level above level 1, or has a variable
        that the population has not; if weights are those of a level that the model has not; if a
        parameter and a variable have one name; or if an expression of the design, of a coefficient
        or a target names what there is none of.
    """
    # otherwise every replicate would fail alike
    for model in scenario.models:
        _check_model(model, parse_formula(model), scenario.population)
    for analysis in scenario.analyses:
        _check_weights(analysis, scenario.population.level_names)
    _check_parameters(scenario)
    _check_design(scenario)


def check_targets(scenario: Scenario, models: Iterable[str]) -> None:
    """Check that targets stated by hand are of parameters.

    Parameters
    ----------
    scenario : with the names that the whole study gives to parameters.
    models : of all the study's scenarios; one may lack a parameter of another.

    Raises
    ------
    StudyError
        If no model has a parameter of that name.
    """
    levels, short = scenario.population.level_names, scenario.short_names
    parameters = {name for model in models for name in parameters_of(model, levels, short)}
    for name in scenario.target.values:
        if name not in parameters:
            raise StudyError(
                f"target.values must name parameters of the models ({_listed(parameters)}); found "
                f"{name!r}."
            )


def expressed_names(scenario: Scenario) -> set[str]:
    """Collect the names that all expressions of a scenario use, of parameters and variables."""
    return _names_in([scenario.population, scenario.sampling, scenario.target.values])


def _names_in(part: object) -> set[str]:
    if isinstance(part, Expression):
        return set(part.names)
    inner: Iterable[object] = ()
    if isinstance(part, Mapping):
        inner = part.values()
    elif isinstance(part, (list, tuple)):
        inner = part
    elif is_dataclass(part):
        inner = (getattr(part, one.name) for one in fields(part))
    return {name for one in inner for name in _names_in(one)}


def _check_model(model: str, formula: Formula, population: PopulationSpec) -> None:
    groups = population.level_names[:-1]
    if not formula.bars:
        raise StudyError(
            f"a model must have a random term of a level above level 1 ({', '.join(groups)}); "
            f"found none in {model!r}. Add one, such as (1 | {groups[0]})."
        )
    for bar in formula.bars:
        unknown = [part for part in bar.group_name.split(":") if part not in groups]
        if unknown:
            raise StudyError(
                f"a model's grouping factors must be levels of the population above level 1 "
                f"({', '.join(groups)}), with and without weights; found {unknown[0]!r} in "
                f"{model!r}. Make it a level, under population.levels."
            )
    known = {*population.variable_names, *groups}
    unknown = [name for name in formula.variables() if name not in known]
    if unknown:
        raise StudyError(
            f"a model's variables must be those of the population ({_listed(known)}); found "
            f"{unknown[0]!r} in {model!r}."
        )


def _check_weights(analysis: Analysis, levels: tuple[str, ...]) -> None:
    """Weights of a list of levels: the model must have them all."""
    key = analysis.fit
    if isinstance(key.weights, str):
        return
    own = {group_of(bar.group_name, levels) for bar in parse_formula(key.model).bars}
    fitted = [name for name in levels if name in own or name == levels[-1]]
    missing = [name for name in key.weights if name not in fitted]
    if missing:
        raise StudyError(
            f"analysis {analysis.name!r}: weights must be those of levels that its model has "
            f"({', '.join(fitted)}); found {missing[0]!r}, and the model {key.model!r}."
        )


def _check_design(scenario: Scenario) -> None:
    """Names in the design: a section's own words, and numbers that no unit has."""
    parameters, variables = scenario.parameters, scenario.population.variable_names
    for place, expression in scenario.sampling.expressions():
        section, _, key = place.split(".")
        if section in ("trimming", "noise"):
            with at(place):
                expression.number(parameters)
        elif key in ("strata", "adjust"):
            _check_known(place, expression, variables, "a variable of the population")
        else:
            known = {*variables, *parameters, *(EXTRA_NAMES if section == "sampling" else ())}
            _check_known(place, expression, known, "variables of the population or parameters")


def _check_known(place: str, expression: Expression, known: Collection[str], what: str) -> None:
    unknown = sorted(expression.names - set(known))
    if unknown:
        raise StudyError(
            f"{place}: `{expression.text}` must name {what} ({_listed(known)}); found "
            f"{unknown[0]!r}{nearest(unknown[0], known)}."
        )


def _check_parameters(scenario: Scenario) -> None:
    """What is said by parameters alone: coefficients and targets; no variable has such a name."""
    clash = [name for name in scenario.population.variable_names if name in scenario.parameters]
    if clash:
        raise StudyError(
            "parameters and variables of the population must have different names; "
            f"{len(clash)} are both (first: {clash[0]!r}). Give the parameter another name."
        )
    for one in scenario.population.fixed:
        with at(f"population.model.fixed.{one.name}"):
            one.value.number(scenario.parameters)
    for name, expression in scenario.target.values.items():
        _check_known(f"target.values.{name}", expression, scenario.parameters, "parameters")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
