"""Case files: what ships is complete and consistent, and a wrong file is refused by name."""

from __future__ import annotations

import shutil
from decimal import Decimal

import pandas as pd
import pytest
import yaml

from wemix_ref import mix
from wemix_ref.cases import load_case, load_cases
from wemix_ref.errors import CaseError, DataError

REFERENCES = (
    "api-two-stage",
    "egsingle-growth",
    "four-level",
    "sleepstudy-conditional",
    "sleepstudy-l1-weights",
    "sleepstudy-l2-slope",
    "sleepstudy-uncorrelated",
    "three-level-numeric-ids",
    "three-level-school",
    "three-level-school-slope",
)
BLOG = ("sleepstudy-slope-reml", "three-level-school-reml", "star-kindergarten-reml")
SUITE = (
    "unit-weights",
    "group-centred",
    "row-weights",
    "subject-weights",
    "row-weights-two-effects",
)
CLASSICS = {
    "dyestuff": "327.3271",
    "dyestuff-reml": "319.6543",
    "dyestuff2": "162.8730",
    "exam": "9316.8710",
    "mathachieve-means-reml": "46961.3",
    "mathachieve-null-reml": "47116.7935",
    "mathachieve-slopes-reml": "46503.668",
    "pastes": "247.9945",
    "sleepstudy-slope": "1751.9393",
}


@pytest.fixture(scope="module")
def cases():
    return load_cases()


@pytest.fixture
def case_path(project_root, tmp_path):
    """Write a copy of a case file after `change` has edited its content; give the path."""

    def write(change, name="sleepstudy-l2-slope"):
        content = yaml.safe_load((project_root / f"config/cases/{name}.yaml").read_text())
        change(content)
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return path

    return write


def printed(case):
    return {(number.where, number.quantity, number.key): number for number in case.printed}


def test_every_case_ships(cases):
    expected = {*BLOG, *SUITE, "row-weights-precision", *REFERENCES, *CLASSICS}
    expected |= {f"{name}-unweighted" for name in REFERENCES}
    assert set(cases) == expected
    assert len(cases) == 38


@pytest.mark.filterwarnings("ignore::wemix_ref.errors.SingularFitWarning")  # dyestuff2 is
@pytest.mark.parametrize("name", CLASSICS)
def test_classics_have_the_printed_criterion(cases, name):
    case = cases[name]
    (first, *_) = [number for number in case.printed if number.quantity == "deviance"]
    assert first.text == CLASSICS[name]
    fit = mix(case.formula, case.data, reml=case.reml)
    assert f"{fit.deviance:.{first.decimals}f}" == first.text


def test_sas_stopped_short_where_its_numbers_are_marked(cases):
    for name, above in (("mathachieve-null-reml", 1.63e-5), ("mathachieve-means-reml", 5.6e-5)):
        case = cases[name]
        shown = {(n.quantity, n.key): n for n in case.printed if n.software.startswith("SAS")}
        tau2 = shown["variance", ("school", "(Intercept)")].value
        sigma2 = shown["variance", ("Residual",)].value
        fit = mix(case.formula, case.data, reml=case.reml)
        stop = fit.at([(tau2 / sigma2) ** 0.5])
        assert stop.deviance - fit.deviance == pytest.approx(above, rel=0.01)
        for (quantity, key), number in shown.items():
            if quantity in ("beta", "se_beta"):
                values = stop.params if quantity == "beta" else stop.bse
                assert f"{values[key[0]]:.{number.decimals}f}" == number.text


@pytest.mark.parametrize("name", REFERENCES)
def test_reference_cases_pair_weighted_with_unweighted(cases, name):
    weighted, unweighted = cases[name], cases[f"{name}-unweighted"]
    assert weighted.weights
    assert unweighted.weights is None
    assert weighted.formula == unweighted.formula
    assert weighted.dataset.sha256 == unweighted.dataset.sha256
    assert (weighted.recorded, unweighted.recorded) == (name, f"{name}-unweighted")
    assert not weighted.reml
    assert not unweighted.reml


def test_blog_cases_are_reml_with_their_printed_theta(cases):
    thetas = {name: list(cases[name].printed_theta) for name in BLOG}
    assert thetas == {
        "sleepstudy-slope-reml": [
            "Subject.(Intercept)",
            "Subject.Days.(Intercept)",
            "Subject.Days",
        ],
        "three-level-school-reml": ["tch:sch.(Intercept)", "sch.(Intercept)"],
        "star-kindergarten-reml": [
            f"{group}.{term}"
            for group in ("tch:sch", "sch")
            for term in ("(Intercept)", "sxF.(Intercept)", "sxF")
        ],
    }
    assert all(cases[name].reml for name in BLOG)


