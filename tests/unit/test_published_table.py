"""The table of printed numbers: a row each, counted, with what fails and what was skipped."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest

from wemix_ref.datasets import RESOURCES
from wemix_ref.errors import CaseError
from wemix_ref.published.classes import CLASSES
from wemix_ref.published.data import FOLDER, read_published_data
from wemix_ref.published.judged import judge_case, judge_cases
from wemix_ref.published.points import fit_published
from wemix_ref.published.printed_tables import Column, Misprint
from wemix_ref.published.records import records
from wemix_ref.published.sources import load_published
from wemix_ref.published.table import (
    counts,
    failures,
    label_of,
    read_judged,
    tell,
    write_judged,
)


@pytest.fixture(scope="module")
def cases():
    """Every case, where data that may not be shipped are absent."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(FOLDER, raising=False)
        patch.setenv("WEMIX_REF_NO_R", "1")
        return records(judge_cases(load_published()))


def changed(published, package, label, text):
    """The same table with one number printed otherwise."""
    columns = []
    for column in published.columns:
        numbers = tuple(
            replace(n, text=text) if (column.package, n.label) == (package, label) else n
            for n in column.numbers
        )
        columns.append(replace(column, numbers=numbers))
    return replace(published, columns=tuple(columns))


def only(case):
    return records([judge_case(case)])


def test_the_csv_has_a_row_for_every_printed_number(cases, tmp_path):
    write_judged(cases, tmp_path / "tables" / "printed.csv", tmp_path / "printed.json")
    with (tmp_path / "tables" / "printed.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "case",
        "package",
        "quantity",
        "printed",
        "ours",
        "at_printed_theta",
        "class",
        "gap_units",
    ]
    assert len(rows) == 298
    assert len({(row["case"], row["package"], row["quantity"]) for row in rows}) == 298
    by_place = {(row["case"], row["package"], row["quantity"]): row for row in rows}
    skipped = by_place["pisa2000-stata", "Stata", "beta female"]
    assert skipped == {
        "case": "pisa2000-stata",
        "package": "Stata",
        "quantity": "beta female",
        "printed": ".59379",
        "ours": "",
        "at_printed_theta": "",
        "class": "skipped",
        "gap_units": "",
    }
    mine = by_place["row-weights", "Stata", "variance Subject"]
    assert mine["printed"] == "1338.0865"
    assert mine["class"] == "within"
    assert float(mine["ours"]) == pytest.approx(1338.0845526, rel=1e-9)
    assert float(mine["at_printed_theta"]) == pytest.approx(1338.0863077, rel=1e-9)
    assert float(mine["gap_units"]) == pytest.approx((float(mine["ours"]) - 1338.0865) * 1e4)
    centred = by_place["group-centred", "HLM", "beta (Intercept)"]
    assert (centred["class"], centred["at_printed_theta"]) == ("equal", "")
    assert read_judged(tmp_path / "printed.json") == cases


def test_the_deviance_at_a_printed_theta_is_above_ours(cases):
    columns = {(c["case"], k["package"]): k for c in cases for k in c["columns"]}
    above = columns["unit-weights", "GLLAMM"]["deviance_above"]
    assert 1e-11 < above < 1e-8  # about 2e-10: the likelihood is flat there
    for place in (("group-centred", "HLM"), ("pisa2000-stata", "Stata")):
        assert columns[place]["deviance_above"] is None
        assert columns[place]["implied_theta"] is None


