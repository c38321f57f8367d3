"""What a run wrote is made again from its raw files; whatever was changed is named."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wemix_ref.cli import main
from wemix_ref.datasets import RESOURCES
from wemix_ref.derived import steps
from wemix_ref.derived_run import Run, run_of
from wemix_ref.divergences.demonstrate import demonstrate
from wemix_ref.divergences.specs import load_divergences
from wemix_ref.engines import get_engine
from wemix_ref.engines.record import write_result
from wemix_ref.errors import CaseError, DataError
from wemix_ref.file_differences import MOST, file_differences
from wemix_ref.files import write_json
from wemix_ref.prepare import problem_of, read_problem, thetas_of, write_problem
from wemix_ref.provenance import made_with, read_provenance, write_provenance
from wemix_ref.published.judged import judge_cases
from wemix_ref.published.records import records
from wemix_ref.published.sources import load_published
from wemix_ref.published.table import write_judged
from wemix_ref.simulate.audit_study import audit_scenario
from wemix_ref.simulate.chunks import run_chunk
from wemix_ref.simulate.storage import chunk_name, hash_of_rows, read_rows
from wemix_ref.simulate.summarise import write_table
from wemix_ref.stamps import read_stamp, software_here
from wemix_ref.strict_yaml import read_yaml
from wemix_ref.verify import verify

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "tests" / "workflow" / "tiny-study.yaml"
CASE = "sleepstudy-l2-slope"
DIVERGENCE = "slash-numeric-ids"
PRINTED = "row-weights-two-effects"
STUDY = "results/studies/tiny"


def _raw(run: Run) -> None:
    """Raw files, as jobs of the workflow write them."""
    case = run.cases[CASE]
    prepared, fits = run.results / "prepared" / CASE, run.results / "fits" / CASE
    write_problem(problem_of(case), case.dataset.path, prepared)
    for name in case.engines:
        engine = get_engine(name, recorded_dir=RESOURCES / "recorded")
        problem = read_problem(prepared, name)
        write_result(engine.fit(problem, thetas_of(prepared, None), timeout=60), fits)
    for name, spec in load_divergences(run.project / "config" / "divergences").items():
        result = demonstrate(spec, live=False)
        write_json(run.results / "divergences" / f"{name}.json", result)
    published = load_published(run.project / "config" / "published.yaml", RESOURCES)
    judged = records(judge_cases({PRINTED: published[PRINTED]}, RESOURCES))
    table = run.results / "tables" / "printed.csv"
    stamper = run.stamper(run.results, "printed")
    stamp = stamper(table, [run.project / "config" / "published.yaml"]).as_dict()
    write_judged(judged, table, run.results / "printed.json", stamper, stamp)
    study = run.studies["tiny"]
    for scenario in study.scenarios:
        for first, stop in study.chunks():
            name = f"{scenario.name}/{chunk_name(first, stop)}"
            run_chunk(
                study, scenario, first, stop, {},
                run.project / STUDY / "chunks" / f"{name}.parquet",
                run.project / STUDY / "timing" / f"{name}.json",
            )  # fmt: skip
        table = audit_scenario(study, scenario, timeout=60, tolerances=run.tolerances)
        out = run.project / STUDY / "audits" / f"{scenario.name}.csv"
        out.parent.mkdir(exist_ok=True)
        write_table(out, table, run.stamper(run.results, "audit")(out, [study.path]))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the results of one case, one divergence and one study."""
    place = tmp_path_factory.mktemp("project")
    for name in ("cases", "divergences", "studies"):
        (place / "config" / name).mkdir(parents=True)
    for name in ("config.yaml", "tolerances.yaml", "published.yaml", "bench.yaml"):
        shutil.copy(ROOT / "config" / name, place / "config" / name)
    shutil.copy(
        ROOT / "config" / "divergences" / f"{DIVERGENCE}.yaml", place / "config/divergences"
    )
    shutil.copy(TINY, place / "config" / "studies" / "tiny.yaml")
    study = place / "config" / "studies" / "tiny.yaml"
    study.write_text(study.read_text().replace("replicates: 24", "replicates: 4"))
    text = (ROOT / "config" / "cases" / f"{CASE}.yaml").read_text()
    engines = "engines: [python, lme4-weighted, wemix, recorded]"
    assert engines in text
    case = place / "config" / "cases" / f"{CASE}.yaml"
    case.write_text(text.replace(engines, "engines: [python, recorded]"))
    (place / "resources").symlink_to(RESOURCES, target_is_directory=True)
    config = read_yaml(place / "config" / "config.yaml")
    run = run_of(place, place / "results", config)
    _raw(run)
    for step in steps(run, studies=["tiny"]):
        step.make(run.results)
    about = made_with(place)
    path = place / "results" / "provenance.json"
    write_provenance(path, place, config, about, cases=True, studies=["tiny"])
    return place


