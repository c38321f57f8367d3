"""What a study's file says of its population, read and checked once."""

from __future__ import annotations

import keyword
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wemix_ref.errors import StudyError
from wemix_ref.simulate.arithmetic import RESERVED, Expression
from wemix_ref.simulate.draw_specs import (
    DrawSpec,
    VariableSpec,
    parsed,
    read_draw,
    read_variable,
)
from wemix_ref.simulate.effects import INTERCEPT, EffectSpec, read_effect

__all__ = ["RESIDUAL", "FixedSpec", "PopulationSpec", "ResidualSpec", "population_spec"]

# Name of the level-1 residuals.
RESIDUAL = "e"


@dataclass(frozen=True)
class FixedSpec:
    """A fixed effect: R's name of the coefficient, its value, the covariates multiplied."""

    name: str
    value: Expression
    factors: tuple[str, ...]


@dataclass(frozen=True)
class ResidualSpec:
    """Level-1 residuals: their standard deviation and standardised distribution."""

    sd: Expression
    source: DrawSpec


@dataclass(frozen=True)
class PopulationSpec:
    """A population as a study's file describes it.

    Attributes
    ----------
    level_names : tuple of str
        Top first.
    sizes : tuple of Expression or DrawSpec
        Units of each level: of the top all, of the others those of one parent.
    covariates, derived : tuple of VariableSpec
        Before and after the response.
    effects : tuple of EffectSpec
        Top first.
    residual : ResidualSpec
    response : str
    fixed : tuple of FixedSpec
    order : tuple of str
        What is drawn one after another: covariates, ``u_<level>`` for all the effects of a level,
        and ``e``.
    """

    level_names: tuple[str, ...]
    sizes: tuple[Expression | DrawSpec, ...]
    covariates: tuple[VariableSpec, ...]
    effects: tuple[EffectSpec, ...]
    residual: ResidualSpec
    response: str
    fixed: tuple[FixedSpec, ...]
    derived: tuple[VariableSpec, ...]
    order: tuple[str, ...]

    @property
    def variable_names(self) -> tuple[str, ...]:
        """Names of all the population's variables."""
        return (
            *(one.name for one in self.covariates),
            *(name for one in self.effects for name in one.names),
            RESIDUAL,
            self.response,
            *(one.name for one in self.derived),
        )


def population_spec(content: Mapping[str, Any]) -> PopulationSpec:
    """Read a population from a study's file.

    Parameters
    ----------
    content : mapping
        The file's ``population``, which follows the schema.

    Returns
    -------
    PopulationSpec

    Raises
    ------
    StudyError
        If an expression cannot be read, a name is used twice or not known, or something needed
        is missing.
    """
    names = tuple(content["levels"])
    if len(names) < 2:
        raise StudyError(f"population.levels: at least two must be there; found {list(names)}")
    model = content["model"]
    covariates = _variables(content, "covariates", names)
    random = model.get("random") or {}
    effects = sorted(
        (
            read_effect(group, one, names, f"population.model.random.{group}")
            for group, one in random.items()
        ),
        key=lambda effect: effect.level,
    )
    where = "population.model.residual"
    residual = ResidualSpec(
        parsed(model["residual"]["sd"], f"{where}.sd"),
        read_draw(
            {key: value for key, value in model["residual"].items() if key != "sd"},
            where,
            standard=True,
            recycles=False,
        ),
    )
    known = [one.name for one in covariates]
    spec = PopulationSpec(
        names,
        tuple(_size(name, one) for name, one in content["levels"].items()),
        covariates,
        tuple(effects),
        residual,
        model["response"],
        tuple(_fixed(name, value, known) for name, value in model["fixed"].items()),
        _variables(content, "derived", names),
        _order(content.get("order"), covariates, effects),
    )
    _check_names(spec)
    for effect in effects:
        _check_covariates([t for t in effect.terms if t != INTERCEPT], known, effect.where)
    return spec


def _size(name: str, content: Mapping[str, Any]) -> Expression | DrawSpec:
    where = f"population.levels.{name}.size"
    size = content["size"]
    if isinstance(size, Mapping):
        return read_draw(size, where, standard=False, recycles=False)
    return parsed(size, where)


def _variables(
    content: Mapping[str, Any], section: str, level_names: tuple[str, ...]
) -> tuple[VariableSpec, ...]:
    found: Mapping[str, Any] = content.get(section) or {}
    return tuple(
        read_variable(name, one, level_names, f"population.{section}.{name}")
        for name, one in found.items()
    )


def _fixed(name: str, value: str | float | bool, known: list[str]) -> FixedSpec:
    where = f"population.model.fixed.{name}"
    factors = () if name == INTERCEPT else tuple(name.split(":"))
    _check_covariates(factors, known, where)
    return FixedSpec(name, parsed(value, where), factors)


def _check_covariates(names: Iterable[str], known: list[str], where: str) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise StudyError(
            f"{where}: {', '.join(map(repr, unknown))} must be {INTERCEPT} or a covariate "
            f"({', '.join(known) or 'there are none'}); a:b is a product, and another function of "
            "a covariate is a covariate with an expression"
        )


def _check_names(spec: PopulationSpec) -> None:
    names = [*spec.level_names, *spec.variable_names]
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise StudyError(
            f"population: every level and variable must have a name of its own; {', '.join(twice)} "
            f"is there more than once (u_<level> are random effects, {RESIDUAL} the residuals)"
        )
    bad = [
        name
        for name in names
        if not name.isidentifier() or keyword.iskeyword(name) or name in (*RESERVED, "count")
    ]
    if bad:
        raise StudyError(
            f"population: {', '.join(bad)} cannot be a name; take letters, digits and _, and no "
            f"word of Python's, nor {', '.join(RESERVED)} or count"
        )


def _order(
    order: list[str] | None, covariates: Iterable[VariableSpec], effects: Iterable[EffectSpec]
) -> tuple[str, ...]:
    usual = [
        *(one.name for one in covariates),
        *(effect.block for effect in effects),
        RESIDUAL,
    ]
    if order is None:
        return tuple(usual)
    unknown = [name for name in order if name not in usual]
    if unknown:
        raise StudyError(
            f"population.order: {', '.join(unknown)} cannot be drawn; there are "
            f"{', '.join(usual)} (all the effects of a level together)"
        )
    if len(set(order)) < len(order):
        raise StudyError(f"population.order: each must stand once; found {', '.join(order)}")
    computed = [one.name for one in covariates if isinstance(one.source, Expression)]
    missing = [name for name in usual if name not in order and name not in computed]
    if missing:
        raise StudyError(f"population.order: {', '.join(missing)} must be in it too")
    return (*order, *(name for name in computed if name not in order))
