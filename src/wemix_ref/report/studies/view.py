"""A study as its report needs it: names in their order, measures by name, rows by scenario."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from wemix_ref.errors import StudyError
from wemix_ref.report.studies.wording import FIT

__all__ = ["Measured", "ScenarioView", "StudyView", "head_of", "is_fixed", "study_view"]

_PERFORMANCE = ("scenario", "analysis", "parameter", "measure", "estimate", "mcse", "n")
_PAIRED = ("scenario", "analysis", "reference", "parameter", "measure", "estimate", "mcse", "n")
_ROWS: tuple[str, ...] = ("scenario", "replicate", "analysis", "status", "message", "n_top")
_ROWS += ("parameter", "estimate", "se", "target")
_AUDIT: tuple[str, ...] = ("scenario", "replicate", "analysis", "engine", "tier", "quantity")
_AUDIT += ("name", "ours", "theirs", "digits", "required", "ok", "message")


@dataclass(frozen=True)
class Measured:
    """A measure's value, its Monte Carlo standard error and the replicates it is of."""

    estimate: float
    mcse: float
    n: int


_NOTHING = Measured(math.nan, math.nan, 0)


@dataclass(frozen=True)
class ScenarioView:
    """A scenario: its name, what a reader is shown for it, and its parameters."""

    name: str
    label: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class StudyView:
    """A study and all its results.

    Attributes
    ----------
    name, title : str
    text : Mapping
        The study's file, parsed.
    scenarios : tuple of ScenarioView
        In the study's order.
    factors : Mapping of str to tuple
        The factors and their values; empty where scenarios are named one by one.
    analyses : tuple of str
        In the study's order.
    labels : Mapping of str to str
        What figures and tables call the analyses.
    parameters : tuple of str
        Fixed effects first, then variance components.
    level : float
        Of the intervals.
    distribution : str
        ``normal`` or ``t``.
    performance, paired, audit : DataFrame
    rows : Mapping of str to DataFrame
        By scenario.
    """

    name: str
    title: str
    text: Mapping[str, Any]
    scenarios: tuple[ScenarioView, ...]
    factors: Mapping[str, tuple[Any, ...]]
    analyses: tuple[str, ...]
    labels: Mapping[str, str]
    parameters: tuple[str, ...]
    level: float
    distribution: str
    performance: pd.DataFrame
    paired: pd.DataFrame
    audit: pd.DataFrame
    rows: Mapping[str, pd.DataFrame]
    _measured: Mapping[tuple[str, str, str, str], Measured] = field(repr=False)

    def measured(self, scenario: str, analysis: str, parameter: str, measure: str) -> Measured:
        """Give a measure; not a number where it is undefined."""
        return self._measured.get((scenario, analysis, parameter, measure), _NOTHING)

    def has(self, measure: str, parameter: str | None = None) -> bool:
        """Whether a measure is defined anywhere (for a parameter)."""
        part = self.performance[self.performance["measure"] == measure]
        if parameter is not None:
            part = part[part["parameter"] == parameter]
        return bool(part["estimate"].notna().any())

    @cached_property
    def _kinds(self) -> tuple[tuple[str, ...], ...]:
        """Analyses by their estimates; those without a value are each by themselves."""
        kinds: dict[tuple[str, ...], list[str]] = {}
        for analysis in self.analyses:
            key = tuple(
                repr(self.measured(one.name, analysis, parameter, measure).estimate)
                for one in self.scenarios
                for parameter in self.parameters
                for measure in ("bias", "mean_estimate", "empirical_se")
            )
            key = (analysis,) if set(key) <= {"nan"} else key
            kinds.setdefault(key, []).append(analysis)
        return tuple(map(tuple, kinds.values()))

    @cached_property
    def fits(self) -> tuple[tuple[str, str], ...]:
        """Analyses whose estimates differ: the first of each kind, and what all of it are called.

        Analyses that differ in their standard errors alone have the same estimates.
        """
        return tuple(
            (names[0], _common([self.labels[one] for one in names])) for names in self._kinds
        )

    def place(self, analysis: str) -> tuple[int, int]:
        """Places of an analysis: of its estimates among all, and of itself among its kind."""
        fit = next(k for k, names in enumerate(self._kinds) if analysis in names)
        return fit, self._kinds[fit].index(analysis)

    def recipes(self, fit: str) -> tuple[str, ...]:
        """Analyses that have the same estimates as one of them."""
        return self._kinds[self.place(fit)[0]]

    @property
    def fixed(self) -> tuple[str, ...]:
        """Parameters that are fixed effects."""
        return tuple(name for name in self.parameters if is_fixed(name))


