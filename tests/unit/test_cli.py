"""The command line: what it prints, its exit codes, and one clear message on wrong input."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from wemix_ref import mix
from wemix_ref.cases import CASES, load_cases
from wemix_ref.cli import main
from wemix_ref.datasets import RESOURCES

SCHOOL = RESOURCES / "data" / "three-level-school.csv"
FORMULA = "y ~ x1 + (1|sch/tch)"


def test_fit_prints_the_summary(capsys):
    assert main(["fit", str(SCHOOL), "--formula", FORMULA, "--weights", "w1", "w2", "w3"]) == 0
    told = capsys.readouterr()
    fit = mix(FORMULA, load_cases()["three-level-school"].data, ["w1", "w2", "w3"])
    assert told.out == f"{fit.summary().rstrip()}\n"
    assert told.err == ""


def test_fit_gives_json(capsys):
    assert main(["fit", str(SCHOOL), "--formula", FORMULA, "--reml", "--json"]) == 0
    numbers = json.loads(capsys.readouterr().out)
    fit = mix(FORMULA, load_cases()["three-level-school"].data, reml=True)
    assert numbers["params"] == pytest.approx(fit.params.to_dict(), rel=1e-12)
    assert numbers["deviance"] == pytest.approx(fit.deviance, rel=1e-14)
    assert numbers["reml"] is True
    assert numbers["se_recipe"] == "model"
    # under REML a variance has no standard error; NaN is no JSON
    assert numbers["variance_components"][0]["se"] is None


def test_fit_takes_the_recipe_of_standard_errors(capsys):
    words = ["fit", str(SCHOOL), "--formula", FORMULA, "--weights", "w1", "w2", "w3", "--json"]
    found = {}
    for recipe in ("model", "wemix"):
        assert main([*words, "--se", recipe]) == 0
        found[recipe] = json.loads(capsys.readouterr().out)["bse"]
    assert found["model"] != found["wemix"]


def test_warnings_go_to_stderr(tmp_path, capsys):
    lines = SCHOOL.read_text().splitlines()
    header = lines[0].replace('"', "").split(",")
    cells = lines[1].split(",")
    cells[header.index("x1")] = ""
    (tmp_path / "gap.csv").write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n")
    assert main(["fit", str(tmp_path / "gap.csv"), "--formula", FORMULA]) == 0
    assert "1 of 150 rows were left out" in capsys.readouterr().err


def test_text_columns_are_read_as_text(tmp_path, capsys):
    rows = [f"{i % 7 + 0.1 * i},{'007' if i % 4 == 0 else i % 4}" for i in range(40)]
    (tmp_path / "ids.csv").write_text("\n".join(["y,g", *rows]) + "\n")
    words = ["fit", str(tmp_path / "ids.csv"), "--formula", "y ~ 1 + (1|g)"]
    assert main([*words, "--text", "g", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ngroups"] == {"g": 4}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["fit", "nowhere.csv", "--formula", FORMULA], "nowhere.csv must be a readable CSV file"),
        (["fit", str(SCHOOL), "--formula", "y ~"], "formula"),
        (["fit", str(SCHOOL), "--formula", "y ~ q + (1|sch)"], "'q'"),
        (["fit", str(SCHOOL), "--formula", FORMULA, "--weights", "w1"], "3 in all"),
        (
            ["fit", str(SCHOOL), "--formula", FORMULA, "--reml", "--weights", "w1", "w2", "w3"],
            "REML",
        ),
        (
            ["fit", str(SCHOOL), "--formula", FORMULA, "--text", "nothing"],
            "--text must name columns",
        ),
        (["compare", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_wrong_input_is_one_message_and_exit_code_2(words, told, capsys):
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("wemix-ref: ")
    assert told in printed.err
    assert printed.err.count("wemix-ref: ") == 1
    assert printed.err.count("\n") == 1
    assert "Traceback" not in printed.err


def test_an_empty_file_is_wrong_input(tmp_path, capsys):
    (tmp_path / "empty.csv").write_text("")
    assert main(["fit", str(tmp_path / "empty.csv"), "--formula", FORMULA]) == 2
    assert "must be a CSV file with a header" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [[], ["sing"], ["fit"], ["fit", "d"], ["fit", "d", "--formula", "y", "--se", "a"]]
)
def test_a_wrong_command_ends_with_exit_code_2(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: wemix-ref" in capsys.readouterr().err


def test_compare_prints_the_verdicts(monkeypatch, capsys):
    monkeypatch.setenv("WEMIX_REF_NO_R", "1")
    assert main(["compare", str(CASES / "three-level-numeric-ids.yaml")]) == 0
    told = capsys.readouterr().out
    assert "three-level-numeric-ids  recorded       agrees" in told
    assert "three-level-numeric-ids  lme4-weighted  unavailable" in told


def test_compare_ends_with_1_where_a_number_differs(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("WEMIX_REF_NO_R", "1")
    text = (CASES / "subject-weights.yaml").read_text()
    assert '"-1055.34690957995"' in text
    path = tmp_path / "subject-weights.yaml"
    path.write_text(text.replace('"-1055.34690957995"', '"-1055.34690958995"'))
    assert main(["compare", str(path)]) == 1
    assert "printed: llf differs" in capsys.readouterr().out


def test_compare_gives_the_whole_comparison_as_json(monkeypatch, capsys):
    monkeypatch.setenv("WEMIX_REF_NO_R", "1")
    assert main(["compare", str(CASES / "subject-weights.yaml"), "--json"]) == 0
    comparison = json.loads(capsys.readouterr().out)
    assert comparison["schema"] == "wemix-ref/comparison/1"
    assert comparison["verdicts"]["python"]["ok"] is True


def test_cases_are_listed(capsys):
    assert main(["cases", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed == {name: case.title for name, case in load_cases().items()}
    assert main(["cases"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(listed)


@pytest.mark.live_r
def test_r_that_was_turned_off_is_asked_once_it_is_not(monkeypatch):
    from wemix_ref.installed import r_versions

    monkeypatch.setenv("WEMIX_REF_NO_R", "1")
    assert r_versions() == {}
    monkeypatch.delenv("WEMIX_REF_NO_R")
    assert r_versions()["R"]


def test_engines_say_what_is_here(monkeypatch, capsys):
    monkeypatch.setenv("WEMIX_REF_NO_R", "1")
    assert main(["engines", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["python"]["available"] is True
    assert "wemix_ref" in listed["python"]["versions"]
    for name in ("lme4", "lme4-weighted", "wemix"):
        assert listed[name]["available"] is False
        assert "WEMIX_REF_NO_R" in listed[name]["reason"]


@pytest.mark.live_r
def test_engines_have_versions_where_r_is(capsys):
    assert main(["engines", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["lme4"]["available"] is True
    assert set(listed["lme4"]["versions"]) == {"R", "lme4", "Matrix"}


def test_it_runs_as_a_module_and_survives_a_closed_pipe():
    command = f"'{sys.executable}' -m wemix_ref.cli cases | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def _in_a_shell(command: str, folder) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if "UNBUFFERED" not in name}
    return subprocess.run(
        ["bash", "-c", command.replace("wemix-ref", f"'{sys.executable}' -m wemix_ref")],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
        env=environment,
    )


@pytest.mark.parametrize(
    "words",
    ["recipes", "--version", "sing", f"fit '{SCHOOL}' --formula '{FORMULA}' --json out.json"],
)
def test_a_closed_standard_output_is_told_of_before_anything_is_done(words, tmp_path):
    done = _in_a_shell(f"wemix-ref {words} >&-", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("wemix-ref: standard output must be open; it is closed. Send it")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "code"),
    [("recipes", 0), ("fit no.csv --formula 'y ~ (1|g)'", 2)],
)
def test_a_closed_standard_error_changes_no_exit_code(words, code, tmp_path):
    done = _in_a_shell(f"wemix-ref {words} 2>&-", tmp_path)
    assert (done.returncode, done.stderr) == (code, "")
    assert bool(done.stdout) == (code == 0)
    assert _in_a_shell(f"wemix-ref {words} >&- 2>&-", tmp_path).returncode == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is full is Linux's")
def test_a_full_disk_is_told_of_in_one_line(tmp_path):
    done = _in_a_shell("wemix-ref recipes >/dev/full", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("wemix-ref: a file cannot be read or written: No space")
    assert done.stderr.count("\n") == 1


def test_a_pipe_that_was_closed_ends_well(tmp_path):
    command = "{ sleep 0.5; wemix-ref recipes; } | true; exit ${PIPESTATUS[0]}"
    done = _in_a_shell(command, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_weights_with_commas_and_centring(tmp_path, capsys):
    from tests.identities.conftest import simulate
    from wemix_ref import mix
    from wemix_ref.csv_numbers import read_csv

    data = simulate(3, n_top=8)
    file = tmp_path / "data.csv"
    data.to_csv(file, index=False, sep=";")
    words = [
        "fit",
        str(file),
        "--formula",
        "y ~ x + (1|g3/g2)",
        "--sep",
        ";",
        "--weights",
        "w1,w2,w3",
    ]
    options = ["--center-group", "g3=~x", "--se", "stata", "--json"]
    assert main([*words, *options]) in (0, 1)
    told = json.loads(capsys.readouterr().out)
    expected = mix(
        "y ~ x + (1|g3/g2)",
        read_csv(file, sep=";"),
        ["w1", "w2", "w3"],
        se="stata",
        center_group={"g3": "~x"},
    )
    assert told["bse"] == expected.bse.to_dict()
    assert told["weights"] == ["w1", "w2", "w3"]
    assert told["centring"] == [["x", "g3"]]
    assert told["se_recipe"] == "stata"
    assert main([*words[:4], "--weights", "w1"]) == 2
    assert "--sep" in capsys.readouterr().err
    assert main([*words, "--center-group", "x"]) == 2
    assert "GROUP=~X" in capsys.readouterr().err


def test_weights_are_scaled(capsys):
    words = [
        "fit",
        str(SCHOOL),
        "--formula",
        FORMULA,
        "--weights",
        "w1",
        "w2",
        "w3",
        "--json",
        "--scale",
    ]
    data = load_cases()["three-level-school"].data
    for given, scale in ((["gk"], "gk"), (["size", "none"], ["size", "none"])):
        assert main([*words, *given]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["deviance"] == mix(FORMULA, data, ["w1", "w2", "w3"], scale=scale).deviance
        assert told["scale"] == [given[0], given[-1]]
    assert main([*words, "sise"]) == 2
    assert "'sise'" in capsys.readouterr().err


KEPT = [
    f"wemix_ref.{name}"
    for name in ("cli", "cli_fit", "cli_read", "cli_text", "errors", "inference")
]


def test_a_missing_package_is_one_message(monkeypatch, capsys):
    import builtins

    real = builtins.__import__

    def without_yaml(name, *rest):
        if name == "yaml":
            raise ModuleNotFoundError("No module named 'yaml'", name="yaml")
        return real(name, *rest)

    for module in [m for m in sys.modules if m == "yaml" or m.startswith("wemix_ref.")]:
        if module not in KEPT:
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(builtins, "__import__", without_yaml)
    assert main(["cases"]) == 2
    assert "workbench" in capsys.readouterr().err


WORDS = ["fit", str(SCHOOL), "--formula", FORMULA]
WEIGHTED = [*WORDS, "--weights", "w1", "w2", "w3"]


def test_files_are_written_beside_the_summary(tmp_path, capsys):
    told, page = tmp_path / "out" / "fit.json", tmp_path / "fit.html"
    page.write_text("old")
    assert main([*WEIGHTED, "--json", str(told), "--html", str(page)]) == 0
    fit = mix(FORMULA, load_cases()["three-level-school"].data, ["w1", "w2", "w3"])
    assert capsys.readouterr().out == f"{fit.summary().rstrip()}\n"
    assert json.loads(told.read_text())["bse"] == fit.bse.to_dict()
    assert fit.summary().html in page.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fit.html", "out"]
    assert [path.name for path in told.parent.iterdir()] == ["fit.json"]


@pytest.mark.parametrize("name", [[], ["-"]])
def test_standard_output_takes_one_form_in_place_of_the_summary(name, tmp_path, capsys):
    assert main([*WORDS, "--json", *name]) == 0
    assert json.loads(capsys.readouterr().out)["formula"] == FORMULA
    assert main([*WORDS, "--html", *name, "--json", str(tmp_path / "fit.json")]) == 0
    assert capsys.readouterr().out.startswith("<!DOCTYPE html>")
    assert main([*WORDS, "--html", *name, "--json", *name]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "must not both go to standard output" in told.err


def test_the_page_is_escaped_and_loads_nothing(tmp_path, capsys):
    import pandas as pd

    name = "<script src=//x>&"
    data = pd.read_csv(SCHOOL).rename(columns={"x1": name})
    data.to_csv(tmp_path / "data.csv", index=False)
    words = ["fit", str(tmp_path / "data.csv"), "--formula", f"y ~ `{name}` + (1|sch)"]
    assert main([*words, "--html"]) == 0
    page = capsys.readouterr().out
    assert "<script" not in page
    assert page.count("&lt;script src=//x&gt;&amp;") >= 3  # title, formula, coefficient
    assert "\n".join(page.split("\n")[-3:]) == "</body>\n</html>\n"


def test_files_that_cannot_be_written_are_refused(tmp_path, capsys):
    mine = tmp_path / "data.csv"
    mine.write_bytes(SCHOOL.read_bytes())
    words = ["fit", str(mine), "--formula", FORMULA]
    both = str(tmp_path / "both")
    for given, told in (
        (["--json", str(tmp_path)], "must name a file"),
        (["--html", "/dev/null"], "must name a file"),
        (["--json", ""], "must name a file"),
        (["--json", str(mine / "fit.json")], "is no directory"),
        (["--html", str(tmp_path / ("n" * 300))], "too long"),
        (["--html", str(mine)], "must not be the file of the data"),
        (["--html", both, "--json", both], "must name two files"),
    ):
        assert main([*words, *given]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert told in printed.err
        assert printed.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]
    assert mine.read_bytes() == SCHOOL.read_bytes()


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch, capsys):
    from pathlib import Path

    def full(self, target):
        raise OSError(28, "No space left on device")

    path = tmp_path / "fit.json"
    path.write_text("old")
    monkeypatch.setattr(Path, "replace", full)
    assert main([*WORDS, "--json", str(path)]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("wemix-ref: --json must be a file that can be written")
    assert "No space left on device" in told.err
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["fit.json"]


@pytest.mark.parametrize("suffix", [".parquet", ".PQ"])
def test_parquet_gives_what_csv_gives(suffix, tmp_path, capsys):
    import pandas as pd

    file = tmp_path / f"data{suffix}"
    # an index that has a name is a column of the file
    pd.read_csv(SCHOOL).set_index("sch").to_parquet(file)
    assert main([*WEIGHTED]) == 0
    expected = capsys.readouterr().out
    assert main(["fit", str(file), *WEIGHTED[2:]]) == 0
    assert capsys.readouterr().out == expected


def test_wrong_parquet_is_one_message(tmp_path, monkeypatch, capsys):
    import builtins

    file = tmp_path / "data.parquet"
    words = ["fit", str(file), "--formula", FORMULA]
    assert main(words) == 2
    assert "must be a readable parquet file: No such file" in capsys.readouterr().err
    file.write_text("y,x1\n1,2\n")
    assert main(words) == 2
    told = capsys.readouterr().err
    assert "must be a readable parquet file" in told
    assert told.count("\n") == 1
    for option in (["--sep", ";"], ["--text", "sch"]):
        assert main([*words, *option]) == 2
        assert "--sep and --text are for CSV files" in capsys.readouterr().err
    real = builtins.__import__

    def without_pyarrow(name, *rest):
        if name.partition(".")[0] == "pyarrow":
            raise ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_pyarrow)
    assert main(words) == 2
    told = capsys.readouterr().err
    assert "pip install 'wemix-ref[workbench]'" in told
    assert told.count("\n") == 1


def test_csv_that_pandas_cannot_read_is_one_message(tmp_path, capsys):
    for name, content, given in (
        ("ragged.csv", b"y,x1\n1,2\n1,2,3\n", []),
        ("latin.csv", "y,é\n1,2\n".encode("latin-1"), []),
        ("bad.csv.gz", b"y,x1\n1,2\n", []),
        ("bad.csv.zip", b"y,x1\n1,2\n", []),
        ("sep.csv", b"y((x1\n1((2\n", ["--sep", "(("]),
    ):
        (tmp_path / name).write_bytes(content)
        assert main(["fit", str(tmp_path / name), "--formula", "y ~ 1 + (1|x1)", *given]) == 2
        told = capsys.readouterr().err
        assert told.startswith(f"wemix-ref: {tmp_path / name} must ")
        assert told.count("\n") == 1


def test_a_caret_becomes_words(capsys):
    assert main(["fit", str(SCHOOL), "--formula", "y ~ x1 + * (1|sch)"]) == 2
    told = capsys.readouterr().err
    assert told.endswith(": in 'y ~ x1 + * (1|sch)' at '* (1|sch)'.\n")
    assert main(["fit", str(SCHOOL), "--formula", "y ~ x1 +"]) == 2
    assert capsys.readouterr().err.endswith(": in 'y ~ x1 +' at its end.\n")


def test_conditional_weights_have_two_names(tmp_path, capsys):
    data = load_cases()["three-level-school"].data
    file = tmp_path / "data.csv"
    data.assign(c1=data["w1"] / data["w2"], c2=data["w2"] / data["w3"]).to_csv(file, index=False)
    expected = mix(FORMULA, data, ["w1", "w2", "w3"])
    words = ["fit", str(file), "--formula", FORMULA, "--weights", "c1", "c2", "w3", "--json"]
    for option in ("--conditional", "--conditional-weights"):
        assert main([*words, option]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["conditional_weights"] is True
        assert told["deviance"] == pytest.approx(expected.deviance, rel=1e-12)


def test_weights_are_used_where_told(capsys):
    data = load_cases()["three-level-school"].data
    expected = mix(FORMULA, data, ["w1", "w2", "w3"], use=[True, False, True])
    assert main([*WEIGHTED, "--use", "yes", "no", "yes", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["deviance"] == expected.deviance
    assert told["use"] == [True, False, True]
    assert main([*WEIGHTED, "--use", "yes"]) == 2
    assert "use" in capsys.readouterr().err


def test_recipes_are_listed_with_who_prints_them(capsys):
    from wemix_ref.inference import RECIPES

    assert main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(RECIPES)
    for line, package in zip(
        lines, ("WeMix", "Stata", "GLLAMM", "SAS", "Mplus", "lme4"), strict=True
    ):
        assert package in line
        assert line.endswith("prints)")
    assert main(["recipes", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert list(listed) == list(RECIPES)
    assert all(f"{name}  " in line for name, line in zip(listed, lines, strict=True))
