"""The data-generating mechanism and the methods in words, from the study's file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from wemix_ref.report.studies.distributions import distribution_words, quantity
from wemix_ref.report.studies.informative import response_through, stage_through
from wemix_ref.report.studies.wording import METHODS, RECIPES, SCALINGS, WEIGHTS
from wemix_ref.simulate.analyses import analyses_of, usual_recipe
from wemix_ref.simulate.scenarios import substituted

__all__ = [
    "AnalysisLine",
    "LevelLine",
    "StageLine",
    "VariableLine",
    "adjustments",
    "analysis_lines",
    "generator",
    "levels",
    "population_kind",
    "recipes_of",
    "stages",
    "target_text",
    "variables",
]


@dataclass(frozen=True)
class LevelLine:
    """A level: its name, which it is counted from the bottom, and how many units it has."""

    name: str
    number: int
    size: Markup


@dataclass(frozen=True)
class VariableLine:
    """A covariate or a derived variable."""

    name: str
    level: str
    how: Markup


@dataclass(frozen=True)
class StageLine:
    """How the units of a level are sampled, and through what that may be informative."""

    level: str
    method: str
    source: str
    settings: tuple[tuple[str, Markup], ...]
    strata: Markup
    through: str


@dataclass(frozen=True)
class AnalysisLine:
    """An analysis of the file: what is fitted, by whom, with which weights and errors."""

    name: str
    engine: str
    model: Markup
    weights: str
    scale: tuple[str, ...]
    se: tuple[str, ...]
    method: str


def population_kind(text: Mapping[str, Any]) -> str:
    """Say how populations and samples come about."""
    if _finite(text):
        return "One finite population is drawn and every replicate samples from it."
    return (
        "A new population is drawn from the model in every replicate, and one sample is taken "
        "from it."
    )


def generator(text: Mapping[str, Any]) -> str:
    """Say where random numbers come from."""
    one = text.get("generator")
    if isinstance(one, Mapping):
        seed = one["R"]
        if _finite(text):
            # the population takes the first seed
            return (
                f"R’s own: the population is drawn after set.seed({seed}), the sample of replicate "
                f"r, from 0, after set.seed({seed} + r + 1)"
            )
        return f"R’s own: replicate r, from 0, is drawn after set.seed({seed} + r)"
    told = "PCG64DXSM; each replicate’s stream depends on seed, scenario and replicate alone"
    if _finite(text):
        told += ", the population’s on seed, the file’s population and the parameters named there"
    return told


def _finite(text: Mapping[str, Any]) -> bool:
    return text["population"].get("kind") == "finite"


def levels(population: Mapping[str, Any]) -> list[LevelLine]:
    """Describe the levels, the top first."""
    names = list(population["levels"])
    lines = []
    for k, (name, one) in enumerate(population["levels"].items()):
        size = one["size"]
        told = distribution_words(size) if isinstance(size, Mapping) else quantity(size)
        above = Markup("; per {}").format(names[k - 1]) if k else ""
        lines.append(LevelLine(name, len(names) - k, told + above))
    return lines


def variables(population: Mapping[str, Any]) -> list[VariableLine]:
    """Describe the covariates and what is derived from the response, in the file's order."""
    lines = []
    for part in ("covariates", "derived"):
        for name, one in (population.get(part) or {}).items():
            told = distribution_words(one) if "distribution" in one else quantity(one["expression"])
            if "recycle" in one:
                told += Markup("; only {} values, repeated over the units").format(
                    quantity(one["recycle"])
                )
            lines.append(VariableLine(name, one["level"], told))
    return lines


def stages(text: Mapping[str, Any]) -> list[StageLine]:
    """Describe how each level is sampled, the top first."""
    population, sampling = text["population"], text.get("sampling") or {}
    lines = []
    for level in population["levels"]:
        one = sampling.get(level, {"method": "census"})
        method, source = METHODS.get(str(one["method"]), (str(one["method"]), ""))
        settings = tuple(
            (key, quantity(one[key]))
            for key in ("size", "rate", "measure", "probability", "weight")
            if key in one
        )
        lines.append(
            StageLine(
                level,
                method,
                source,
                settings,
                quantity(one["strata"]) if "strata" in one else Markup(""),
                stage_through(one, level, population),
            )
        )
    return lines


