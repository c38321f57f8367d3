"""Data made again from their sources: what agrees, and that each difference is caught."""

from __future__ import annotations

import hashlib
import json
import re
import runpy
import shutil
from types import SimpleNamespace

import pytest
import yaml

from wemix_ref.datasets import load_dataset, load_datasets
from wemix_ref.errors import DataError
from wemix_ref.rebuild import check_printed_rows, rebuild
from wemix_ref.recipes import ways_of

THREE_LEVEL = ("three-level-blog", "three-level-school", "three-level-numeric-ids")


@pytest.fixture(autouse=True)
def _without_r(monkeypatch):
    """The recipes that need no R are tested here, whether R is present or not."""
    monkeypatch.setenv("WEMIX_REF_NO_R", "1")


@pytest.fixture
def edit(project_root, tmp_path):
    """Replace a piece of a shipped file in a copy of the resources whose hash then fits."""

    def write(name, old, new):
        shutil.copytree(project_root / "resources", tmp_path / "resources", dirs_exist_ok=True)
        directory = tmp_path / "resources" / "data"
        file, provenance = directory / f"{name}.csv", directory / "provenance.yaml"
        before = file.read_bytes()
        after = before.replace(old.encode(), new.encode(), 1)
        assert after != before
        file.write_bytes(after)
        content = yaml.safe_load(provenance.read_text())
        content["files"][file.name]["sha256"] = hashlib.sha256(after).hexdigest()
        provenance.write_text(yaml.safe_dump(content, sort_keys=False))
        return tmp_path / "resources"

    return write


def statuses(report, way="python"):
    return {check.column: check.status for check in report.checks if check.way == way}


@pytest.mark.parametrize("name", THREE_LEVEL)
def test_three_level_data_are_made_again_without_r(name):
    report = rebuild(name)
    same = statuses(report)
    assert set(same.values()) == {"same"}
    assert {"sch", "tch", "x1", "y"} <= set(same)
    assert not report.differs
    report.raise_if_different()


def test_stated_weights_are_made_again_without_r():
    for name in ("sleepstudy-l1-weights", "sleepstudy-l2-slope", "sleepstudy-subject-weights"):
        assert statuses(rebuild(name)) == {"W1": "same", "W2": "same"}


def test_columns_of_r_packages_are_reported_as_not_rebuilt():
    report = rebuild("api-two-stage")
    assert set(statuses(report, "R").values()) == {"not rebuilt"}
    assert all("not rebuilt: R is turned off" in check.message for check in report.checks)
    assert not report.differs


def test_r_that_is_absent_is_reported(monkeypatch, tmp_path):
    monkeypatch.delenv("WEMIX_REF_NO_R")
    monkeypatch.setenv("PATH", str(tmp_path))
    messages = {check.message for check in rebuild("sleepstudy").checks}
    assert messages == {"not rebuilt: R is not here"}


def test_given_columns_are_listed_as_such():
    checks = {check.column: check for check in rebuild("four-level").checks}
    assert {check.status for check in checks.values()} == {"given"}
    assert set(checks) == {"dist", "sch", "cls", "x", "y", "w1", "w2", "w3", "w4"}


@pytest.mark.parametrize(
    ("name", "old", "new", "column"),
    [
        # the 14th digit of y in row 1 of the blog's data
        ("three-level-blog", "0.40529697969595", "0.40529697969597", "y"),
        ("three-level-blog", '"a",1,', '"b",1,', "sch"),
        ("three-level-blog", '"a",1,', '"a",2,', "tch"),
        ("three-level-school", "-1.06782370598685", "-1.06782370598681", "x1"),
        ("three-level-numeric-ids", "3.4701389293885", "3.4701389293889", "y"),
        ("sleepstudy-row-weights", '"308",2,1', '"308",1,1', "W1"),
        ("sleepstudy-unit-weights", '"308",1,1', '"308",1,', "W2"),
    ],
)
def test_one_changed_value_is_found(edit, name, old, new, column):
    report = rebuild(name, resources=edit(name, old, new))
    assert report.differs
    wrong = [c for c in report.checks if c.status == "differs" and c.way == "python"]
    assert [(c.column, c.n_different) for c in wrong] == [(column, 1)]
    with pytest.raises(DataError) as raised:
        report.raise_if_different()
    message = str(raised.value)
    assert f"{name}.csv: column `{column}`" in message
    assert f"row {wrong[0].first.row}, file {wrong[0].first.file}, source" in message


def test_a_change_below_the_tolerance_passes(edit):
    resources = edit("three-level-school", "-1.06782370598685", "-1.067823705986852")
    assert not rebuild("three-level-school", resources=resources).differs