def test_every_case_has_data_with_its_columns(cases):
    for case in cases.values():
        assert len(case.data) == case.dataset.n_rows
        assert set(case.weights or ()) <= set(case.data.columns)


def test_problem_carries_the_case_and_a_copy_of_the_data(cases):
    case = cases["sleepstudy-conditional"]
    problem = case.problem()
    assert problem.case == case.name
    assert problem.weights == ["c1", "W2"]
    assert problem.conditional_weights
    assert problem.data_sha256 == case.dataset.sha256
    problem.data.loc[0, "Reaction"] = 0.0
    assert case.data.loc[0, "Reaction"] == 249.56
    assert cases["group-centred"].problem().center_group == {"Subject": "~Days"}
    wemix_formula = cases["three-level-numeric-ids"].problem().wemix_formula
    assert wemix_formula == "y ~ x1 + (1|sch) + (1|tch)"


def test_lme4_alone_is_given_precision_weights(cases):
    case = cases["row-weights-precision"]
    by_lme4, by_python = case.problem("lme4"), case.problem()
    assert (by_lme4.precision_weights, by_lme4.weights) == ("W1", None)
    assert (by_python.precision_weights, by_python.weights) == (None, ["W1", "W2"])
    assert cases["row-weights"].problem("lme4").weights == ["W1", "W2"]


def test_factor_levels_have_r_order(cases):
    star = cases["star-kindergarten-reml"].data
    assert list(star["cltype"].cat.categories) == ["small", "reg", "reg+A"]
    assert list(star["sx"].cat.categories) == ["M", "F"]
    schools = [int(level) for level in star["sch"].cat.categories]
    assert schools == sorted(schools)
    api = cases["api-two-stage"].data
    assert list(api["stype"].cat.categories) == ["E", "H", "M"]


def test_star_keeps_incomplete_rows(cases):
    star = cases["star-kindergarten-reml"].data
    assert len(star) == 1265
    assert int(star.notna().all(axis=1).sum()) == 1150


def test_printed_numbers_keep_digits_and_have_r_names(cases):
    star = cases["star-kindergarten-reml"]
    numbers = printed(star)
    assert numbers["fixef(m3)", "beta", ("cltypereg+A",)].text == "-2.209975"
    block = numbers["bdiag(VarCorr(m3))", "G", ("tch:sch", "(Intercept)", "sxF")]
    assert (block.text, block.decimals) == ("-10.1180105", 7)
    assert block.value == -10.1180105
    sleep = printed(cases["sleepstudy-slope-reml"])
    assert sleep["summary(m1)", "variance", ("Subject", "(Intercept)")].text == "612.10"
    assert sleep["summary(m1)", "cor_fixed", ("(Intercept)", "Days")].text == "-0.138"
    assert sleep["summary(m1)", "correlation", ("Subject", "(Intercept)", "Days")].text == "0.07"


def test_printed_blocks_of_the_blog_agree_with_each_other(cases):
    """Two places that print one quantity must agree to the fewer digits."""
    compared = 0
    for name in BLOG:
        blocks = {n.key: n.text for n in cases[name].printed if n.quantity == "G"}
        for number in cases[name].printed:
            if number.quantity == "variance" and len(number.key) == 2:
                longer = Decimal(blocks[(*number.key, number.key[1])])
                assert longer.quantize(Decimal(number.text)) == Decimal(number.text)
                compared += 1
    assert compared == 4


def test_off_optimum_numbers_are_marked(cases):
    marked = [
        (name, number.key, number.text, number.off_optimum.optimum)
        for name in ("unit-weights", "row-weights", "group-centred")
        for number in cases[name].printed
        if number.off_optimum
    ]
    assert marked == [
        ("unit-weights", ("Subject", "(Intercept)"), "1296.8768", "1296.8700"),
        ("unit-weights", ("Residual",), "954.52789", "954.52783"),
        ("row-weights", ("Subject", "(Intercept)"), "1338.0865", "1338.0846"),
    ]


def test_numeric_ids_carry_the_known_wrong_answer(cases):
    (divergence,) = cases["three-level-numeric-ids"].divergences
    assert divergence.id == "slash-numeric-ids"
    assert divergence.llf == "-977.932385870914"
    assert cases["three-level-numeric-ids"].same_answer_as == "three-level-school"


def test_numeric_ids_are_the_school_data_shuffled_and_relabelled(cases):
    school, numeric = cases["three-level-school"].data, cases["three-level-numeric-ids"].data
    school = school.assign(sch=school["sch"].map(lambda letter: ord(letter) - ord("a") + 1))
    order = ["tch", "x1"]
    pd.testing.assert_frame_equal(
        school.sort_values(order).reset_index(drop=True),
        numeric.sort_values(order).reset_index(drop=True),
        check_exact=True,
    )


