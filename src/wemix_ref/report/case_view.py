"""A case's section: its model, data, engines, tables and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wemix_ref.cases import Case
from wemix_ref.report import overview
from wemix_ref.report.data import CaseResults
from wemix_ref.report.own_fit import Fit, fit_summary
from wemix_ref.report.pictures import Drawn, draw_pictures
from wemix_ref.report.states import State, engine_order, engine_title, is_recorded, state_of
from wemix_ref.report.tables import Tier, tiers_of

__all__ = ["CaseView", "EngineLine", "case_view"]


@dataclass(frozen=True)
class EngineLine:
    """One engine in a case's list of engines."""

    title: str
    state: State
    recorded: bool
    versions: str
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class CaseView:
    """A case's section."""

    results: CaseResults
    anchor: str
    kind: str
    facts: tuple[tuple[str, str], ...]
    data_facts: tuple[tuple[str, str], ...]
    engines: tuple[EngineLine, ...]
    tiers: tuple[Tier, ...]
    fit: Fit | None
    pictures: tuple[Drawn, ...]
    pictures_by: str

    @property
    def any_remarks(self) -> bool:
        """Whether an engine said anything."""
        return any(line.remarks for line in self.engines)


def case_view(results: CaseResults, reasons: frozenset[str]) -> CaseView:
    """Put together what a case's section shows.

    Parameters
    ----------
    results : CaseResults
        The case.
    reasons : frozenset of str
        Reasons that the table of tolerances gives.

    Returns
    -------
    CaseView
    """
    case, comparison = results.case, results.comparison
    names = {*comparison["engines"], *results.records} - {"printed"}
    engines = tuple(
        _engine_line(results, name)
        for name in engine_order(names)
        if name in comparison["engines"] or name == "python"
    )
    pictures: list[Drawn] = []
    if results.matrices is not None:
        pictures = draw_pictures(case.name, case.pictures, results.matrices)
    return CaseView(
        results=results,
        anchor=f"case-{case.name}",
        kind=overview.model_kind(comparison["model"]),
        facts=_facts(results),
        data_facts=_data_facts(results),
        engines=engines,
        tiers=tuple(tiers_of(results, reasons)),
        fit=fit_summary(results.records.get("python")),
        pictures=tuple(pictures),
        pictures_by=engine_title(results.matrices.engine) if results.matrices else "",
    )


def _engine_line(results: CaseResults, name: str) -> EngineLine:
    comparison = results.comparison
    entry = comparison["engines"].get(name) or results.records[name]
    state = state_of(comparison, name)
    remarks = [entry["message"]] if entry.get("message") else []
    remarks += list(entry.get("messages") or ())
    if entry.get("computed_by"):
        remarks.append(_computed_by(entry["computed_by"]))
    verdict = comparison["verdicts"].get(name) or {}
    if verdict.get("text") and verdict["text"] != state.word:
        remarks.insert(0, verdict["text"])
    return EngineLine(
        title=engine_title(name),
        state=state,
        recorded=is_recorded(comparison, name),
        versions=overview.versions_text(name, entry),
        remarks=tuple(dict.fromkeys(remarks)),
    )


def _computed_by(by: Mapping[str, Any]) -> str:
    text = f"computed by {by['software']} {by['version']}"
    if by.get("control"):
        text += f", control: {by['control']}"
    if by.get("formula_given"):
        text += f", given {by['formula_given']}"
    return f"{text}, from the data of the SHA-256 {by['data']['sha256'][:12]}…"


def _facts(results: CaseResults) -> tuple[tuple[str, str], ...]:
    model, case = results.comparison["model"], results.case
    ngroups = model.get("ngroups") or {}
    order = sorted(ngroups, key=lambda name: (-ngroups[name], name))  # lowest level first
    groups = ", ".join(f"{name} ({ngroups[name]})" for name in order)
    weights = "none"
    if model.get("weights"):
        kind = (
            "conditional on the level above"
            if model.get("conditional_weights")
            else ("unconditional")
        )
        weights = f"{', '.join(model['weights'])} (level 1 first), {kind}"
    dropped = model.get("n_dropped")
    facts = [
        (
            "Criterion",
            "REML"
            if model.get("reml")
            else "pseudo maximum likelihood"
            if model.get("weights")
            else "maximum likelihood",
        ),
        ("Levels", str(len(ngroups) + 1)),
        ("Groups", groups),
        ("Sampling weights", weights),
        ("Rows used", "" if model.get("nobs") is None else str(model["nobs"])),
        (
            "Rows left out",
            "" if dropped is None else f"{dropped} with missing values" if dropped else "none",
        ),
        ("Centred", _centred(model)),
        (
            "Precision weights",
            f"{model['precision_weights']}, for lme4 alone"
            if model.get("precision_weights")
            else "",
        ),
        ("Given to WeMix", case.wemix_formula or ""),
        ("Printed numbers at", _printed_at(case)),
        ("Same answer as", case.same_answer_as or ""),
    ]
    return tuple((name, text) for name, text in facts if text)


def _printed_at(case: Case) -> str:
    if case.printed_theta is None:
        return ""
    theta = ", ".join(f"{name} = {value}" for name, value in case.printed_theta.items())
    return f"theta of {case.printed_theta_from}: {theta}"


def _centred(model: Mapping[str, Any]) -> str:
    parts = [
        f"{formula} within {group}" for group, formula in (model.get("center_group") or {}).items()
    ]
    if model.get("center_grand"):
        parts.append(f"{model['center_grand']} over all rows")
    return "; ".join(parts)


def _data_facts(results: CaseResults) -> tuple[tuple[str, str], ...]:
    dataset = results.case.dataset
    source = ", ".join(str(value) for value in dataset.source.values())
    rebuilt = [column.name for column in dataset.columns if column.recipe is not None]
    given = [column.name for column in dataset.columns if column.recipe is None]
    facts = [
        ("File", dataset.path.name),
        ("What", dataset.what),
        ("Source", source),
        ("Rows", str(dataset.n_rows)),
        ("Rebuilt from the source", ", ".join(rebuilt)),
        ("Given, known by hash", ", ".join(given)),
        ("Licence", dataset.licence),
        ("SHA-256", dataset.sha256),
    ]
    return tuple((name, text) for name, text in facts if text)