def _common(labels: Sequence[str]) -> str:
    """What several labels begin with, up to a comma; all of them where there is no such thing."""
    heads = {label.rpartition(", ")[0] for label in labels}
    if len(labels) == 1:
        return labels[0]
    return heads.pop() if len(heads) == 1 and "" not in heads else " = ".join(labels)


def is_fixed(parameter: str) -> bool:
    """Whether a parameter is a fixed effect, not a variance component."""
    return parameter not in (FIT, "sigma2", "sigma") and not parameter.startswith(
        ("var ", "cov ", "cor ", "sd ")
    )


def study_view(
    text: Mapping[str, Any],
    name: str,
    performance: pd.DataFrame,
    paired: pd.DataFrame,
    rows: Mapping[str, pd.DataFrame],
    audit: pd.DataFrame | None,
    scenarios: Mapping[str, Mapping[str, Any]] | None = None,
) -> StudyView:
    """Put a study and its results together.

    Parameters
    ----------
    text : Mapping
        The study's file, parsed.
    name : str
        The study's name.
    performance, paired : DataFrame
        Measures of each analysis, and of pairs of analyses.
    rows : Mapping of str to DataFrame
        The replicates' rows by scenario.
    audit : DataFrame or None
        Comparisons with R; None where there was no audit.
    scenarios : Mapping or None
        Names to parameters, in the study's order; None: as the file gives them.

    Returns
    -------
    StudyView

    Raises
    ------
    StudyError
        If a table lacks columns, or has a scenario that the study has not.
    """
    _columns(performance, _PERFORMANCE, "the table of performance")
    _columns(paired, _PAIRED, "the table of paired differences")
    for scenario, frame in rows.items():
        _columns(frame, _ROWS, f"the replicates of scenario {scenario!r}")
    audit = pd.DataFrame(columns=list(_AUDIT)) if audit is None else audit
    _columns(audit, _AUDIT, "the audit")
    if scenarios is None:
        scenarios = _settings(text)
    for frame, what in ((performance, "the table of performance"), (audit, "the audit")):
        strangers = [one for one in frame["scenario"].unique() if one not in scenarios]
        if strangers:
            raise StudyError(
                f"{what} must have scenarios of the study {name!r} alone ({', '.join(scenarios)}); "
                f"{len(strangers)} are not (first: {strangers[0]!r}). Make both from one file."
            )
    factors = _factors(text, scenarios)
    seen = list(dict.fromkeys(performance["analysis"]))
    analyses = _ordered_analyses(list(text.get("analyses", {})), seen)
    interval = text.get("interval") or {}
    return StudyView(
        name=name,
        title=str(text.get("title", name)),
        text=text,
        scenarios=tuple(
            ScenarioView(key, _scenario_label(key, values, factors), values)
            for key, values in scenarios.items()
        ),
        factors=factors,
        analyses=tuple(analyses),
        labels=_labels(analyses, text),
        parameters=tuple(_ordered_parameters(text, performance, rows)),
        level=float(interval.get("level", 0.95)),
        distribution=str(interval.get("distribution", "normal")),
        performance=performance,
        paired=paired,
        audit=audit,
        rows={key: rows[key] for key in scenarios if key in rows},
        _measured={
            (str(row[0]), str(row[1]), str(row[2]), str(row[3])): Measured(
                float(row[4]), float(row[5]), int(row[6])
            )
            for row in performance[list(_PERFORMANCE)].itertuples(index=False)
        },
    )


