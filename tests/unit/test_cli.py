"""The command line: what it prints, its exit codes, and one clear message on wrong input."""

import json
import subprocess
import sys

import pytest

from wemix_ref import mix
from wemix_ref.cases import CASES, load_cases
from wemix_ref.cli import main
from wemix_ref.datasets import RESOURCES

SCHOOL = RESOURCES / "data" / "three-level-school.csv"
FORMULA = "y ~ x1 + (1|sch/tch)"


def test_fit_prints_the_summary(capsys):
    assert main(["fit", FORMULA, str(SCHOOL), "--weights", "w1", "w2", "w3"]) == 0
    told = capsys.readouterr()
    fit = mix(FORMULA, load_cases()["three-level-school"].data, ["w1", "w2", "w3"])
    assert told.out == f"{fit.summary().rstrip()}\n"
    assert told.err == ""


def test_fit_gives_json(capsys):
    assert main(["fit", FORMULA, str(SCHOOL), "--reml", "--json"]) == 0
    numbers = json.loads(capsys.readouterr().out)
    fit = mix(FORMULA, load_cases()["three-level-school"].data, reml=True)
    assert numbers["params"] == pytest.approx(fit.params.to_dict(), rel=1e-12)
    assert numbers["deviance"] == pytest.approx(fit.deviance, rel=1e-14)
    assert numbers["reml"] is True
    assert numbers["se_recipe"] == "model"
    # under REML a variance has no standard error; NaN is no JSON
    assert numbers["variance_components"][0]["se"] is None


def test_fit_takes_the_recipe_of_standard_errors(capsys):
    words = ["fit", FORMULA, str(SCHOOL), "--weights", "w1", "w2", "w3", "--json"]
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
    assert main(["fit", FORMULA, str(tmp_path / "gap.csv")]) == 0
    assert "1 of 150 rows were left out" in capsys.readouterr().err


def test_text_columns_are_read_as_text(tmp_path, capsys):
    rows = [f"{i % 7 + 0.1 * i},{'007' if i % 4 == 0 else i % 4}" for i in range(40)]
    (tmp_path / "ids.csv").write_text("\n".join(["y,g", *rows]) + "\n")
    assert main(["fit", "y ~ 1 + (1|g)", str(tmp_path / "ids.csv"), "--text", "g", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ngroups"] == {"g": 4}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["fit", FORMULA, "nowhere.csv"], "nowhere.csv must be a readable CSV file"),
        (["fit", "y ~", str(SCHOOL)], "formula"),
        (["fit", "y ~ q + (1|sch)", str(SCHOOL)], "'q'"),
        (["fit", FORMULA, str(SCHOOL), "--weights", "w1"], "3 in all"),
        (["fit", FORMULA, str(SCHOOL), "--reml", "--weights", "w1", "w2", "w3"], "REML"),
        (["fit", FORMULA, str(SCHOOL), "--text", "nothing"], "--text must name columns"),
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
    assert "Traceback" not in printed.err


def test_an_empty_file_is_wrong_input(tmp_path, capsys):
    (tmp_path / "empty.csv").write_text("")
    assert main(["fit", FORMULA, str(tmp_path / "empty.csv")]) == 2
    assert "must be a CSV file with a header" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["sing"], ["fit"], ["fit", "y", "d", "--se", "magic"]])
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


def test_engines_say_what_is_here(monkeypatch, capsys):
    monkeypatch.setenv("WEMIX_REF_NO_R", "1")
    from wemix_ref.installed import r_versions

    r_versions.cache_clear()
    assert main(["engines", "--json"]) == 0
    r_versions.cache_clear()
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


def test_weights_with_commas_and_centring(tmp_path, capsys):
    import pandas as pd

    from tests.identities.conftest import simulate
    from wemix_ref import mix

    data = simulate(3, n_top=8)
    file = tmp_path / "data.csv"
    data.to_csv(file, index=False, sep=";")
    words = ["fit", "y ~ x + (1|g3/g2)", str(file), "--sep", ";", "--weights", "w1,w2,w3"]
    options = ["--center-group", "g3=~x", "--se", "stata", "--json"]
    assert main([*words, *options]) in (0, 1)
    told = json.loads(capsys.readouterr().out)
    expected = mix(
        "y ~ x + (1|g3/g2)",
        pd.read_csv(file, sep=";"),
        ["w1", "w2", "w3"],
        se="stata",
        center_group={"g3": "~x"},
    )
    assert told["bse"] == expected.bse.to_dict()
    assert told["weights"] == ["w1", "w2", "w3"]
    assert told["centring"] == [["x", "g3"]]
    assert told["se_recipe"] == "stata"
    assert main([*words[:3], "--weights", "w1"]) == 2
    assert "--sep" in capsys.readouterr().err
    assert main([*words, "--center-group", "x"]) == 2
    assert "GROUP=~X" in capsys.readouterr().err


def test_weights_are_scaled(capsys):
    words = ["fit", FORMULA, str(SCHOOL), "--weights", "w1", "w2", "w3", "--json", "--scale"]
    data = load_cases()["three-level-school"].data
    for given, scale in ((["gk"], "gk"), (["size", "none"], ["size", "none"])):
        assert main([*words, *given]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["deviance"] == mix(FORMULA, data, ["w1", "w2", "w3"], scale=scale).deviance
        assert told["scale"] == [given[0], given[-1]]
    assert main([*words, "sise"]) == 2
    assert "'sise'" in capsys.readouterr().err


def test_a_missing_package_is_one_message(monkeypatch, capsys):
    import builtins

    real = builtins.__import__

    def without_yaml(name, *rest):
        if name == "yaml":
            raise ModuleNotFoundError("No module named 'yaml'", name="yaml")
        return real(name, *rest)

    for module in [m for m in sys.modules if m == "yaml" or m.startswith("wemix_ref.")]:
        if module not in ("wemix_ref.cli", "wemix_ref.errors", "wemix_ref.inference"):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(builtins, "__import__", without_yaml)
    assert main(["cases"]) == 2
    assert "workbench" in capsys.readouterr().err
