"""The page: everything the templates show, put together and written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from wemix_ref.report import overview
from wemix_ref.report.data import CaseResults, Results, read_results
from wemix_ref.report.figures import deviance_figure, digits_figure
from wemix_ref.report.limits import Limits, read_limits
from wemix_ref.report.pictures import Drawn, draw_pictures
from wemix_ref.report.states import State, engine_order, engine_title, is_recorded, state_of
from wemix_ref.report.tables import Fit, Tier, fit_summary, quantity_title, tiers_of

__all__ = ["render_report", "write_report"]

_SAME_THETA = ("deviance", "beta", "sigma")


@dataclass(frozen=True)
class _EngineLine:
    """One engine in a case's list of engines."""

    title: str
    state: State
    recorded: bool
    versions: str
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class _CaseView:
    """A case's section."""

    results: CaseResults
    anchor: str
    kind: str
    facts: tuple[tuple[str, str], ...]
    data_facts: tuple[tuple[str, str], ...]
    engines: tuple[_EngineLine, ...]
    tiers: tuple[Tier, ...]
    fit: Fit | None
    pictures: tuple[Drawn, ...]
    pictures_by: str

    @property
    def any_remarks(self) -> bool:
        """Whether an engine said anything."""
        return any(line.remarks for line in self.engines)


def write_report(results_dir: Path, cases_dir: Path, out: Path) -> None:
    """Write the report of all comparisons.

    Parameters
    ----------
    results_dir : Path
        Holds ``comparisons/`` and ``fits/``.
    cases_dir : Path
        Holds the case files; ``tolerances.yaml`` stands beside it.
    out : Path
        The page, replaced as a whole; its directory is made if needed.

    Raises
    ------
    CaseError, EngineError
        If a comparison, a case file or a fit record cannot be read; `out` is left as it was.
    """
    cases_dir = Path(cases_dir)
    limits = read_limits(cases_dir.parent / "tolerances.yaml")
    text = render_report(read_results(Path(results_dir), cases_dir), limits)
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(scratch).chmod(0o644)
        os.replace(scratch, out)  # noqa: PTH105
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def render_report(results: Results, limits: Limits) -> str:
    """Give the page's text; the same results give the same text.

    Parameters
    ----------
    results : Results
        What :func:`wemix_ref.report.data.read_results` gives.
    limits : Limits
        What :func:`wemix_ref.report.limits.read_limits` gives.

    Returns
    -------
    str
        HTML that loads nothing from elsewhere.
    """
    environment = Environment(
        loader=PackageLoader("wemix_ref.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    text = environment.get_template("index.html.j2").render(_context(results, limits, environment))
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"


def _context(results: Results, limits: Limits, environment: Environment) -> dict[str, Any]:
    cases = results.cases
    digits = overview.digits_panels(cases, _SAME_THETA)
    deviances = overview.deviance_panels(cases, limits.allowed)
    counts = overview.counts(cases)
    style = environment.loader.get_source(environment, "style.css")[0]  # type: ignore[union-attr]
    return {
        "style": Markup(style),
        "results": results,
        "counts": counts,
        "total": counts[-1],
        "matrix": overview.matrix(cases),
        "takers": overview.takers(cases),
        "stands": overview.stands(cases),
        "limits": limits.tiers,
        "quantities": [quantity_title(name) for name in _SAME_THETA],
        "digits": [digits_figure(digits, _SAME_THETA, narrow=narrow) for narrow in (False, True)]
        if digits
        else [],
        "deviances": [deviance_figure(deviances, narrow=narrow) for narrow in (False, True)]
        if deviances
        else [],
        "views": [_view(case, limits.reasons) for case in cases],
    }


def _view(results: CaseResults, reasons: frozenset[str]) -> _CaseView:
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
    return _CaseView(
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


def _engine_line(results: CaseResults, name: str) -> _EngineLine:
    comparison = results.comparison
    entry = comparison["engines"].get(name) or results.records[name]
    state = state_of(comparison, name)
    remarks = [entry["message"]] if entry.get("message") else []
    remarks += list(entry.get("messages") or ())
    verdict = comparison["verdicts"].get(name) or {}
    if verdict.get("text") and verdict["text"] != state.word:
        remarks.insert(0, verdict["text"])
    return _EngineLine(
        title=engine_title(name),
        state=state,
        recorded=is_recorded(comparison, name),
        versions=overview.versions_text(name, entry),
        remarks=tuple(dict.fromkeys(remarks)),
    )


def _facts(results: CaseResults) -> tuple[tuple[str, str], ...]:
    model, case = results.comparison["model"], results.case
    ngroups = model.get("ngroups") or {}
    order = model.get("ngroups_order") or list(ngroups)
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
        ("Same answer as", case.same_answer_as or ""),
    ]
    return tuple((name, text) for name, text in facts if text)


def _centred(model: dict[str, Any]) -> str:
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