def _columns(frame: pd.DataFrame, needed: Sequence[str], what: str) -> None:
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise StudyError(
            f"{what} must have the columns {', '.join(needed)}; {len(missing)} are missing "
            f"(first: {missing[0]!r}). Make it with this version of the package."
        )


def _settings(text: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Give scenarios' names and parameters: named ones, the full factorial, or `main` alone."""
    constants = text.get("parameters") or {}
    if text.get("scenarios"):
        return {name: {**constants, **own} for name, own in text["scenarios"].items()}
    factors = text.get("factors") or {}
    found = {}
    for values in itertools.product(*factors.values()):
        chosen = dict(zip(factors, values, strict=True))
        name = "_".join(f"{factor}-{_tag(value)}" for factor, value in chosen.items())
        found[name or "main"] = {**constants, **chosen}
    return found


def _tag(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _factors(
    text: Mapping[str, Any], scenarios: Mapping[str, Mapping[str, Any]]
) -> dict[str, tuple[Any, ...]]:
    """Values of each factor that the scenarios have, in the file's order."""
    factors = {}
    for name, values in (text.get("factors") or {}).items():
        there = [one.get(name) for one in scenarios.values() if name in one]
        kept = [value for value in values if value in there]
        kept += [value for value in dict.fromkeys(there) if value not in kept]
        if kept:
            factors[name] = tuple(kept)
    return factors


def _scenario_label(
    name: str, parameters: Mapping[str, Any], factors: Mapping[str, tuple[Any, ...]]
) -> str:
    varying = [one for one, values in factors.items() if len(values) > 1 and one in parameters]
    if not varying:
        return name
    return ", ".join(f"{one.replace('_', ' ')} {_value(parameters[one])}" for one in varying)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _labels(analyses: Sequence[str], text: Mapping[str, Any]) -> dict[str, str]:
    """Labels as the file gives them; names in their place where two would be alike."""
    stated = text.get("analyses") or {}
    found = {}
    for name in analyses:
        head = head_of(name, list(stated))
        label = (stated.get(head) or {}).get("label", head.replace("-", " "))
        tags = [tag for tag in name[len(head) :].split("-") if tag]
        found[name] = ", ".join([str(label), *tags])
    return found if len(set(found.values())) == len(found) else {one: one for one in analyses}


def head_of(name: str, stated: Sequence[str]) -> str:
    """Give the file's name of an analysis, which may be one of a list of recipes or scalings."""
    heads = [one for one in stated if name == one or name.startswith(one + "-")]
    return max(heads, key=len, default=name)


def _ordered_analyses(stated: Sequence[str], seen: Iterable[str]) -> list[str]:
    """Order of the file; one analysis of a list of recipes stands where its list stands."""

    def place(name: str) -> int:
        head = head_of(name, stated)
        return stated.index(head) if head in stated else len(stated)

    return sorted(seen, key=place)


def _ordered_parameters(
    text: Mapping[str, Any], performance: pd.DataFrame, rows: Mapping[str, pd.DataFrame]
) -> list[str]:
    seen: dict[str, None] = {}
    for frame in (*rows.values(), performance):
        seen.update(dict.fromkeys(str(one) for one in frame["parameter"].dropna().unique()))
    seen.pop(FIT, None)
    model = (text.get("population") or {}).get("model") or {}
    stated = list(model.get("fixed") or {})

    def place(name: str) -> tuple[int, int]:
        if is_fixed(name):
            return 0, stated.index(name) if name in stated else len(stated)
        return (1 if name.startswith("var ") else 2 if name != "sigma2" else 3), 0

    return sorted(seen, key=place)
