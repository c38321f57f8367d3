"""Sampling designs as a study's file states them: one stage a level, and what befalls weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from wemix_ref.errors import StudyError
from wemix_ref.simulate.arithmetic import Expression
from wemix_ref.simulate.draw_specs import parsed

__all__ = [
    "EXTRA_NAMES",
    "METHODS",
    "Method",
    "Nonresponse",
    "SamplingSpec",
    "Stage",
    "Trimming",
    "sampling_spec",
]


@dataclass(frozen=True)
class Method:
    """A way of selecting units.

    Attributes
    ----------
    source : str
        Author and year; empty where none is needed.
    measure : str
        Whether a measure of size is "needed", "allowed" or "refused".
    fixed : bool
        Whether the size of the sample is fixed.
    """

    source: str
    measure: str
    fixed: bool = True


METHODS: Mapping[str, Method] = {
    "census": Method("", "refused"),
    "srs": Method("Cochran 1977", "refused"),
    "poisson": Method("Hájek 1964", "allowed", fixed=False),
    "systematic": Method("Madow 1949", "allowed"),
    "sampford": Method("Sampford 1967", "needed"),
    "pivotal": Method("Deville and Tillé 1998", "needed"),
}


@dataclass(frozen=True)
class Stage:
    """How units of one level are selected within each unit of the level above.

    Attributes
    ----------
    method : str
        A key of METHODS.
    size, rate, probability, measure, strata : Expression or None
        As the file has them.
    weight : Expression or None
        The conditional weight as coded, which may be wrong; None: one over the probability.
    """

    method: str = "census"
    size: Expression | None = None
    rate: Expression | None = None
    probability: Expression | None = None
    measure: Expression | None = None
    strata: Expression | None = None
    weight: Expression | None = None


@dataclass(frozen=True)
class Nonresponse:
    """Which selected units answer.

    Attributes
    ----------
    probability : Expression
        Of answering, once selected.
    adjust : str
        "none", "exact" or "classes".
    classes : Expression or None
        The variable whose values are the weighting classes.
    """

    probability: Expression
    adjust: str
    classes: Expression | None = None


@dataclass(frozen=True)
class Trimming:
    """A bound on the conditional weights of a level.

    Attributes
    ----------
    quantile, times_median : Expression or None
        One of the two: the bound as a quantile of the weights, or as a multiple of their median.
    redistribute : bool
        Whether the weights that were not trimmed are raised to keep the level's weighted total.
    """

    quantile: Expression | None
    times_median: Expression | None
    redistribute: bool


@dataclass(frozen=True)
class SamplingSpec:
    """A sampling design; every tuple has an entry per level, the top first.

    Attributes
    ----------
    levels : tuple of str
    stages : tuple of Stage
    nonresponse : tuple of Nonresponse or None
    trimming : tuple of Trimming or None
    noise : tuple of Expression or None
        Coefficient of variation of the noise on the conditional weights.
    """

    levels: tuple[str, ...]
    stages: tuple[Stage, ...]
    nonresponse: tuple[Nonresponse | None, ...]
    trimming: tuple[Trimming | None, ...]
    noise: tuple[Expression | None, ...]

    def expressions(self) -> Iterator[tuple[str, Expression]]:
        """Yield every expression with the place in the file that it is from."""
        for level, name in enumerate(self.levels):
            parts: list[tuple[str, object]] = [("sampling", self.stages[level])]
            parts += [("nonresponse", self.nonresponse[level]), ("trimming", self.trimming[level])]
            for section, part in parts:
                for key in fields(part) if is_dataclass(part) else ():
                    value = getattr(part, key.name)
                    if isinstance(value, Expression):
                        yield f"{section}.{name}.{_KEYS.get(key.name, key.name)}", value
            noise = self.noise[level]
            if noise is not None:
                yield f"noise.{name}.cv", noise


#: Names that a stage's expressions may use besides variables and parameters.
EXTRA_NAMES = ("count",)

# where a field stands under another name in the file
_KEYS = {"classes": "adjust"}
_STAGE_KEYS = ("size", "rate", "probability", "measure", "strata", "weight")


def sampling_spec(
    mapping: Mapping[str, Mapping[str, Any]], level_names: tuple[str, ...]
) -> SamplingSpec:
    """Read a sampling design.

    Parameters
    ----------
    mapping : mapping of str to mapping
        ``sampling``, ``nonresponse``, ``trimming`` and ``noise``, each by level name; any may be
        missing. A level without an entry in ``sampling`` is a census.
    level_names : tuple of str
        The top first.

    Returns
    -------
    SamplingSpec

    Raises
    ------
    StudyError
        If a level or a method is unknown, options do not go together, or an expression cannot be
        read.
    """
    parts = {}
    for part in ("sampling", "nonresponse", "trimming", "noise"):
        parts[part] = mapping.get(part, {})
        unknown = [name for name in parts[part] if name not in level_names]
        if unknown:
            raise StudyError(
                f"`{part}` must name levels of the population ({', '.join(level_names)}); "
                f"{len(unknown)} are none of them (first: `{unknown[0]}`)"
            )
    sampling, nonresponse, trimming, noise = parts.values()
    return SamplingSpec(
        levels=tuple(level_names),
        stages=tuple(
            _stage(name, sampling[name]) if name in sampling else Stage() for name in level_names
        ),
        nonresponse=tuple(
            _nonresponse(name, nonresponse[name]) if name in nonresponse else None
            for name in level_names
        ),
        trimming=tuple(
            _trimming(name, trimming[name]) if name in trimming else None for name in level_names
        ),
        noise=tuple(_noise(name, noise[name]) if name in noise else None for name in level_names),
    )


def _only(
    where: str, given: Mapping[str, Any], allowed: tuple[str, ...], needed: tuple[str, ...] = ()
) -> Mapping[str, Any]:
    unknown = [key for key in given if key not in allowed]
    missing = [key for key in needed if key not in given]
    if unknown or missing:
        found = f"found `{unknown[0]}`" if unknown else f"`{missing[0]}` is missing"
        raise StudyError(f"{where} must be given by {', '.join(allowed)}; {found}")
    return given


def _stage(name: str, given: Mapping[str, Any]) -> Stage:
    where = f"sampling.{name}"
    _only(where, given, ("method", *_STAGE_KEYS), ("method",))
    chosen = given["method"]
    if chosen not in METHODS:
        raise StudyError(f"{where}.method: must be one of {', '.join(METHODS)}; found {chosen!r}")
    keys = [key for key in _STAGE_KEYS if key in given]
    _check_options(f"{where}: {chosen}", chosen, set(keys))
    if "strata" in given:
        _check_name(f"{where}.strata", given["strata"], "the name of a variable")
    return Stage(chosen, **{key: parsed(given[key], f"{where}.{key}") for key in keys})


def _check_options(where: str, chosen: str, keys: set[str]) -> None:
    """Refuse options that say nothing or say too much."""
    method = METHODS[chosen]
    if chosen == "census":
        _refuse(where, keys - {"weight"}, "takes every unit")
        return
    if "probability" in keys:
        if chosen != "poisson":
            raise StudyError(
                f"{where} has a fixed size, so it needs `size` or `rate`, and `measure` for what "
                "the probabilities are proportional to; found `probability`. Poisson sampling "
                "takes probabilities"
            )
        _refuse(where, keys - {"probability", "weight"}, "has its `probability` already")
        return
    if len(keys & {"size", "rate"}) != 1:
        found = "both" if keys >= {"size", "rate"} else "neither"
        other = "" if method.fixed else ", or `probability`"
        raise StudyError(f"{where} must be given one of `size` and `rate`{other}; found {found}")
    if method.measure == "refused":
        _refuse(where, keys & {"measure"}, "gives all units of a cell the same probability")
    if method.measure == "needed" and "measure" not in keys:
        raise StudyError(
            f"{where} needs `measure`, which the probabilities are proportional to; there is "
            "none. For equal probabilities use srs"
        )


def _refuse(where: str, extra: set[str], reason: str) -> None:
    if extra:
        raise StudyError(
            f"{where} {reason}; take out {', '.join(f'`{key}`' for key in sorted(extra))}"
        )


def _nonresponse(name: str, given: Mapping[str, Any]) -> Nonresponse:
    where, keys = f"nonresponse.{name}", ("probability", "adjust")
    _only(where, given, keys, keys)
    probability, adjust = parsed(given["probability"], f"{where}.probability"), given["adjust"]
    _check_name(f"{where}.adjust", adjust, "none, exact or the name of a variable")
    if adjust in ("none", "exact"):
        return Nonresponse(probability, adjust)
    return Nonresponse(probability, "classes", parsed(adjust, f"{where}.adjust"))


def _noise(name: str, given: Mapping[str, Any]) -> Expression:
    return parsed(_only(f"noise.{name}", given, ("cv",), ("cv",))["cv"], f"noise.{name}.cv")


def _check_name(where: str, found: object, must: str) -> None:
    # what came by $NAME was not seen by the schema
    if not isinstance(found, str) or not found.isidentifier():
        raise StudyError(f"{where}: must be {must}; found {found!r}")


def _trimming(name: str, given: Mapping[str, Any]) -> Trimming:
    where = f"trimming.{name}"
    _only(where, given, ("quantile", "times_median", "redistribute"))
    bounds = {key: parsed(given[key], f"{where}.{key}") for key in given if key != "redistribute"}
    if len(bounds) != 1:
        raise StudyError(
            f"{where} must be given one of `quantile` and `times_median`; found {len(bounds)}"
        )
    redistribute = given.get("redistribute", False)
    if not isinstance(redistribute, bool):
        raise StudyError(f"{where}.redistribute: must be true or false; found {redistribute!r}")
    return Trimming(bounds.get("quantile"), bounds.get("times_median"), redistribute)
