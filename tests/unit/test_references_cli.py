"""The command line of references: exit codes, what is printed, and wrong input."""

from __future__ import annotations

import json
import shlex

import pytest
import yaml

import wemix_ref.engines
import wemix_ref.references.check
import wemix_ref.references.record
from tests.unit.fake_engine import SESSION, FakeEngine, scale
from wemix_ref import cli_references
from wemix_ref.cli import _parser, main

CASE = ["--case", "dyestuff-reml", "--engine", "lme4"]


@pytest.fixture
def use(monkeypatch):
    """Put an engine in the place of those in R."""

    def put(engine):
        get = wemix_ref.engines.get_engine
        engines = {"lme4": engine, "wemix": FakeEngine(name="wemix", here=False)}
        monkeypatch.setattr(
            wemix_ref.engines, "get_engine", lambda n, **k: engines.get(n) or get(n, **k)
        )

    for module in (wemix_ref.references.check, wemix_ref.references.record):
        for function in (
            module.__dict__.get("check_answers"),
            module.__dict__.get("record_answers"),
        ):
            if function is not None:
                monkeypatch.setitem(function.__kwdefaults__, "session", lambda: SESSION)
    return put


def test_record_then_check(use, tmp_path, capsys):
    use(FakeEngine("1.0"))
    assert main(["references", "record", str(tmp_path), *CASE]) == 0
    told = capsys.readouterr()
    assert told.out == "dyestuff-reml.lme4-1.0.json  1.2 s  agrees with ours\n"
    assert told.err == "wemix-ref: lme4: 1 fits\n"
    assert main(["references", "check", str(tmp_path), *CASE]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:10] == [
        "engine", "recorded", "now", "cases", "worsened", "fixed", "changed", "new", "same",
        "differ",
    ]  # fmt: skip
    assert lines[1].split()[:8] == ["lme4", "1.0", "1.0", "1", "0", "0", "0", "0"]
    assert len(lines) == 2


def test_worsened_is_exit_code_1_and_a_line(use, tmp_path, capsys):
    use(FakeEngine("1.0"))
    main(["references", "record", str(tmp_path), *CASE])
    use(FakeEngine("2.0", scale("sigma", 1.5)))
    capsys.readouterr()
    assert main(["references", "check", str(tmp_path), *CASE]) == 1
    (line,) = [s for s in capsys.readouterr().out.splitlines() if s.startswith("worsened")]
    assert line.startswith("worsened: dyestuff-reml, lme4 1.0 -> 2.0, same-theta sigma: 49.5")
    assert " -> 74.2" in line
    assert ", ours 49.5" in line


