"""A study's page, figures and tables, put together and written whole or not at all."""

from __future__ import annotations

import itertools
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from operator import attrgetter
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment
from markupsafe import Markup

from wemix_ref.report.states import engine_title
from wemix_ref.report.studies import describe
from wemix_ref.report.studies.agreement import (
    agreement_pictures,
    audit_counts,
    audit_lines,
    audit_messages,
)
from wemix_ref.report.studies.canvas import standalone
from wemix_ref.report.studies.equations import model_equations
from wemix_ref.report.studies.estimates import estimate_pictures
from wemix_ref.report.studies.forest import bias_pictures, coverage_pictures
from wemix_ref.report.studies.latex import latex_table
from wemix_ref.report.studies.nested_loop import nested_loop_pictures
from wemix_ref.report.studies.panels import Picture, slug
from wemix_ref.report.studies.published import published_lines
from wemix_ref.report.studies.references import References, setting
from wemix_ref.report.studies.summary import failures, ranges, replicates_done, targets
from wemix_ref.report.studies.tables import (
    Table,
    family_table,
    fits_table,
    paired_table,
    parameter_tables,
)
from wemix_ref.report.studies.view import StudyView, study_view
from wemix_ref.report.studies.wording import FAMILIES, MEASURES
from wemix_ref.report.studies.writing import write_together
from wemix_ref.report.studies.zips import zip_pictures
from wemix_ref.report.templating import rendered, styles, surroundings
from wemix_ref.simulate.published import LIMIT, PrintedMedian
from wemix_ref.stamps import Stamp, stamped

__all__ = ["environment", "render_study", "style_of", "write_study_report"]

_PACKAGES = ("wemix-ref", "numpy", "scipy", "pandas")
# More paired rows than that are for the file, not for the page.
_MOST_PAIRED = 400


def write_study_report(
    study_yaml: Mapping[str, Any],
    name: str,
    performance: pd.DataFrame,
    paired: pd.DataFrame,
    rows_by_scenario: Mapping[str, pd.DataFrame],
    audit: pd.DataFrame | None,
    out_dir: Path,
    *,
    published: Sequence[PrintedMedian] | None = None,
    scenarios: Mapping[str, Mapping[str, Any]] | None = None,
    versions: Mapping[str, str] | None = None,
    stamp: Stamp | None = None,
) -> None:
    """Write the report of a study: ``report.html``, ``figures/*.svg`` and ``tables/*.tex``.

    Parameters
    ----------
    study_yaml : Mapping
        The study's file, parsed and checked against its schema.
    name : str
        The study's name.
    performance, paired : DataFrame
        Measures of each analysis and of pairs of them, each with its Monte Carlo standard error.
    rows_by_scenario : Mapping of str to DataFrame
        The replicates' rows.
    audit : DataFrame or None
        Comparisons with R, number by number; None where there was none.
    out_dir : Path
        Where the files go; its folders ``figures`` and ``tables`` are replaced as wholes.
    published : sequence of PrintedMedian or None
        Printed medians of errors; see
        :func:`wemix_ref.simulate.published.beside_published`.
    scenarios : Mapping or None
        Names to parameters, in the study's order; None: as the file gives them.
    versions : Mapping of str to str or None
        What computed the replicates; None: what is installed.
    stamp : Stamp or None
        What page, figures and tables carry.

    Raises
    ------
    StudyError
        If a table lacks columns or has a scenario that the study has not; nothing is then written.
    """
    view = study_view(study_yaml, name, performance, paired, rows_by_scenario, audit, scenarios)
    pictures = _pictures(view)
    text = render_study(view, pictures, published or (), versions or _installed())
    figures = {
        f"{one.name}.svg": standalone(one.wide) for part in pictures.values() for one in part
    }
    tables = {
        f"{slug(table.name)}.tex": latex_table(
            table,
            f"{table.title}, study {name}: estimates with Monte Carlo standard errors in "
            "parentheses; n replicates.",
            f"tab:{slug(name)}-{slug(table.name)}",
        )
        for table in _all_tables(view)
    }
    folders = {
        folder: {name: stamped(name, content, stamp) for name, content in texts.items()}
        for folder, texts in (("figures", figures), ("tables", tables))
    }
    write_together(Path(out_dir), ("report.html", stamped("report.html", text, stamp)), folders)


