"""The population's model as an equation that a page can show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from wemix_ref.report.studies.distributions import quantity, rescaled_words

__all__ = ["model_equations", "random_names"]

_INDICES = "ijklmnpq"
_INTERCEPT = "(Intercept)"


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
    told = quantity(value)
    if isinstance(value, str) and not re.fullmatch(r"[\w.]+", value):
        return Markup("({})").format(told)
    return told


def _distribution(group: str, one: Mapping[str, Any], terms: list[str], index: _Indexer) -> Markup:
    effects = [index(name) for name in random_names(group, terms)]
    sds = one["sd"] if isinstance(one["sd"], list) else [one["sd"]]
    told = Markup("mean 0, SD {}").format(Markup(" and ").join(map(quantity, sds)))
    if len(terms) > 1:
        told += _correlation(one.get("correlation", 0))
    told = rescaled_words(one, told)
    if "recycle" in one:
        told += Markup("; only {} values are drawn and repeated over the groups").format(
            quantity(one["recycle"])
        )
    left = effects[0]
    if len(effects) > 1:
        left = Markup("({})").format(Markup(", ").join(effects))
    return Markup("{} ~ {}").format(left, told)


def _correlation(value: object) -> Markup:
    if not isinstance(value, list):
        return Markup(", correlation {}").format(quantity(value))
    rows = [Markup(", ").join(map(quantity, row)) for row in value]
    return Markup(", correlations {}").format(Markup("; ").join(rows))


def _residual(one: Mapping[str, Any], index: _Indexer) -> Markup:
    spread = Markup("mean 0, SD {}").format(quantity(one["sd"]))
    return Markup("{} ~ {}").format(index("e"), rescaled_words(one, spread))