def test_the_same_numbers_are_the_same_bytes(cases, tmp_path):
    for name in ("first", "second"):
        write_judged(cases, tmp_path / f"{name}.csv", tmp_path / f"{name}.json")
    for suffix in ("csv", "json"):
        first, second = (tmp_path / f"{name}.{suffix}" for name in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()


def test_counts_are_by_case_and_package(cases):
    rows = {(row["case"], row["package"]): row for row in counts(cases)}
    assert len(rows) == 18
    stata = rows["row-weights", "Stata"]
    assert (stata["numbers"], stata["equal"], stata["within"]) == (4, 3, 1)
    assert all(row["numbers"] == sum(row[name] for name in CLASSES) for row in rows.values())
    assert sum(row["skipped"] for row in rows.values()) == 6 * 23 + 5 * 25 + 20
    assert failures(cases) == []


def test_the_terminal_is_told_counts_the_unexplained_and_the_skipped(cases):
    told = tell(cases)
    header, _, first, *_ = told.splitlines()
    assert header.split() == ["case", "package", "numbers", "equal", "within", "skipped"]
    assert first.split() == ["pisa2012-intercept", "WeMix", "23", "-", "-", "23"]
    assert "within, unexplained: 3\n" in told
    assert "row-weights, Stata: `variance Subject` printed 1338.0865, ours 1338.0845" in told
    assert "-19.47 units" in told
    assert "skipped: pisa2000-stata: pisa2000.csv may not be shipped" in told


def test_a_number_that_differs_is_a_failure():
    published = load_published()["row-weights"]
    found = only(changed(published, "Stata", "beta Days", "10.5072"))
    (line,) = failures(found)
    assert line.startswith("row-weights, Stata: `beta Days` printed 10.5072, ours 10.4072")
    assert "-999.36 units" in line
    (row,) = [row for row in counts(found) if row["package"] == "Stata"]
    assert (row["differs"], row["equal"]) == (1, 2)


def test_a_number_of_ours_that_is_none_is_told_as_such():
    number = {
        "quantity": "beta",
        "key": "x",
        "printed": "1.0",
        "ours": None,
        "gap_units": None,
        "class": "differs",
    }
    case = {"case": "c", "columns": [{"package": "SAS", "numbers": [number]}]}
    assert failures([case]) == ["c, SAS: `beta x` printed 1.0, ours None, no number"]
    assert label_of(number) == "beta x"
    assert label_of(number | {"key": ""}) == "beta"


def with_witness(published, text, **misprint):
    """A table whose Stata misprints `beta Days`, and SAS of the same recipe that does not."""
    published = changed(published, "Stata", "beta Days", "11.40726")
    stata = published.column("Stata")
    numbers = tuple(replace(n, text=text) if n.label == "beta Days" else n for n in stata.numbers)
    told = {
        "case": "row-weights",
        "package": "Stata",
        "quantity": "beta Days",
        "should_read": "10.407",
        "compared_with": "SAS",
        "why": "SAS prints 10.4073",
    }
    return replace(
        published,
        columns=(*published.columns, Column("SAS", None, "", numbers)),
        misprints=(Misprint(**(told | misprint)),),
    )


def test_a_misprint_is_explained_where_another_package_proves_it():
    found = only(with_witness(load_published()["row-weights"], "10.4073"))
    (row,) = [row for row in counts(found) if row["package"] == "Stata"]
    assert (row["explained"], row["differs"]) == (1, 0)
    (number,) = [n for c in found[0]["columns"] for n in c["numbers"] if n["class"] == "explained"]
    assert number["why"] == "SAS prints 10.4073"


def test_a_misprint_without_proof_is_an_error():
    published = load_published()["row-weights"]
    with pytest.raises(CaseError, match="must be proved by a number that agrees with ours"):
        only(with_witness(published, "11.40726"))
    with pytest.raises(CaseError, match=r"said to stand for 10\.408, but ours"):
        only(with_witness(published, "10.4073", should_read="10.408"))
    with pytest.raises(CaseError, match="`beta \\(Intercept\\)` is declared a misprint"):
        only(with_witness(published, "10.4073", quantity="beta (Intercept)"))


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"schema": "wemix-ref/case/1"})])
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "printed.json"
    path.write_text(text)
    with pytest.raises(CaseError, match=r"printed\.json"):
        read_judged(path)


def test_a_package_that_stopped_early_is_told_so_down_to_the_table(tmp_path):
    """Both variances printed at one theta off the optimum, as a package prints that stops there."""
    published = load_published()["row-weights"]
    fit = fit_published(published, read_published_data(published))
    there = fit.at(fit.theta.to_numpy() * (1 + 1e-5))
    texts = dict(zip(("Subject", "Residual"), there.variance_components["vcov"], strict=True))
    for name, value in texts.items():
        published = changed(published, "Stata", f"variance {name}", f"{value:.4f}")
    write_judged(only(published), tmp_path / "printed.csv", tmp_path / "printed.json")
    read = read_judged(tmp_path / "printed.json")
    assert failures(read) == []
    (row,) = [row for row in counts(read) if row["package"] == "Stata"]
    assert (row["equal"], row["stopping point"], row["within"]) == (2, 2, 0)
    assert "within, unexplained: 0\n" in tell(read)
    with (tmp_path / "printed.csv").open(encoding="utf-8", newline="") as file:
        rows = {(r["package"], r["quantity"]): r for r in csv.DictReader(file)}
    for name in texts:
        row = rows["Stata", f"variance {name}"]
        assert row["class"] == "stopping point"
        assert f"{float(row['at_printed_theta']):.4f}" == row["printed"]
    (column,) = [c for c in read[0]["columns"] if c["package"] == "Stata"]
    assert column["deviance_above"] > 0
    # the same variance alone implies a theta at which the residual's is another
    alone = changed(load_published()["row-weights"], "Stata", "variance Subject", "1338.1000")
    (row,) = [row for row in counts(only(alone)) if row["package"] == "Stata"]
    assert (row["stopping point"], row["within"]) == (0, 1)


def test_what_the_tests_of_wemix_print_off_the_optimum_is_called_what_it_is(cases):
    """The file of numbers speaks of three variances as the table has them."""
    file = RESOURCES / "published" / "wemix-test-suite.json"
    reading = json.loads(file.read_text(encoding="utf-8"))["reading"]
    off = [
        number
        for case in cases
        for column in case["columns"]
        for number in column["numbers"]
        if number["class"] not in ("equal", "skipped")
    ]
    assert {number["class"] for number in off} == {"within"}
    assert {number["cause"] for number in off} == {"unexplained"}
    assert {number["printed"] for number in off} == {"1296.8768", "954.52789", "1338.0865"}
    assert all(number["printed"] in reading for number in off)
    assert "`within`, unexplained" in reading
    assert "stopping" not in reading