@pytest.fixture
def results(finished: Path, tmp_path: Path) -> Path:
    """A copy that may be tampered with."""
    return Path(shutil.copytree(finished / "results", tmp_path / "results"))


def told(results: Path, finished: Path) -> list[str]:
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    found = verify(results, finished)
    after = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    assert after == before
    return [str(one) for one in found.differences]


def test_an_untouched_run_is_equal(finished):
    found = verify(finished / "results")
    assert found.differences == ()
    assert found.notes == ()
    # comparison, four tables, report, three verdicts, printed, divergences and page, the study
    names = {name.partition("/")[0] for name in found.files}
    assert {"comparisons", "tables", "report", "studies", "printed.json", "verdict.txt"} <= names
    assert f"fits/{CASE}/python.json" in found.raw


STAMPED = ("tables/*.csv", "report/*.html", "comparisons/*.json", "divergences/*.md", "*ed.json",
           "divergences.json", "studies/*.html", "studies/tiny/*.csv", "studies/tiny/*.html",
           "studies/tiny/audits/*.csv", "studies/tiny/replicates/*.parquet",
           "studies/tiny/figures/*.svg", "studies/tiny/tables/*.tex")  # fmt: skip


@pytest.mark.parametrize("pattern", STAMPED)
def test_every_table_figure_and_page_carries_the_hashes_of_its_inputs(finished, pattern):
    paths = sorted((finished / "results").glob(pattern))
    assert paths
    for path in paths:
        stamp = read_stamp(path)
        assert stamp.inputs, path
        for name, stated in stamp.inputs.items():
            if name.startswith("rows of the chunks of "):
                assert stated == hash_of_rows(read_rows(path))
            else:
                content = (finished / name).read_bytes()
                assert stated == hashlib.sha256(content).hexdigest(), (path, name)
        assert stamp.software["numpy"] == np.__version__


def test_files_of_other_versions_are_equal_and_told(finished, monkeypatch):
    def elsewhere(*modules):
        return {**software_here(*modules), "pandas": "0.1"}

    monkeypatch.setattr("wemix_ref.stamps.software_here", elsewhere)
    monkeypatch.setattr("wemix_ref.verify.software_here", elsewhere)
    found = verify(finished / "results")
    assert found.differences == ()
    (note,) = found.notes
    assert note.startswith("comparisons/")
    assert f'made with pandas: "{pd.__version__}"; here: "0.1"' in note


def test_a_stamp_with_another_hash_is_a_difference(finished, results):
    names = ("studies/tiny/figures/bias-1-intercept.svg", "report/index.html")
    for name in names:
        stamp = read_stamp(results / name)
        old = next(iter(stamp.inputs.values()))
        (results / name).write_text((results / name).read_text().replace(old, "0" * 64))
    lines = told(results, finished)
    for name in names:
        assert any(line.startswith(f"{name}: line ") for line in lines)


def test_every_digit_of_every_table_is_looked_at(finished, results):
    tables = [*(results / "tables").glob("*.csv"), *(results / "studies/tiny").glob("*.csv")]
    tables = [path for path in tables if path.name != "audit.csv"]  # without R it has no row
    assert len(tables) == 6
    for path in tables:
        if path.name == "performance.csv":
            continue
        text = path.read_text()
        at = max(i for i, character in enumerate(text) if character.isdigit())
        path.write_text(text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :])
    performance = results / "studies" / "tiny" / "performance.csv"
    table = pd.read_csv(performance, dtype=str, keep_default_na=False)
    was = table.loc[6, "estimate"]
    table.loc[6, "estimate"] = "0.123"
    table.to_csv(performance, index=False)
    lines = told(results, finished)
    line = "studies/tiny/performance.csv: row 7, column estimate: "
    assert f"{line}found '0.123', expected {was!r}" in lines
    for path in tables:
        name = path.relative_to(results).as_posix()
        own = [line for line in lines if line.startswith(f"{name}: row ")]
        assert len(own) == 1, (name, lines)
        assert ", column " in own[0]
        assert "expected" in own[0]


def test_a_table_from_an_older_raw_file_is_noticed(finished, results):
    record = results / "fits" / CASE / "python.json"
    content = json.loads(record.read_text())
    content["optimum"]["theta"]["values"][0] *= 1 + 1e-9
    write_json(record, content)
    lines = told(results, finished)
    assert any(line.startswith(f"comparisons/{CASE}.json: ") for line in lines)
    assert any(line.startswith("tables/numbers.csv: row ") for line in lines)
    assert any(f"results/fits/{CASE}/python.json" in line for line in lines)


