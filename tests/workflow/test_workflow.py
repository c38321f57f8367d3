"""A run ends with its report; what changed, and no more, is done again; failures are told."""

import csv
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from wemix_ref.verify import verify

ROOT = Path(__file__).resolve().parents[2]
LAST = {
    "Write the report",
    "Write the tables",
    "Check that every number is as it must be",
    "Check that no printed number differs",
    "Check that ours is right where R goes another way",
    "Write down what the run was made with",
}
JUDGED = {
    "Judge the printed numbers",
    "Write the report",
    "Check that every number is as it must be",
    "Check that no printed number differs",
    "Check that ours is right where R goes another way",
    "Write down what the run was made with",
}
SHOWN = {
    "Show the divergence lme4-colon-ids",
    "Show the divergence slash-numeric-ids",
    "Write the table of divergences",
}
COMPARED = {"Compare three-level-school", "Compare sleepstudy-l2-slope"}


def test_a_run_ends_with_the_report(finished):
    workbench, told = finished
    results = workbench.place / "results"
    page = (results / "report" / "index.html").read_text(encoding="utf-8")
    assert "three-level-school" in page
    assert (results / "report.html").stat().st_size > 10_000  # Snakemake's own
    assert "index.html" in told
    verdict = (results / "verdict.txt").read_text()
    assert verdict in told
    assert "three-level-school   recorded  agrees" in verdict
    assert (results / "rebuilt" / "three-level-school.json").is_file()
    left_over = [path for path in results.rglob(".*") if path.name != ".snakemake_timestamp"]
    assert left_over == []


def test_a_run_is_equal_to_what_its_raw_files_give(finished, monkeypatch):
    monkeypatch.setenv("WEMIX_REF_NO_R", "1")
    place = finished[0].place
    found = verify(place / "results")
    assert found.differences == ()
    about = json.loads((place / "results" / "provenance.json").read_text())["made_with"]
    assert about["environment"]["OPENBLAS_NUM_THREADS"] == "1"


def test_records_name_the_engine_and_stand_apart_from_timings(finished):
    fits = finished[0].place / "results" / "fits" / "three-level-school"
    assert {path.name for path in fits.iterdir()} == {
        f"{engine}.{kind}"
        for engine in ("python", "recorded")
        for kind in ("json", "timing.json", "matrices.parquet")
    }
    assert "seconds" in json.loads((fits / "python.timing.json").read_text())
    assert "seconds" not in (fits / "python.json").read_text()


def test_nothing_is_done_without_a_change(workbench):
    assert workbench.planned() == set()


def test_a_fit_done_again_writes_the_same_bytes_and_redoes_nothing_else(workbench):
    fits = workbench.place / "results" / "fits" / "three-level-school"
    names = ("python.json", "python.matrices.parquet")
    before = {name: hashlib.sha256((fits / name).read_bytes()).hexdigest() for name in names}
    done = workbench.snakemake("--force", "results/fits/three-level-school/python.json")
    assert done.returncode == 0, done.stderr
    after = {name: hashlib.sha256((fits / name).read_bytes()).hexdigest() for name in names}
    assert after == before
    assert workbench.planned() == set()


def test_a_changed_note_redoes_no_fit(workbench):
    workbench.replace("config/cases/sleepstudy-l2-slope.yaml", "title: ", "title: Again, ")
    assert workbench.planned() == {"Compare sleepstudy-l2-slope", *LAST}


def test_a_changed_model_redoes_its_case_alone(workbench):
    workbench.replace("config/cases/sleepstudy-l2-slope.yaml", "(Days|Subject)", "(1|Subject)")
    assert workbench.planned() == {
        "Prepare sleepstudy-l2-slope",
        "Fit sleepstudy-l2-slope by python",
        "Fit sleepstudy-l2-slope by recorded",
        "Compare sleepstudy-l2-slope",
        *LAST,
    }


def test_a_changed_datum_redoes_its_case_alone(workbench):
    path = workbench.place / "resources" / "data" / "sleepstudy-l2-slope.csv"
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[2], lines[1], *lines[3:]]) + "\n")
    after = hashlib.sha256(path.read_bytes()).hexdigest()
    workbench.replace("resources/data/provenance.yaml", before, after)
    planned = workbench.planned()
    assert {job for job in planned if not job.startswith("Make ")} == {
        "Prepare sleepstudy-l2-slope",
        "Fit sleepstudy-l2-slope by python",
        "Fit sleepstudy-l2-slope by recorded",
        "Compare sleepstudy-l2-slope",
        *LAST,
    }