def render_study(
    view: StudyView,
    pictures: Mapping[str, Sequence[Picture]],
    published: Sequence[PrintedMedian],
    versions: Mapping[str, str],
) -> str:
    """Give the page's text; the same study gives the same text.

    Parameters
    ----------
    view : StudyView
    pictures : Mapping of str to sequence of Picture
        By the section that they stand in.
    published : sequence of PrintedMedian
    versions : Mapping of str to str

    Returns
    -------
    str
        HTML that loads nothing from elsewhere.
    """
    made = environment()
    context = _context(view, pictures, published, versions)
    return rendered(made, "study.html.j2", {**context, "style": style_of(made)})


def environment() -> Environment:
    """Make the templates' environment."""
    made = surroundings()
    made.filters["minus"] = lambda text: str(text).replace("-", "−")
    made.filters["setting"] = setting
    made.filters["engine"] = engine_title
    return made


def style_of(made: Environment) -> Markup:
    """Give the style sheets of a study's page."""
    return styles(made, "style.css", "study.css.j2")


def _pictures(view: StudyView) -> dict[str, list[Picture]]:
    return {
        "bias": bias_pictures(view),
        "coverage": coverage_pictures(view),
        "loops": nested_loop_pictures(view),
        "estimates": estimate_pictures(view),
        "zips": zip_pictures(view),
        "agreement": agreement_pictures(view),
    }


def _reference(view: StudyView) -> str | None:
    """Give the analysis that pairs on the page are held against; None: all pairs are shown."""
    stated = view.text.get("compare_with")
    few = view.paired[["scenario", "analysis", "reference", "parameter"]].drop_duplicates()
    if stated is not None or len(few) <= _MOST_PAIRED:
        return None
    return str(view.paired["reference"].iloc[0])


def _all_tables(view: StudyView) -> list[Table]:
    found = [family_table(view, family) for family in FAMILIES]
    found.append(paired_table(view, _reference(view)))
    return [one for one in found if one is not None]


def _context(
    view: StudyView,
    pictures: Mapping[str, Sequence[Picture]],
    published: Sequence[PrintedMedian],
    versions: Mapping[str, str],
) -> dict[str, Any]:
    text = view.text
    refers = References(text, [one.parameters for one in view.scenarios], list(view.factors))
    measures = set(view.performance["measure"]) | set(view.paired["measure"])
    reference = _reference(view)
    varying = [
        name
        for name in dict.fromkeys(key for one in view.scenarios for key in one.parameters)
        if len({str(one.parameters.get(name)) for one in view.scenarios}) > 1
    ]
    constant = {
        name: value for name, value in view.scenarios[0].parameters.items() if name not in varying
    }
    return {
        "view": view,
        "text": text,
        "done": replicates_done(view),
        "generator": refers.told(describe.generator),
        "kind": refers.told(describe.population_kind),
        "equations": refers.symbolically(model_equations, text["population"]),
        "symbols": refers.varying_within(text["population"]["model"]),
        "levels": refers.told(lambda one: describe.levels(one["population"])),
        "variables": refers.told(lambda one: describe.variables(one["population"])),
        "stages": refers.told(describe.stages),
        "adjustments": refers.told(describe.adjustments),
        "varying": varying,
        "constant": constant,
        "target": refers.told(describe.target_text),
        "targets": targets(view),
        "analyses": refers.told(describe.analysis_lines),
        "measures": [one for one in MEASURES.values() if one.name in measures],
        "ranges": _runs(ranges(view), "parameter") if len(view.scenarios) > 1 else [],
        "parameter_tables": [(one, parameter_tables(view, one)) for one in view.parameters],
        "fits": fits_table(view),
        "failures": failures(view),
        "paired": paired_table(view, reference),
        "paired_with": reference,
        "published": _runs(published_lines(view, published), "row"),
        "published_limit": LIMIT,
        "pictures": pictures,
        "audit": audit_lines(view),
        "audit_counts": audit_counts(view),
        "audit_messages": audit_messages(view),
        "tex": [f"{slug(table.name)}.tex" for table in _all_tables(view)],
        "versions": versions,
    }


def _runs(lines: Iterable[Any], key: str) -> list[tuple[str, list[Any]]]:
    """Group lines that stand together."""
    return [(name, list(part)) for name, part in itertools.groupby(lines, attrgetter(key))]


def _installed() -> dict[str, str]:
    found = {"Python": platform.python_version()}
    found.update({name: version(name) for name in _PACKAGES})
    return found
