"""LaTeX tables and numbers: digits by the Monte Carlo error, text escaped, booktabs whole."""

from __future__ import annotations

import math
import re

import pytest

from tests.unit import study_example as example
from wemix_ref.report.studies.latex import escape_latex, latex_table
from wemix_ref.report.studies.numbers import Estimate, rounded, with_error
from wemix_ref.report.studies.tables import Group, Table, family_table, paired_table
from wemix_ref.report.studies.view import study_view
from wemix_ref.report.studies.wording import FAMILIES


@pytest.mark.parametrize(
    ("estimate", "mcse", "scale", "value", "error"),
    [
        (0.123456, 0.00234, 1, "0.1235", "0.0023"),
        (-0.123456, 0.00234, 1, "-0.1235", "0.0023"),
        (0.9482, 0.00701, 100, "94.82", "0.70"),
        (1234.5, 234.0, 1, "1230", "230"),
        (5.0, 0.00996, 1, "5.000", "0.010"),  # the error rounds up to another power of ten
        (5.0, 9.96, 1, "5", "10"),
        (-0.0001, 0.01, 1, "0.000", "0.010"),  # no minus before zeros
        (1.0, 0.0, 100, "100", "0"),
        (0.25, math.nan, 1, "0.25", ""),
        (math.nan, 0.1, 1, "–", ""),
        (1.0, 1e-12, 1, "1.0000e+00", "1.0e-12"),
    ],
)
def test_digits_follow_the_error(estimate, mcse, scale, value, error):
    assert with_error(estimate, mcse, scale) == Estimate(value, error)


def test_rounding_is_that_of_the_decimal_number():
    assert rounded(2.675, 2) == "2.68"  # half to even of what is printed, not of its binary form
    assert rounded(2.665, 2) == "2.66"
    assert rounded(15.0, -1) == "20"
    assert rounded(1e22, 1) == "1" + "0" * 22 + ".0"


def test_two_significant_digits_of_the_error_always():
    for exponent in range(-6, 4):
        for mantissa in (1.04, 2.5, 9.94):
            error = with_error(0.0, mantissa * 10.0**exponent).error
            digits = error.replace(".", "").lstrip("0")
            digits = digits.rstrip("0") if exponent > 0 else digits
            assert len(digits) <= 2
            assert float(error) == pytest.approx(mantissa * 10.0**exponent, rel=0.05)


def test_every_special_character_is_escaped():
    assert escape_latex(r"a_b & 50% #1 {x} $ ~ ^ \ <>|") == (
        r"a\_b \& 50\% \#1 \{x\} \$ \textasciitilde{} \textasciicircum{} \textbackslash{} "
        r"$<$$>$$|$"
    )


def some_table(n_rows):
    rows = tuple((f"a_{k}", (Estimate("-1.20", "0.30"), Estimate("–"))) for k in range(n_rows))
    return Table("bias", "Bias", "analysis", ("bias, %", "RMSE"), (Group("x & y", rows),))


def test_a_table_is_booktabs_with_errors_in_parentheses():
    text = latex_table(some_table(2), "50 % & more", "tab:one")
    lines = text.splitlines()
    assert r"\caption{50 \% \& more}\label{tab:one}" in lines
    assert r"a\_0 & $-1.20$ (0.30) & -- \\" in lines
    assert r"\multicolumn{3}{l}{\textit{x \& y}} \\" in lines
    assert [line for line in lines if "rule" in line] == [r"\toprule", r"\midrule", r"\bottomrule"]
    assert r"\begin{tabular}{lrr}" in lines


def test_a_long_table_breaks_over_pages():
    text = latex_table(some_table(60), "c", "tab:two")
    assert r"\begin{longtable}{lrr}" in text
    assert text.count(r"\endhead") == 1
    assert "tabular" not in text


def test_an_exponent_is_a_power_of_ten():
    rows = (("a", (Estimate("1.0000e+00", "1.0e-12"),)),)
    text = latex_table(Table("t", "T", "s", ("h",), (Group("", rows),)), "c", "l")
    assert r"$1.0000\times 10^{0}$ ($1.0\times 10^{-12}$) \\" in text


def balanced(text):
    """Environments and braces close; unescaped specials stand in no row."""
    opened = re.findall(r"\\begin\{(\w+)\}", text)
    closed = re.findall(r"\\end\{(\w+)\}", text)
    plain = re.sub(r"\\[{}]", "", text)
    return sorted(opened) == sorted(closed) and plain.count("{") == plain.count("}")


def test_tables_of_a_study_have_every_number_and_equally_many_cells():
    study = example.large_study()
    study["replicates"] = 40
    given = example.everything(study)
    view = study_view(
        study,
        "s",
        given["performance"],
        given["paired"],
        given["rows_by_scenario"],
        given["audit"],
    )
    tables = [family_table(view, family) for family in FAMILIES] + [paired_table(view)]
    for table in tables:
        text = latex_table(table, table.title, "tab:x")
        assert balanced(text)
        rows = [line for line in text.splitlines() if line.endswith(r"\\") and "(" in line]
        rows = [line for line in rows if "multicolumn" not in line and "caption" not in line]
        assert rows
        assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(table.heads)}
    # the last cell of a row is how many replicates are behind it
    shown = sum(
        cell.value != "–"
        for t in tables
        for g in t.groups
        for _, cells in g.rows
        for cell in cells[:-1]
    )
    assert shown == len(given["performance"]) + len(given["paired"])
