"""The page: everything the templates show, put together and written whole or not at all."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from jinja2 import Environment

from wemix_ref.bench.table import read_run
from wemix_ref.datasets import RESOURCES
from wemix_ref.divergences.table import read_all
from wemix_ref.published.table import read_judged
from wemix_ref.report import overview
from wemix_ref.report.bench_view import SpeedView, speed_view
from wemix_ref.report.case_view import case_view
from wemix_ref.report.data import Results, read_results
from wemix_ref.report.divergences_view import DivergencesView, divergences_view
from wemix_ref.report.figures import deviance_figure, digits_figure
from wemix_ref.report.landing import landing
from wemix_ref.report.limits import Limits, read_limits
from wemix_ref.report.printed_view import PrintedView, printed_view
from wemix_ref.report.tables import quantity_title
from wemix_ref.report.templating import rendered, styles, surroundings
from wemix_ref.stamps import Stamper, write_stamped
from wemix_ref.tolerances import TOLERANCES

__all__ = ["render_report", "write_report"]

_SAME_THETA = ("deviance", "beta", "sigma")


def write_report(
    results_dir: Path,
    cases_dir: Path,
    out: Path,
    *,
    only: Collection[str] | None = None,
    tolerances: Path = TOLERANCES,
    resources: Path = RESOURCES,
    studies: str | None = None,
    printed: Path | None = None,
    divergences: Path | None = None,
    bench: Path | None = None,
    stamper: Stamper | None = None,
) -> None:
    """Write the report of all comparisons.

    Parameters
    ----------
    results_dir : Path
        Holds ``comparisons/`` and ``fits/``.
    cases_dir : Path
        Holds the case files.
    out : Path
        The page, replaced as a whole; its directory is made if needed.
    only : collection of str or None
        Names of the cases that the report is of; None: all that were compared.
    tolerances : Path
        The file of tolerances that the comparisons were made by.
    resources : Path
        Directory of the data and their provenance.
    studies : str or None
        Where the list of simulation studies lies, seen from the page; None: nowhere.
    printed : Path or None
        The JSON of judged printed numbers; None: the page has no such section.
    divergences : Path or None
        The JSON of all divergences; None: the page has no such section.
    bench : Path or None
        The JSON of a run of the benchmark; None: the page has no such section.
    stamper : Stamper or None
        Stamps the page with what it was made from.

    Raises
    ------
    CaseError, EngineError
        If a comparison, a case file or a fit record cannot be read; `out` is left as it was.
    """
    results = read_results(Path(results_dir), Path(cases_dir), only=only, resources=resources)
    view = None if printed is None else printed_view(read_judged(printed))
    apart = None if divergences is None else divergences_view(read_all(divergences))
    speed = None if bench is None else speed_view(read_run(bench))
    text = render_report(results, read_limits(tolerances), studies, view, apart, speed)
    if stamper is None:
        write_stamped(Path(out), text, None)
        return
    inputs = [Path(tolerances), *(path for path in (printed, divergences, bench) if path)]
    for one in results.cases:
        name = one.case.name
        inputs += [one.case.path, Path(results_dir) / "comparisons" / f"{name}.json"]
        fits = Path(results_dir) / "fits" / name
        for engine in one.records:
            matrices = fits / f"{engine}.matrices.parquet"
            inputs += [fits / f"{engine}.json", *([matrices] if matrices.is_file() else [])]
    write_stamped(Path(out), text, stamper(Path(out), inputs))


def render_report(
    results: Results,
    limits: Limits,
    studies: str | None = None,
    printed: PrintedView | None = None,
    divergences: DivergencesView | None = None,
    speed: SpeedView | None = None,
) -> str:
    """Give the page's text; the same results give the same text.

    Parameters
    ----------
    results : Results
        What :func:`wemix_ref.report.data.read_results` gives.
    limits : Limits
        What :func:`wemix_ref.report.limits.read_limits` gives.
    studies : str or None
        Where the list of simulation studies lies.
    printed : PrintedView or None
        What :func:`wemix_ref.report.printed_view.printed_view` gives.
    divergences : DivergencesView or None
        What :func:`wemix_ref.report.divergences_view.divergences_view` gives.
    speed : SpeedView or None
        What :func:`wemix_ref.report.bench_view.speed_view` gives.

    Returns
    -------
    str
        HTML that loads nothing from elsewhere.
    """
    environment = surroundings()
    context = _context(results, limits, environment)
    context["landing"] = landing(results.cases, context["matrix"], printed)
    sections = {"printed": printed, "divergences": divergences, "speed": speed}
    shown = {**context, "studies": studies, **sections}
    return rendered(environment, "index.html.j2", shown)


def _context(results: Results, limits: Limits, environment: Environment) -> dict[str, Any]:
    cases = results.cases
    digits = overview.digits_panels(cases, _SAME_THETA)
    deviances = overview.deviance_panels(cases, limits.allowed)
    counts = overview.counts(cases)
    return {
        "style": styles(environment, "style.css"),
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
        "views": [case_view(case, limits.reasons) for case in cases],
    }
