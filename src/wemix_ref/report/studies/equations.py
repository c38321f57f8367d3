"""The population's model as an equation that a page can show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

__all__ = ["model_equations", "random_names"]

_INDICES = "ijklmnpq"
_INTERCEPT = "(Intercept)"
_SHAPES = {
    "normal": "normal",
    "t": "Student’s t",
    "gamma": "gamma, shifted",
    "lognormal": "log-normal, shifted",
    "uniform": "uniform",
    "laplace": "Laplace",
}


def random_names(group: str, terms: list[str]) -> list[str]:
    """Names of a group's random effects: ``u_school`` and, for a slope, ``u_school_x``."""
    return [f"u_{group}" if term == _INTERCEPT else f"u_{group}_{term}" for term in terms]


def model_equations(population: Mapping[str, Any]) -> list[Markup]:
    """Write the model: the response, then each source of variation with its distribution.

    Parameters
    ----------
    population : Mapping
        As in the study's file.

    Returns
    -------
    list of Markup
    """
    levels = list(population["levels"])
    model = population["model"]
    where = {model["response"]: levels[-1], "e": levels[-1]}
    for variables in (population.get("covariates") or {}, population.get("derived") or {}):
        where.update({name: one["level"] for name, one in variables.items()})
    index = _Indexer(levels, where)
    terms = [
        _product(_coefficient(value), [] if name == _INTERCEPT else name.split(":"), index)
        for name, value in model["fixed"].items()
        if value not in (0, "0")
    ]
    lines, effects = [], model.get("random") or {}
    for group, one in effects.items():
        names = one.get("terms") or [_INTERCEPT]
        for term, effect in zip(names, random_names(group, names), strict=True):
            where[effect] = group
            factors = [] if term == _INTERCEPT else term.split(":")
            terms.append(_product(index(effect), factors, index))
        lines.append(_distribution(group, one, names, index))
    terms.append(index("e"))
    lines.append(_residual(model["residual"], index))
    right = Markup(" + ").join(terms).replace(Markup("+ −"), Markup("− "))
    return [Markup("{} = {}").format(index(model["response"]), right), *lines]


class _Indexer:
    """Names with their units' indices: the level's own first, then those above."""

    def __init__(self, levels: list[str], where: Mapping[str, str]) -> None:
        self._levels, self._where = levels, where

    def __call__(self, name: str) -> Markup:
        level = self._where.get(name)
        if level is None or level not in self._levels:
            return Markup("<i>{}</i>").format(name)
        first = len(self._levels) - 1 - self._levels.index(level)
        index = _INDICES[first : len(self._levels)]
        short, _, rest = name.partition("_")
        if short == "u" and rest:
            return Markup("<i>u</i><sub>{}, <i>{}</i></sub>").format(
                rest.replace("_", " ", 1), index
            )
        return Markup("<i>{}</i><sub><i>{}</i></sub>").format(name, index)


def _product(first: Markup, factors: list[str], index: _Indexer) -> Markup:
    parts = [one for one in (first, *map(index, factors)) if one != Markup("1") or not factors]
    return Markup(" ").join(parts)


def _coefficient(value: object) -> Markup:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = escape(str(value).replace("-", "−"))
    if isinstance(value, str) and not re.fullmatch(r"[\w.$]+", value):
        return Markup("({})").format(text)
    return text


def _distribution(group: str, one: Mapping[str, Any], terms: list[str], index: _Indexer) -> Markup:
    effects = [index(name) for name in random_names(group, terms)]
    sds = one["sd"] if isinstance(one["sd"], list) else [one["sd"]]
    told = f"mean 0, SD {' and '.join(str(sd) for sd in sds)}"
    if len(terms) > 1:
        correlation = one.get("correlation", 0)
        if isinstance(correlation, list):
            told += ", correlations " + "; ".join(", ".join(map(str, row)) for row in correlation)
        else:
            told += f", correlation {correlation}"
    if "recycle" in one:
        told += f"; only {one['recycle']} values are drawn and repeated over the groups"
    left = effects[0]
    if len(effects) > 1:
        left = Markup("({})").format(Markup(", ").join(effects))
    return Markup("{} ~ {}, {}").format(left, _shape(one), told)


def _residual(one: Mapping[str, Any], index: _Indexer) -> Markup:
    return Markup("{} ~ {}, mean 0, SD {}").format(index("e"), _shape(one), one["sd"])


def _shape(one: Mapping[str, Any]) -> str:
    name = str(one.get("distribution", "normal"))
    known = {"terms", "sd", "correlation", "distribution", "recycle"}
    options = [f"{key} {value}" for key, value in one.items() if key not in known]
    return _SHAPES.get(name, name) + (f" ({', '.join(options)})" if options else "")