def test_fixed_is_exit_code_0_and_json_is_all_of_it(use, tmp_path, capsys):
    use(FakeEngine("1.0", scale("sigma", 1.5)))
    assert main(["references", "record", str(tmp_path), *CASE]) == 0
    assert "1 number of it differs from ours" in capsys.readouterr().out
    use(FakeEngine("2.0"))
    assert main(["references", "check", str(tmp_path), *CASE, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "wemix-ref/reference-check/1"
    assert [row["verdict"] for row in told["numbers"] if row["verdict"] != "same"] == ["fixed"]
    assert told["by_version"][0]["counts"]["fixed"] == 1
    assert main(["references", "check", str(tmp_path), *CASE]) == 0
    assert "fixed: dyestuff-reml, lme4 1.0 -> 2.0" in capsys.readouterr().out


def test_new_is_exit_code_0(use, tmp_path, capsys):
    use(FakeEngine("1.0"))
    main(["references", "record", str(tmp_path), *CASE])
    other = ["--case", "dyestuff", "--engine", "lme4"]
    assert main(["references", "check", str(tmp_path), *other, "--json"]) == 0
    told = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert {row["verdict"] for row in told["numbers"]} == {"new"}


def test_an_engine_that_fails_is_exit_code_1(use, tmp_path, capsys):
    use(FakeEngine("1.0"))
    main(["references", "record", str(tmp_path), *CASE])
    use(FakeEngine("1.0", status="failed"))
    assert main(["references", "check", str(tmp_path), *CASE]) == 1
    assert "worsened: dyestuff-reml, lme4, failed: made to be failed" in capsys.readouterr().out
    assert main(["references", "record", str(tmp_path / "b"), *CASE, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["failed"][0]["case"] == "dyestuff-reml"


def test_replace_must_be_said(use, tmp_path, capsys):
    use(FakeEngine("1.0"))
    arguments = ["references", "record", str(tmp_path), *CASE]
    assert main(arguments) == 0
    assert main(arguments) == 2
    assert "give --replace" in capsys.readouterr().err
    assert main([*arguments, "--replace"]) == 0


def test_engines_that_are_not_here_are_told_once_for_all_cases(use, tmp_path, capsys):
    use(FakeEngine("1.0"))
    cases = ["--case", "dyestuff", "unit-weights", "row-weights", "--engine", "lme4", "wemix"]
    assert main(["references", "record", str(tmp_path), *cases]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[1:] == ["without an answer: wemix (made not to be here): row-weights, unit-weights"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--case", "dyestuff", "nowhere"], "1 are none (first: 'nowhere')"),
        (["--cases", "no/such/place"], "must hold at least one case file"),
        (["--case", "dyestuff", "--engine", "wemix"], "none is (wemix: made not to be here)"),
    ],
)
def test_wrong_input_is_exit_code_2(use, tmp_path, capsys, arguments, message):
    use(FakeEngine("1.0"))
    assert main(["references", "record", str(tmp_path), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_directory_without_answers_is_exit_code_2(use, tmp_path, capsys):
    use(FakeEngine("1.0"))
    assert main(["references", "check", str(tmp_path), *CASE]) == 2
    assert "wemix-ref references record" in capsys.readouterr().err


def test_without_a_directory_the_shipped_answers_are_checked(use, capsys):
    use(FakeEngine("1.0"))
    case = ["--case", "sleepstudy-l1-weights-unweighted", "--engine", "lme4", "--json"]
    assert main(["references", "check", *case]) == 0
    told = json.loads(capsys.readouterr().out)
    name = "sleepstudy-l1-weights-unweighted"
    assert {row["reference"] for row in told["numbers"]} == {name, f"{name}.lme4-1.1.31"}
    assert {row["verdict"] for row in told["numbers"]} == {"same", "new"}


def test_engines_are_those_that_can_be_recorded():
    from wemix_ref.references.answers import PROGRAMS

    assert tuple(PROGRAMS) == cli_references.ENGINES


def test_a_directory_that_is_not_there_is_exit_code_2(use, tmp_path, capsys):
    use(FakeEngine("1.0"))
    main(["references", "record", str(tmp_path / "a"), *CASE])
    words = ["references", "check", str(tmp_path / "a"), str(tmp_path / "b"), *CASE]
    assert main(words) == 2
    assert "read from directories" in capsys.readouterr().err


def test_a_line_tells_how_many_digits_are_left(use, tmp_path, capsys):
    use(FakeEngine("1.0"))
    main(["references", "record", str(tmp_path), *CASE])
    use(FakeEngine("2.0", scale("sigma", 1 + 1e-8)))
    capsys.readouterr()
    assert main(["references", "check", str(tmp_path), *CASE]) == 1
    (line,) = [s for s in capsys.readouterr().out.splitlines() if s.startswith("worsened")]
    assert line.endswith(" (8.0 digits of ours, 12 expected)")


def test_ci_checks_r_and_keeps_what_was_said(project_root):
    """The command of the step is one that the parser takes, and its file is the artifact."""
    ci = yaml.safe_load((project_root / ".github/workflows/ci.yml").read_text("utf-8"))
    steps = ci["jobs"]["bare"]["steps"]
    (place,) = [i for i, step in enumerate(steps) if "references check" in step.get("run", "")]
    command, _, file = steps[place]["run"].partition(" >")
    words = shlex.split(command)
    assert words[0] == ".venv/bin/wemix-ref"
    parsed = _parser().parse_args(words[1:])
    assert parsed.json
    assert set(parsed.engine) == {"lme4", "lme4-weighted"}
    (kept,) = [step for step in steps[place:] if step.get("with", {}).get("path") == file]
    assert kept["uses"].startswith("actions/upload-artifact@")
    assert kept["if"] == "always()"