def test_replicates_of_another_study_are_noticed(finished, results):
    chunks = results / "studies" / "tiny" / "chunks"
    name = f"{chunk_name(0, 4)}.parquet"
    shutil.copy(chunks / "informative-true" / name, chunks / "informative-false" / name)
    lines = told(results, finished)
    told_so = "raw files that do not serve: StudyError: "
    assert any(
        line.startswith("studies/tiny/performance.csv") and told_so in line and name in line
        for line in lines
    )


DERIVED = ("tables/numbers.csv", "report/index.html", "verdict.txt", "studies/tiny/report.html",
           "studies/tiny/figures/bias-1-intercept.svg", f"comparisons/{CASE}.json")  # fmt: skip
RAW = (f"fits/{CASE}/recorded.json", "studies/tiny/chunks/informative-true/0000000-0000004.parquet")
SURPLUS = ("tables/more.csv", f"fits/{CASE}/lme4.json", "studies/tiny/tables/more.tex",
           "studies/tiny/figures/more.svg", "studies/other/performance.csv",
           "notes.txt")  # fmt: skip
EDITED = ("report/index.html", "studies/tiny/report.html", "verdict.txt",
          f"divergences/{DIVERGENCE}.md", "studies/tiny/tables/bias.tex")  # fmt: skip


@pytest.mark.parametrize("names", [DERIVED, RAW], ids=["derived", "raw"])
def test_missing_files_are_named(finished, results, names):
    for name in names:
        (results / name).unlink()
    lines = told(results, finished)
    assert {f"{name}: found nothing, expected the file" for name in names} <= set(lines)


def test_surplus_files_are_named(finished, results):
    for name in SURPLUS:
        (results / name).parent.mkdir(exist_ok=True)
        (results / name).write_text("x\n")
    lines = [line for line in told(results, finished) if not line.startswith("provenance.json")]
    assert lines == sorted(f"{name}: found the file, expected nothing" for name in SURPLUS)


def test_texts_edited_by_hand_are_named_by_their_lines(finished, results):
    expected = set()
    for name in EDITED:
        lines = (results / name).read_text().split("\n")
        lines[len(lines) // 2] += " by hand"
        (results / name).write_text("\n".join(lines))
        expected.add(f"{name}: line {len(lines) // 2 + 1}")
    found = {line.partition(": found ")[0] for line in told(results, finished)}
    assert expected <= found


def test_a_raw_file_that_is_none_is_told_not_raised(finished, results):
    (results / "fits" / CASE / "python.json").write_text("{")
    lines = told(results, finished)
    assert any("raw files that do not serve: EngineError" in line for line in lines)


def test_a_tampered_provenance_is_named(finished, results):
    path = results / "provenance.json"
    content = read_provenance(path)
    content["steps"][0]["from"]["config/tolerances.yaml"] = "0" * 64
    write_json(path, content)
    content["made_with"]["versions"]["numpy"] = "1.0"
    write_json(path, content)
    found = verify(results, finished)
    assert ["config/tolerances.yaml" in str(one) for one in found.differences] == [True]
    (note,) = found.notes
    assert note.startswith('made with versions > numpy: "1.0"; here: ')
    path.write_text("{}")
    with pytest.raises(CaseError, match="must be the provenance of a run"):
        verify(results, finished)


def test_the_command_tells_by_its_exit_code(finished, results, capsys):
    words = ["verify", str(results), "--project", str(finished)]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["equal"]
    (results / "verdict.txt").unlink()
    assert main(words) == 1
    assert "verdict.txt: found nothing, expected the file" in capsys.readouterr().out
    assert main(["verify", str(results / "nowhere")]) == 2
    assert "must be the directory of a run's results" in capsys.readouterr().err


def test_a_directory_without_a_run_is_refused(finished, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="must hold the results of a run"):
        verify(tmp_path / "empty", finished)


def test_provenance_holds_no_time_and_no_place(finished):
    text = (finished / "results" / "provenance.json").read_text()
    assert str(finished) not in text
    assert str(ROOT) not in text
    content = json.loads(text)
    assert content["made_with"]["versions"]["Python"]
    assert content["made_with"]["blas"]["name"]
    hashes = [h for step in content["steps"] for h in (step["from"] | step["files"]).values()]
    assert all(isinstance(one, str) and len(one) == 64 for one in hashes)


def test_differences_are_counted_where_they_are_many(tmp_path):
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_text("a,b\n" + "1,2\n" * 20)
    other.write_text("a,b\n" + "1,3\n" * 20)
    found = file_differences("t.csv", one, other)
    assert len(found) == MOST + 1
    assert str(found[-1]) == "t.csv: in all: found 20 differences, expected none"


def test_rows_read_back_are_what_was_written(finished):
    rows = read_rows(finished / STUDY / "replicates" / "informative-true.parquet")
    assert sorted(set(rows["replicate"])) == [0, 1, 2, 3]