@pytest.mark.parametrize(
    ("file", "jobs"),
    [
        (
            "deviance.py",
            {
                "Fit three-level-school by python",
                "Fit sleepstudy-l2-slope by python",
                *COMPARED,
                *LAST,
                *JUDGED,
                *SHOWN,
            },
        ),
        ("tiers/printed.py", {*COMPARED, *LAST}),
        ("report/page.py", LAST - {"Write the tables"}),
        ("published/rounding.py", JUDGED),
        ("divergences/replicated.py", {*(LAST - {"Write the tables"}), *SHOWN}),
        ("cli.py", set()),
    ],
)
def test_a_changed_package_redoes_what_depends_on_it(workbench, file, jobs):
    path = f"src/wemix_ref/{file}"
    workbench.write(path, workbench.read(path) + "\n# changed\n")
    assert workbench.planned() == jobs


def test_a_number_that_differs_ends_the_run_after_its_report(workbench):
    page = workbench.place / "results" / "report" / "index.html"
    recorded = "resources/recorded/three-level-school.json"
    workbench.replace(recorded, "0.925431534844646", "0.925431534944646")
    page.unlink()
    done = workbench.snakemake()
    told = done.stdout + done.stderr
    assert done.returncode != 0
    assert "three-level-school, recorded, same-theta: sigma differs" in told
    assert "<--" in told
    assert page.is_file()
    assert not (workbench.place / "results" / "verdict.txt").exists()


def test_changed_data_of_another_hash_stop_the_case_with_a_message(workbench):
    path = workbench.place / "resources" / "data" / "sleepstudy-l2-slope.csv"
    path.write_text(path.read_text() + "\n")
    done = workbench.snakemake("results/prepared/sleepstudy-l2-slope/problem.json")
    assert done.returncode != 0
    assert "must have the sha256" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("only: [] ", "only: [no-such-case] "), "'no-such-case' is none"),
        (("time_limit: 300", "time_limit: soon"), "time_limit"),
        (("resources: resources", "resources: resources\nspeed: high"), "speed"),
    ],
)
def test_a_wrong_configuration_is_refused(workbench, change, told):
    workbench.replace("config/config.yaml", *change)
    done = workbench.snakemake("--dry-run")
    assert done.returncode != 0
    assert told in done.stdout + done.stderr


def test_every_printed_number_is_a_row(finished):
    results = finished[0].place / "results"
    rows = list(csv.DictReader((results / "tables" / "printed.csv").open(encoding="utf-8")))
    assert len(rows) == 298
    assert "skipped" in {row["class"] for row in rows} or os.environ.get("WEMIX_REF_DATA")
    assert "within, unexplained: " in (results / "printed.txt").read_text()
    page = (results / "report" / "index.html").read_text(encoding="utf-8")
    assert 'id="printed-pisa2012-slope"' in page


def test_a_printed_number_that_differs_ends_the_run_after_its_report(workbench):
    page = workbench.place / "results" / "report" / "index.html"
    workbench.replace("resources/published/wemix-test-suite.json", "-1018.29298875158", "-1018.393")
    page.unlink()
    done = workbench.snakemake()
    told = done.stdout + done.stderr
    assert done.returncode != 0
    assert "row-weights-two-effects, WeMix: `log_likelihood` printed -1018.393, ours" in told
    assert "printed numbers that differ: 1" in told
    assert page.is_file()
    assert not (workbench.place / "results" / "printed.txt").exists()


def test_divergences_stand_by_their_records_without_r(finished):
    results = finished[0].place / "results"
    rows = list(csv.DictReader((results / "tables" / "divergences.csv").open(encoding="utf-8")))
    assert {row["divergence"] for row in rows} == {"lme4-colon-ids", "slash-numeric-ids"}
    assert {(row["state"], row["reason"]) for row in rows} == {
        ("R diverges (recorded)", "R is turned off by WEMIX_REF_NO_R")
    }
    told = (results / "divergences.txt").read_text()
    assert told == "R diverges (recorded): 2 (slash-numeric-ids, lme4-colon-ids)\n"
    page = (results / "report" / "index.html").read_text(encoding="utf-8")
    assert 'href="../divergences/slash-numeric-ids.md"' in page
    assert "Recorded with R" in (results / "divergences" / "slash-numeric-ids.md").read_text()


def test_ours_away_from_an_oracle_ends_the_run_after_its_report(workbench):
    page = workbench.place / "results" / "report" / "index.html"
    workbench.replace(
        "config/divergences/slash-numeric-ids.yaml",
        "{name: intercept, quantity: beta (Intercept)}",
        "{name: intercept, quantity: beta x}",
    )
    page.unlink()
    done = workbench.snakemake()
    told = done.stdout + done.stderr
    assert done.returncode != 0
    assert "slash-numeric-ids: intercept: ours is 0.307" in told
    assert page.is_file()
    assert not (workbench.place / "results" / "divergences.txt").exists()


def test_lint_and_format_are_clean():
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--lint"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    files = ["Snakefile", "workflow/Snakefile"]
    files += map(str, sorted((ROOT / "workflow" / "rules").glob("*.smk")))
    snakefmt = Path(sys.executable).with_name("snakefmt")
    done = subprocess.run(
        [str(snakefmt), "--check", *files], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_scripts_are_thin():
    for path in (ROOT / "workflow" / "scripts").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 40, path.name
