"""Tables for LaTeX: booktabs, escaped, estimates with their Monte Carlo errors in parentheses."""

from __future__ import annotations

import re

from wemix_ref.report.studies.numbers import ABSENT, Estimate
from wemix_ref.report.studies.tables import Table

__all__ = ["escape_latex", "latex_table"]

# More rows than a page holds.
_ONE_PAGE = 42
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    '"': r"\textquotedbl{}",
    "−": "$-$",
    "–": "--",
    "·": r"$\cdot$",
    "×": r"$\times$",
    "’": "'",
}
_ANY = re.compile("|".join(re.escape(one) for one in _SPECIAL))


def escape_latex(text: str) -> str:
    """Write a text so that LaTeX prints it as it is."""
    return _ANY.sub(lambda match: _SPECIAL[match[0]], " ".join(text.split()))


def latex_table(table: Table, caption: str, label: str) -> str:
    """Write a table as LaTeX that needs the packages booktabs and, if long, longtable.

    Parameters
    ----------
    table : Table
        What :mod:`wemix_ref.report.studies.tables` makes.
    caption : str
        Plain text; escaped here.
    label : str
        For references; letters, digits, colons and dashes.

    Returns
    -------
    str
    """
    n = len(table.heads)
    heads = " & ".join(
        [escape_latex(table.stub)] + [rf"\multicolumn{{1}}{{c}}{{{_head(h)}}}" for h in table.heads]
    )
    body = []
    for group in table.groups:
        if group.title:
            body.append(r"\addlinespace")
            body.append(
                rf"\multicolumn{{{n + 1}}}{{l}}{{\textit{{{escape_latex(group.title)}}}}} \\"
            )
        body += [
            " & ".join([escape_latex(name), *map(_cell, cells)]) + r" \\"
            for name, cells in group.rows
        ]
    columns = "l" + "r" * n
    titled = rf"\caption{{{escape_latex(caption)}}}\label{{{label}}}"
    if len(body) > _ONE_PAGE:
        lines = [
            "% needs \\usepackage{booktabs,longtable}",
            rf"\begin{{longtable}}{{{columns}}}",
            titled + r"\\",
            r"\toprule",
            heads + r" \\",
            r"\midrule",
            r"\endfirsthead",
            r"\toprule",
            heads + r" \\",
            r"\midrule",
            r"\endhead",
            r"\bottomrule",
            r"\endfoot",
            *body,
            r"\end{longtable}",
        ]
    else:
        lines = [
            "% needs \\usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            titled,
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            heads + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    return "\n".join(lines) + "\n"


def _head(text: str) -> str:
    return escape_latex(text)


def _cell(cell: Estimate) -> str:
    if cell.value == ABSENT:
        return "--"
    value = _number(cell.value)
    return f"{value} ({_number(cell.error)})" if cell.error else value


def _number(text: str) -> str:
    number, _, exponent = text.partition("e")
    if exponent:
        return rf"${number}\times 10^{{{int(exponent)}}}$"
    return f"${number}$" if number.startswith("-") else number