def test_a_file_of_other_bytes_is_refused_before_anything_is_compared(edit):
    resources = edit("three-level-school", "-1.06782370598685", "-1.06782370598684")
    file = resources / "data" / "three-level-school.csv"
    file.write_bytes(file.read_bytes() + b"\n")
    with pytest.raises(DataError, match="sha256"):
        rebuild("three-level-school", resources=resources)


def test_a_source_of_another_length_is_a_difference(edit):
    row = '0.40529697969595235,"a",1,'
    whole = next(
        line
        for line in load_dataset("three-level-blog").path.read_text().splitlines()
        if line.startswith(row)
    )
    resources = edit("three-level-blog", whole + "\n", "")
    provenance = resources / "data" / "provenance.yaml"
    content = yaml.safe_load(provenance.read_text())
    content["files"]["three-level-blog.csv"]["rows"] -= 1
    provenance.write_text(yaml.safe_dump(content, sort_keys=False))
    report = rebuild("three-level-blog", resources=resources)
    with pytest.raises(DataError, match="file 149 rows, source 150 rows"):
        report.raise_if_different()


def test_the_printed_rows_are_the_datas_first_rows():
    report = rebuild("three-level-blog")
    printed = [check for check in report.checks if check.source == "printed rows"]
    assert [check.column for check in printed] == ["y", "sch", "tch", "e3", "e2", "x1", "e1"]
    assert {(check.status, check.n_rows) for check in printed} == {("same", 30)}


def test_a_value_that_rounds_otherwise_fails_the_printed_rows():
    dataset = load_dataset("three-level-blog")
    header, rows = dataset.printed_rows()
    data = dataset.read().to_dict("list")
    data["y"][29] += 2e-8
    data["tch"][3] = 2
    checks = {check.column: check for check in check_printed_rows(header, rows, data)}
    assert {name for name, check in checks.items() if check.status == "differs"} == {"y", "tch"}
    assert checks["y"].first.row == 30
    assert checks["y"].first.source == "-0.23326031"
    assert (checks["tch"].first.file, checks["tch"].first.source) == ("2", "1")


def test_printed_rows_beyond_the_data_are_a_difference():
    (check,) = check_printed_rows(["x"], [["1.0"], ["2.0"]], {"x": [1.0]})
    assert (check.status, check.first.row) == ("differs", 2)


def test_a_missing_value_does_not_round_to_a_printed_one():
    (check,) = check_printed_rows(["x"], [["1.0"]], {"x": [float("nan")]})
    assert check.status == "differs"


def test_the_report_is_written_and_is_the_same_each_time(tmp_path):
    first = rebuild("three-level-blog").write(tmp_path / "a")
    second = rebuild("three-level-blog").write(tmp_path / "b")
    assert first.name == "three-level-blog.json"
    assert first.read_bytes() == second.read_bytes()
    content = json.loads(first.read_text())
    assert content["schema"] == "wemix-ref/rebuild/1"
    assert content["tolerance"] == 1e-14
    assert {check["status"] for check in content["checks"]} == {"same", "not rebuilt"}


@pytest.fixture
def run_script(project_root, tmp_path):
    """Run the workflow's script for a data set; give the file it writes."""

    def run(name, resources=project_root / "resources"):
        output = tmp_path / "results" / "rebuilt" / f"{name}.json"
        job = SimpleNamespace(
            wildcards=SimpleNamespace(dataset=name),
            output=[str(output)],
            log=[str(tmp_path / "rebuild.log")],
            params=SimpleNamespace(resources=str(resources)),
        )
        script = project_root / "workflow" / "scripts" / "rebuild.py"
        runpy.run_path(str(script), init_globals={"snakemake": job})
        return output

    return run


def test_the_script_writes_its_report(run_script):
    assert json.loads(run_script("three-level-blog").read_text())["dataset"] == "three-level-blog"


def test_the_script_fails_where_the_file_differs(run_script, edit, capsys):
    resources = edit("sleepstudy-row-weights", '"308",2,1', '"308",1,1')
    with pytest.raises(SystemExit) as ended:
        run_script("sleepstudy-row-weights", resources)
    assert ended.value.code == 1
    assert re.search(r"column `W1`.*row 1, file 1, source 2", capsys.readouterr().err)


def test_every_recipe_of_the_provenance_is_known():
    recipes = {
        column.recipe
        for dataset in load_datasets().values()
        for column in dataset.columns
        if column.recipe is not None
    }
    assert recipes == {
        "apiclus2",
        "dyestuff",
        "dyestuff2",
        "egsingle",
        "exam",
        "mathachieve",
        "pastes",
        "row-weights",
        "sleepstudy",
        "star",
        "subject-weights",
        "three-level",
        "unit-weights",
    }
    assert all(ways_of(recipe) for recipe in recipes)
    assert set(ways_of("three-level")) == {"python", "R"}


def test_an_unknown_recipe_is_refused():
    with pytest.raises(ValueError, match=r"recipe must be one of .*found 'soup'"):
        ways_of("soup")