def set_key(*path, value):
    def change(content):
        place = content
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (set_key("colour", value="red"), "(top of the file)"),
        (set_key("known", "colour", value="red"), "known"),
        (set_key("reml", value="no"), "reml"),
        (set_key("engines", value=["sas"]), "engines[0]"),
        (set_key("weights", value=["W1"]), "weights"),
        (set_key("data", "file", value="../secret.csv"), "data.file"),
        (set_key("known", "printed", value=[{"where": "a", "software": "b", "llf": 1.5}]),
         "known.printed[0].llf"),
    ],
)  # fmt: skip
def test_schema_violations_name_file_and_key(case_path, change, key):
    path = case_path(change)
    with pytest.raises(CaseError) as refused:
        load_case(path)
    assert str(path) in str(refused.value)
    assert f"`{key}`" in str(refused.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (set_key("case", value="other"), "`case` must be the file's name"),
        (set_key("data", "file", value="absent.csv"), "`data.file` must have an entry"),
        (set_key("weights", value=["W1", "W9"]), "`weights` must name columns"),
        (set_key("precision_weights", value="W9"), "`precision_weights` must name columns"),
        (set_key("reml", value=True), "`reml` must be false"),
        (set_key("engines", value=["python"]), "`known.recorded` must be given just when"),
        (set_key("known", value={}), "`known.recorded`"),
    ],
)
def test_contradictions_name_file_and_key(case_path, change, words):
    path = case_path(change)
    with pytest.raises(CaseError) as refused:
        load_case(path)
    assert str(path) in str(refused.value)
    assert words in str(refused.value)


def test_an_unweighted_case_cannot_ask_for_the_weighted_engine(case_path):
    path = case_path(
        set_key("engines", value=["lme4-weighted", "recorded"]), "four-level-unweighted"
    )
    with pytest.raises(CaseError, match="`engines` may list `lme4-weighted` only"):
        load_case(path)


def test_conditional_weights_need_weights(case_path):
    path = case_path(set_key("conditional_weights", value=True), "four-level-unweighted")
    with pytest.raises(CaseError, match="`conditional_weights` needs `weights`"):
        load_case(path)


def test_a_block_of_g_must_be_square(case_path):
    change = set_key("known", "printed", 1, "G", "Subject", "names", value=["(Intercept)"])
    path = case_path(change, "sleepstudy-slope-reml")
    with pytest.raises(CaseError, match=r"block of G for `Subject`.*must be 1 by 1"):
        load_case(path)


def test_off_optimum_must_name_a_printed_number(case_path):
    change = set_key("known", "printed", 0, "off_optimum", 0, "key", value=["Subject", "Days"])
    path = case_path(change, "unit-weights")
    with pytest.raises(CaseError, match="prints no variance of Subject Days"):
        load_case(path)


def test_same_answer_must_name_a_case(case_path):
    path = case_path(set_key("known", "same_answer_as", value="absent"))
    with pytest.raises(CaseError, match=r"known\.same_answer_as.*'absent'"):
        load_cases(path.parent)


def test_a_key_that_stands_twice_is_refused(project_root, tmp_path):
    text = (project_root / "config/cases/four-level.yaml").read_text()
    path = tmp_path / "four-level.yaml"
    path.write_text(text + "reml: true\n")
    with pytest.raises(CaseError, match="'reml' stands twice"):
        load_case(path)


@pytest.mark.parametrize("text", ["a: !!python/object/apply:os.getcwd []", "a: [1", "\tb: 1"])
def test_only_plain_yaml_is_read(tmp_path, text):
    path = tmp_path / "four-level.yaml"
    path.write_text(text)
    with pytest.raises(CaseError, match=r"four-level\.yaml: the file must be YAML"):
        load_case(path)


def test_an_absent_file_and_an_empty_directory_are_refused(tmp_path):
    with pytest.raises(CaseError, match=r"absent\.yaml"):
        load_case(tmp_path / "absent.yaml")
    with pytest.raises(CaseError, match="at least one case file"):
        load_cases(tmp_path)


def test_changed_data_bytes_are_refused(project_root, tmp_path):
    resources = tmp_path / "resources"
    shutil.copytree(project_root / "resources" / "data", resources / "data")
    file = resources / "data" / "four-level.csv"
    file.write_bytes(file.read_bytes().replace(b"d1s1c1", b"d1s1c9", 1))
    case = load_case(project_root / "config/cases/four-level.yaml", resources=resources)
    with pytest.raises(DataError, match=r"four-level\.csv must have the sha256"):
        case.problem()
