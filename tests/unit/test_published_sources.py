"""Published tables as read: digits kept, packages and recipes named, nothing taken on trust."""

from __future__ import annotations

import json
import shutil
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import yaml

from wemix_ref.errors import CaseError
from wemix_ref.published.sources import CONFIG, load_published

RESOURCES = Path(__file__).resolve().parents[2] / "resources"


@pytest.fixture
def copied(tmp_path):
    """A configuration and files of numbers that a test may change."""
    shutil.copytree(RESOURCES / "published", tmp_path / "published")
    shutil.copy(CONFIG, tmp_path / "published.yaml")

    def load(config=None, **files):
        if config is not None:
            content = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
            config(content)
            text = yaml.safe_dump(content, sort_keys=False)
            (tmp_path / "published.yaml").write_text(text, encoding="utf-8")
        for name, change in files.items():
            path = tmp_path / "published" / f"{name.replace('_', '-')}.json"
            content = json.loads(path.read_text(encoding="utf-8"))
            change(content)
            path.write_text(json.dumps(content), encoding="utf-8")
        return load_published(tmp_path / "published.yaml", tmp_path)

    return load


def test_every_printed_number_is_there_once():
    cases = load_published()
    found = {
        (case.case, column.package): len(column.numbers)
        for case in cases.values()
        for column in case.columns
    }
    intercept = ("WeMix", "Stata", "GLLAMM", "SAS", "HLM", "Mplus")
    assert found == {
        **{("pisa2012-intercept", package): 23 for package in intercept},
        **{("pisa2012-slope", package): 25 for package in intercept if package != "GLLAMM"},
        ("pisa2000-stata", "Stata"): 20,
        ("unit-weights", "GLLAMM"): 5,
        ("group-centred", "HLM"): 3,
        ("row-weights", "WeMix"): 1,
        ("row-weights", "Stata"): 4,
        ("subject-weights", "WeMix"): 1,
        ("row-weights-two-effects", "WeMix"): 1,
    }
    for case in cases.values():
        for column in case.columns:
            labels = [number.label for number in column.numbers]
            assert len(set(labels)) == len(labels)


def test_digits_recipes_and_names_are_kept():
    case = load_published()["pisa2012-intercept"]
    assert case.column("SAS").text_of("se_beta st29q03[Disagree]") == "5.4400"
    assert case.column("SAS").text_of("beta none") is None
    recipes = {column.package: column.recipe for column in case.columns}
    assert recipes == {
        "WeMix": "wemix",
        "Stata": "stata",
        "GLLAMM": "gllamm",
        "SAS": "sas",
        "HLM": None,
        "Mplus": "sas",
    }
    told = {column.package: column.not_judged for column in case.columns if column.not_judged}
    assert list(told) == ["HLM"]
    assert "normalises the weights" in told["HLM"]
    names = [number.name for number in case.column("WeMix").numbers]
    assert "st29q03Strongly disagree" in names
    assert "schoolid (Intercept)" in names
    with pytest.raises(CaseError, match="must be a column of nlme; found WeMix, Stata"):
        case.column("nlme")


def test_the_model_is_the_table_s():
    cases = load_published()
    stata = cases["pisa2000-stata"]
    assert (stata.weights, stata.scale) == (("w_fstuwt", "wnrschbw"), "size")
    assert [n.label for n in stata.columns[0].numbers if n.recalled] == [
        "se_beta (Intercept)",
        "variance id_school (Intercept)",
        "variance Residual",
        "se_variance id_school (Intercept)",
        "se_variance Residual",
    ]
    assert cases["pisa2012-slope"].weights == ("w_fstuwt", "w_fschwt")
    assert dict(cases["group-centred"].center_group) == {"Subject": "~Days"}
    assert cases["unit-weights"].center_group is None
    assert cases["unit-weights"].columns[0].text_of("beta Days") == "10.46729"


def test_what_is_read_cannot_be_changed():
    case = load_published()["pisa2012-intercept"]
    with pytest.raises(FrozenInstanceError):
        case.columns[0].numbers[0].text = "1"
    with pytest.raises(TypeError):
        case.groups["schoolid"] = 1


@pytest.mark.parametrize("text", [1413.81, "", ".", "-", "1.", "1e5", "--1", "1,5", "１", None])
def test_a_number_must_be_decimal_text(copied, text):
    def change(content):
        content["columns"]["SAS GLIMMIX"]["variance"]["Residual"] = text

    with pytest.raises(CaseError, match="`variance Residual` must be a decimal number as text"):
        copied(pisa2012_slope=change)


def test_a_quantity_must_be_known(copied):
    with pytest.raises(CaseError, match="pisa2012-slope: 'aic' is no quantity"):
        copied(pisa2012_slope=lambda content: content["columns"]["WeMix"].update(aic="1"))


def test_a_column_and_a_recipe_must_be_known(copied):
    def column(content):
        content["columns"]["SPSS"] = content["columns"].pop("Mplus")

    def recipe(content):
        content["se_recipe"]["Mplus"] = "bootstrap"

    with pytest.raises(CaseError, match=r"a column must be one of WeMix, .* found 'SPSS'"):
        copied(pisa2012_slope=column)
    with pytest.raises(CaseError, match="found 'bootstrap'"):
        copied(pisa2012_intercept=recipe)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("case", "pisa1999", "'pisa1999' is none of pisa2012-intercept"),
        ("package", "GLLAMM", "must be a column of GLLAMM"),
        ("compared_with", "GLLAMM", "must be a column of GLLAMM"),
        ("compared_with", "WeMix", "WeMix has another than Mplus"),
        ("quantity", "beta st00", "Mplus must print `beta st00`"),
    ],
)
def test_a_misprint_must_be_of_a_printed_number(copied, key, value, told):
    with pytest.raises(CaseError, match=told):
        copied(lambda content: content["misprints"][0].update({key: value}))


def test_packages_are_named_where_the_file_has_no_columns(copied):
    def left_out(content):
        del content["cases"]["unit-weights"]["printed_by"]["beta"]

    def one_too_many(content):
        content["cases"]["subject-weights"]["printed_by"]["beta"] = "Stata"

    with pytest.raises(CaseError, match="unit-weights: printed_by must name the package of each"):
        copied(left_out)
    with pytest.raises(CaseError, match="each of log_likelihood; found log_likelihood, beta"):
        copied(one_too_many)


def test_files_and_data_must_be_there(copied):
    with pytest.raises(CaseError, match=r"data must be one of .* found 'pisa.csv'"):
        copied(lambda content: content["cases"]["pisa2012-slope"].update(data="pisa.csv"))
    with pytest.raises(CaseError, match=r"no-such\.json: the file must be readable JSON"):
        copied(lambda content: content["cases"]["pisa2012-slope"].update(file="no-such.json"))
    with pytest.raises(CaseError, match="there must be a case 'pisa2012-slope'; found none"):
        copied(
            lambda content: content["cases"]["pisa2012-slope"].update(file="pisa2000-stata.json")
        )
    with pytest.raises(CaseError, match="speed"):
        copied(lambda content: content["cases"]["pisa2012-slope"].update(speed="high"))
