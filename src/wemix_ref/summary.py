"""Text summary of a fitted model: what R's summary shows, and how each standard error was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wemix_ref.weight_summary import weight_summaries

if TYPE_CHECKING:
    from wemix_ref.design import Design
    from wemix_ref.fitted import Fitted

__all__ = ["RECIPE_TITLES", "Section", "Summary", "sections", "summarise", "text_of"]

RECIPE_TITLES = {
    "wemix": "sandwich by block, times K/(K-1) (what WeMix prints)",
    "stata": "sandwich, variances by profile, times K/(K-1) (what Stata's mixed prints)",
    "gllamm": "joint sandwich, times K/(K-1) (what GLLAMM prints)",
    "sas": "joint sandwich (what SAS GLIMMIX prints)",
    "mplus": "joint sandwich (what Mplus MLR prints)",
    "model": "inverse information of the model (for the fixed effects what lme4 prints)",
}


@dataclass(frozen=True)
class Section:
    """A part of the summary: a title, a table, and lines below it; each may be missing.

    Attributes
    ----------
    title : without its colon.
    rows : the table, headings first.
    left : columns from the first on that are set to the left.
    last_left : whether the last one is, too.
    lines : lines of text.
    """

    title: str = ""
    rows: Sequence[Sequence[str]] = ()
    left: int = 0
    last_left: bool = False
    lines: Sequence[str] = ()


class Summary(str):
    """The summary's text, which a notebook shows as HTML.

    Attributes
    ----------
    html : the same as HTML, escaped.
    """

    html: str

    def __new__(cls, text: str, html: str = "") -> Summary:
        """Hold both forms."""
        out = super().__new__(cls, text)
        out.html = html
        return out

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.html)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return self.html


def summarise(fit: Fitted, digits: int = 4, t_digits: int = 3) -> Summary:
    """Write the summary; estimates to ``digits`` decimals, t values to ``t_digits``."""
    from wemix_ref.summary_html import html_of

    parts = sections(fit, digits, t_digits)
    return Summary(text_of(parts), html_of(parts))


def sections(fit: Fitted, digits: int, t_digits: int) -> list[Section]:
    """Parts of the summary, in order."""
    parts = [_head(fit), _residuals(fit), _random(fit, digits), _fixed(fit, digits, t_digits)]
    if fit.params.size > 1:
        parts.append(_correlations(fit))
    if fit.weighted:
        parts.append(_weights(fit))
    parts.append(_notes(fit))
    return parts


def text_of(parts: Sequence[Section]) -> str:
    """Sections as text."""
    out = []
    for part in parts:
        lines = [f"{part.title}:"] if part.title else []
        lines += [_table(part.rows, part.left, part.last_left)] if part.rows else []
        out.append("\n".join([*lines, *part.lines]))
    return "\n\n".join(out)


def _head(fit: Fitted) -> Section:
    if fit.reml:
        title, criterion = "Linear mixed model fit by REML", "REML criterion"
    elif fit.weighted:
        title = "Linear mixed model fit by weighted (pseudo) maximum likelihood"
        criterion = "Deviance (-2 log pseudo-likelihood)"
    else:
        title, criterion = "Linear mixed model fit by maximum likelihood", "Deviance"
    lines = [title, f"Formula: {fit.formula}", f"{criterion}: {fit.deviance:.4f}"]
    if not fit.reml:
        kind = "Log pseudo-likelihood" if fit.weighted else "Log-likelihood"
        lines.append(f"{kind}: {fit.llf:.4f}")
    if fit.weighted:
        lines += _how_weighted(fit.design)
    for name, within in fit.design.centring:
        lines.append(f"Centred: {name}, {'over all rows' if within is None else f'in {within}'}")
    lines.append(f"Optimiser: {fit.optimizer.method}; {fit.optimizer.message}")
    return Section(lines=lines)


def _how_weighted(design: Design) -> list[str]:
    kind = "conditional" if design.conditional_weights else "unconditional"
    used = design.weights_used or (True,) * len(design.weight_names)
    names = [
        "none" if name is None else name if use else f"{name} (not used)"
        for name, use in zip(design.weight_names, used, strict=True)
    ]
    lines = [f"Sampling weights, level 1 first, {kind}: {', '.join(names)}"]
    if any(method != "none" for method in design.scaling):
        lines.append(f"Scaled, level 1 to 2 first: {', '.join(design.scaling)}")
    return lines


def _residuals(fit: Fitted) -> Section:
    values = fit.scaled_residuals
    rows = [["Min", "1Q", "Median", "3Q", "Max"], [f"{value:.4f}" for value in values]]
    return Section("Scaled residuals", rows)


def _random(fit: Fitted, digits: int) -> Section:
    rows = [["Groups", "Name", "Variance", "Std.Error", "Std.Dev.", "Corr"]]
    records = fit.variance_components.to_dict("records")
    position = 0
    for level in fit.design.covariance.levels:
        shown = level.name
        for block in level.blocks:
            q = block.size
            variances = records[position : position + q]
            covariances = records[position + q : position + block.n_theta]
            position += block.n_theta
            for record in variances:
                corr = [c["sdcor"] for c in covariances if c["var2"] == record["var1"]]
                rows.append(
                    [
                        shown,
                        str(record["var1"]),
                        *(_number(record[name], digits) for name in ("vcov", "se", "sdcor")),
                        "".join(f"{value:>6.2f}" for value in corr),
                    ]
                )
                shown = ""
    last = records[-1]
    rows.append(
        ["Residual", "", *(_number(last[name], digits) for name in ("vcov", "se", "sdcor")), ""]
    )
    groups = "; ".join(f"{name}, {count}" for name, count in fit.ngroups.items())
    lines = [f"Number of obs: {fit.nobs}, groups: {groups}"]
    if fit.n_dropped:
        lines.append(f"{fit.n_dropped} rows with missing values were left out")
    return Section("Random effects", rows, left=2, last_left=True, lines=lines)


def _fixed(fit: Fitted, digits: int, t_digits: int) -> Section:
    rows = [["", "Estimate", "Std.Error", "t value"]]
    columns = zip(fit.params.index, fit.params, fit.bse, fit.tvalues, strict=True)
    rows += [
        [str(name), _number(beta, digits), _number(se, digits), f"{t:.{t_digits}f}"]
        for name, beta, se, t in columns
    ]
    return Section("Fixed effects", rows, left=1)


def _correlations(fit: Fitted) -> Section:
    matrix = fit.correlation_of_fixed_effects
    names = list(matrix.index)
    rows = [["", *names[:-1]]]
    for i, name in enumerate(names[1:], start=1):
        cells = [f"{value:.3f}" for value in matrix.to_numpy()[i, :i]]
        rows.append([name, *cells, *[""] * (len(names) - 1 - i)])
    return Section("Correlation of fixed effects", rows, left=1)


def _weights(fit: Fitted) -> Section:
    titles = ["Level", "Weights", "n", "Sum", "Min", "Max", "Effective n", "Design effect"]
    rows = [titles]
    for s in weight_summaries(fit.design):
        first = s.kind == "unconditional"
        rows.append(
            [
                f"{s.level} {s.group}" if first else "",
                s.kind,
                str(s.n),
                *(f"{value:.6g}" for value in (s.total, s.least, s.most)),
                f"{s.effective:.1f}",
                f"{s.design_effect:.3f}",
            ]
        )
    return Section("Sampling weights as used", rows, left=2)


def _notes(fit: Fitted) -> Section:
    lines = [f"Standard errors: {RECIPE_TITLES[fit.se_recipe]}"]
    if fit.weighted and fit.se_recipe == "model":
        lines.append(
            "They take the weights for information, which sampling weights are not: use a sandwich."
        )
    if fit.singular:
        lines.append(
            "The fit is singular: a variance is zero or a correlation is one in size. Standard "
            "errors of the other parameters are given that boundary."
        )
    by_reason: dict[str, list[str]] = {}
    for parts, reason in fit.se_reasons.items():
        by_reason.setdefault(reason, []).append(" ".join(part for part in parts if part))
    for reason, names in by_reason.items():
        whole = len(names) == len(fit.variance_components)
        what = "the variance components" if whole else ", ".join(names)
        lines.append(f"No standard error for {what}: {reason}.")
    return Section(lines=lines)


def _number(value: float, digits: int) -> str:
    if not np.isfinite(value):
        return "NaN" if np.isnan(value) else f"{value:g}"
    size = abs(value)
    if size != 0 and (size < 10.0 ** (-digits) or size >= 1e9):
        return f"{value:.{digits}e}"
    return f"{value:.{digits}f}"


def _table(rows: Sequence[Sequence[str]], left: int = 0, last_left: bool = False) -> str:
    """Align columns; the first ``left``, and perhaps the last, to the left, others to the right."""
    widths = [max(len(row[j]) for row in rows) for j in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width)
            if j < left or (last_left and j == len(row) - 1)
            else cell.rjust(width)
            for j, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(" " + "  ".join(cells).rstrip())
    return "\n".join(lines)