def adjustments(text: Mapping[str, Any]) -> list[tuple[str, Markup, str]]:
    """Describe nonresponse, trimming and noise: level, what is done, and what it depends on."""
    population = text["population"]
    lines = []
    for level, one in (text.get("nonresponse") or {}).items():
        adjust = str(one.get("adjust", "none"))
        done = {
            "none": "weights are not adjusted",
            "exact": "weights are divided by the response probability",
        }.get(adjust, f"weights are adjusted within classes of {adjust}")
        told = Markup("nonresponse: a unit responds with probability {}; {}").format(
            quantity(one["probability"]), done
        )
        lines.append((level, told, response_through(one, level, population)))
    for level, one in (text.get("trimming") or {}).items():
        bound = (
            Markup("their {} quantile").format(quantity(one["quantile"]))
            if "quantile" in one
            else Markup("{} times their median").format(quantity(one["times_median"]))
        )
        rest = "; the excess is spread over the others" if one.get("redistribute") else ""
        told = Markup("trimming: conditional weights are cut at {}{}").format(bound, rest)
        lines.append((level, told, ""))
    for level, one in (text.get("noise") or {}).items():
        told = Markup(
            "noise: conditional weights are multiplied by a gamma variable of mean 1 and "
            "coefficient of variation {}"
        ).format(quantity(one["cv"]))
        lines.append((level, told, ""))
    return lines


def analysis_lines(text: Mapping[str, Any]) -> list[AnalysisLine]:
    """Describe the analyses of the file."""
    lines = []
    for name, one in text["analyses"].items():
        weights = one.get("weights", "none")
        unweighted = weights in ("none", "precision")
        recipes = one.get("se") or usual_recipe(one)
        method = "REML" if one.get("reml") else "maximum likelihood"
        if not unweighted:
            method = "maximum pseudo-likelihood"
        if one.get("residual_variance") == "ml":
            method += ", residual variance r²/n"
        used = (
            f"conditional weights of {', '.join(weights)}; others are one"
            if isinstance(weights, list)
            else _said(weights, WEIGHTS)
        )
        lines.append(
            AnalysisLine(
                name,
                str(one.get("engine", "python")),
                Markup("<code>{}</code>").format(one.get("model", text["model"])),
                used,
                () if unweighted else _all(one.get("scale", "none"), SCALINGS),
                _all(recipes, RECIPES),
                method,
            )
        )
    return lines


def recipes_of(
    text: Mapping[str, Any], settings: Sequence[Mapping[str, Any]]
) -> dict[str, tuple[str, ...]]:
    """Give the recipes of every analysis, by its full name: one, or several by scenario.

    Parameters
    ----------
    text : Mapping
        The study's file, parsed.
    settings : sequence of Mapping
        The parameters of each scenario.
    """
    found: dict[str, dict[str, None]] = {}
    for parameters in settings:
        analyses, model = (substituted(text[key], parameters, key) for key in ("analyses", "model"))
        for one in analyses_of(analyses, model, list(text["population"]["levels"])):
            found.setdefault(one.name, {})[one.se] = None
    return {name: tuple(recipes) for name, recipes in found.items()}


def _all(value: object, words: Mapping[str, str]) -> tuple[str, ...]:
    several = value if isinstance(value, list) else [value]
    return tuple(_said(str(one), words) for one in several)


def _said(value: str, words: Mapping[str, str]) -> str:
    return f"{value}: {words[value]}" if value in words else value


def target_text(text: Mapping[str, Any]) -> str:
    """Say in a sentence what the estimates are held against."""
    target = text.get("target") or {"kind": "parameter"}
    if target["kind"] == "population":
        method = "REML" if target.get("reml") else "maximum likelihood"
        whole = "finite population" if _finite(text) else "population of the replicate"
        told = (
            f"the model {target.get('model', text['model'])} fitted to the whole {whole} "
            f"by {method}, unweighted"
        )
        if target.get("residual_variance") == "ml":
            told += ", with the residual variance r²/n"
    else:
        told = "the parameters of the model that the population is drawn from"
    values = target.get("values") or {}
    if values:
        stated = ", ".join(f"{name} = {value}" for name, value in values.items())
        told += f"; stated by hand: {stated}"
    return told
