"""A comparison agrees where answers agree, and fails when any one number is perturbed."""

import copy

import pandas as pd
import pytest

from wemix_ref.cases import load_cases
from wemix_ref.compare import compare_case
from wemix_ref.engines import get_engine
from wemix_ref.errors import CaseError
from wemix_ref.overview import failures, verdict_table, write_tables
from wemix_ref.tolerances import load_tolerances

CASES = load_cases()
TOLERANCES = load_tolerances()
WEIGHTED, PRINTED, PRECISION = (
    "three-level-school-slope",
    "sleepstudy-slope-reml",
    ("row-weights-precision"),
)


def fitted(name, engine="python", thetas=None):
    return get_engine(engine).fit(CASES[name].problem(), thetas or {}, timeout=60)


@pytest.fixture(scope="module")
def weighted():
    """Python's result, a twin of it that another engine might have given, the recorded answer."""
    ours = fitted(WEIGHTED)
    twin = copy.deepcopy(ours.record)
    twin["engine"], twin["versions"] = "lme4-weighted", {"lme4": "1.1.31"}
    twin["at"] = [{"label": "python-optimum", **copy.deepcopy(ours.record["optimum"])}]
    recorded = fitted(WEIGHTED, "recorded").record
    return ours, twin, recorded


def compared(weighted, change=None, table=None):
    ours, twin, recorded = (weighted[0], *map(copy.deepcopy, weighted[1:]))
    if change is not None:
        change(twin, recorded)
    return compare_case(
        CASES[WEIGHTED],
        CASES[WEIGHTED].problem(),
        {"python": ours.record, "lme4-weighted": twin, "recorded": recorded},
        {"lme4-weighted": ours.matrices if table is None else table},
        TOLERANCES,
    )


def wrong(comparison):
    return [number for number in comparison["numbers"] if number["ok"] is False]


def test_everything_agrees(weighted):
    comparison = compared(weighted)
    assert wrong(comparison) == []
    assert failures([comparison]) == []
    assert {engine: verdict["text"] for engine, verdict in comparison["verdicts"].items()} == {
        "python": "agrees",
        "lme4-weighted": "agrees",
        "recorded": "agrees",
    }
    tiers = {(n["engine"], n["tier"]) for n in comparison["numbers"] if n["ok"]}
    for engine in ("lme4-weighted", "recorded"):
        for tier in ("same-theta", "own-optimum", "matrices", "standard-errors"):
            assert (engine, tier) in tiers
    assert ("python", "identities") in tiers


def scale(*path, by, among="at"):
    """A change of one number of the twin's record."""

    def change(twin, recorded):
        point = recorded["optimum"] if among == "recorded" else twin[among]
        place = point[0] if among == "at" else point
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] *= 1 + by

    return change


@pytest.mark.parametrize(
    ("change", "tier", "quantity"),
    [
        (scale("deviance", by=1e-11), "same-theta", "deviance"),
        (scale("sigma", by=1e-11), "same-theta", "sigma"),
        (scale("beta", "x1", by=1e-11), "same-theta", "beta"),
        (scale("variance_components", 0, "vcov", by=1e-11), "same-theta", "variance"),
        (scale("variance_components", 2, "vcov", by=1e-11), "same-theta", "variance"),
        (scale("deviance", by=-1e-9, among="optimum"), "own-optimum", "deviance"),
        (scale("beta", "x1", by=1e-2, among="optimum"), "own-optimum", "beta"),
        (
            scale("variance_components", 0, "vcov", by=1e-1, among="optimum"),
            "own-optimum",
            "variance",
        ),
        (scale("se_beta", "x1", by=1e-10), "standard-errors", "se_beta"),
        (scale("se_beta", "x1", by=1e-6, among="recorded"), "standard-errors", "se_beta"),
        (
            scale("variance_components", 0, "se", by=1e-4, among="recorded"),
            "standard-errors",
            "se_variance",
        ),
        (scale("variance_components", 0, "vcov", by=1e-11, among="recorded"), "matrices", "V"),
    ],
)
def test_each_perturbed_quantity_fails(weighted, change, tier, quantity):
    found = wrong(compared(weighted, change))
    assert (tier, quantity) in {(number["tier"], number["quantity"]) for number in found}


@pytest.mark.parametrize("matrix", ["Z", "G", "V"])
def test_a_perturbed_matrix_entry_fails(weighted, matrix):
    table = weighted[0].matrices.copy()
    rows = table.index[table["matrix"] == matrix]
    row = table.loc[rows, "value"].abs().idxmax()
    table.loc[row, "value"] *= 1 + 1e-11
    assert {number["quantity"] for number in wrong(compared(weighted, table=table))} == {matrix}


def test_a_missing_coefficient_does_not_pass(weighted):
    def rename(twin, recorded):
        twin["optimum"]["beta"]["other"] = twin["optimum"]["beta"].pop("x1")

    found = wrong(compared(weighted, rename))
    assert ("same-theta", "other") in {(number["tier"], number["name"]) for number in found}


@pytest.mark.parametrize("status", ["failed", "timeout", "refused"])
def test_an_engine_that_fails_is_a_failure(weighted, status):
    def fail(twin, recorded):
        twin.update(status=status, message="it broke", optimum=None, at=[])

    comparison = compared(weighted, fail)
    assert comparison["verdicts"]["lme4-weighted"] == {"ok": False, "text": status, "counts": {}}
    assert failures([comparison]) == [f"{WEIGHTED}, lme4-weighted: {status}: it broke"]


def test_an_engine_that_is_not_here_is_no_failure(weighted):
    def absent(twin, recorded):
        twin.update(status="unavailable", message="R is not installed", optimum=None, at=[])

    comparison = compared(weighted, absent)
    assert comparison["verdicts"]["lme4-weighted"]["ok"] is None
    assert comparison["engines"]["lme4-weighted"]["live"] is False
    assert failures([comparison]) == []


@pytest.fixture(scope="module")
def printed():
    theta = [float(text) for text in CASES[PRINTED].printed_theta.values()]
    return fitted(PRINTED, thetas={"printed": theta})


def blog(case, record):
    return compare_case(case, case.problem(), {"python": record}, {}, TOLERANCES)


def test_every_printed_number_agrees_at_the_printed_theta(printed):
    comparison = blog(CASES[PRINTED], printed.record)
    numbers = [n for n in comparison["numbers"] if n["tier"] == "printed"]
    assert len(numbers) == len(CASES[PRINTED].printed)
    assert {n["verdict"] for n in numbers} == {"agrees to the printed digits"}
    assert {n["at"] for n in numbers} == {"printed"}


def test_a_printed_number_one_unit_off_differs(printed):
    from dataclasses import replace
    from decimal import Decimal

    case = CASES[PRINTED]
    unit = [Decimal(1).scaleb(Decimal(n.text).as_tuple().exponent) for n in case.printed]
    off = [
        replace(n, text=str(Decimal(n.text) + 2 * u))
        for n, u in zip(case.printed, unit, strict=True)
    ]
    comparison = blog(replace(case, printed=tuple(off)), printed.record)
    numbers = [n for n in comparison["numbers"] if n["tier"] == "printed"]
    assert len(numbers) == len(off)
    assert all(n["ok"] is False for n in numbers)


@pytest.mark.parametrize(
    ("factor", "text"), [(0.9, "another model, as expected"), (1.0, "not another model")]
)
def test_precision_weights_must_be_another_model(factor, text):
    record = fitted(PRECISION).record
    other = copy.deepcopy(record)
    other.update(engine="lme4", versions={"lme4": "1.1.31"}, precision_weights="W1", weights=None)
    for point in (other["optimum"],):
        point["deviance"] *= factor
    comparison = compare_case(
        CASES[PRECISION],
        CASES[PRECISION].problem(),
        {"python": record, "lme4": other},
        {},
        TOLERANCES,
    )
    verdict = comparison["verdicts"]["lme4"]
    assert verdict["text"] == text
    assert verdict["ok"] is (factor != 1.0)


def test_the_same_answer_is_held_against_the_twin():
    case = CASES["three-level-numeric-ids"]
    record, twin = fitted(case.name).record, fitted(case.same_answer_as).record
    comparison = compare_case(case, case.problem(), {"python": record}, {}, TOLERANCES, twin)
    names = {
        n["quantity"]: n["ok"] for n in comparison["numbers"] if "same_answer" in n["quantity"]
    }
    assert names == dict.fromkeys(
        ["same_answer_deviance", "same_answer_sigma", "same_answer_beta"], True
    )
    known = [n for n in comparison["numbers"] if n["quantity"] == "known-divergence"]
    assert [n["verdict"] for n in known if n["name"] == "llf"] == ["differs, as known"]
    twin["optimum"]["beta"]["x1"] *= 1 + 1e-11
    comparison = compare_case(case, case.problem(), {"python": record}, {}, TOLERANCES, twin)
    assert [n["quantity"] for n in wrong(comparison)] == ["same_answer_beta"]


def test_no_record_of_python_is_an_error():
    with pytest.raises(CaseError, match="record of the engine python"):
        compare_case(CASES[WEIGHTED], CASES[WEIGHTED].problem(), {}, {}, TOLERANCES)


def test_tables_have_a_row_for_every_number(weighted, tmp_path):
    comparison = compared(weighted, scale("sigma", by=1e-9))
    write_tables([comparison], tmp_path / "numbers.csv", tmp_path / "verdicts.csv")
    numbers = pd.read_csv(tmp_path / "numbers.csv", keep_default_na=False)
    assert len(numbers) == len(comparison["numbers"])
    assert "no" in set(numbers["ok"])
    verdicts = pd.read_csv(tmp_path / "verdicts.csv", keep_default_na=False)
    assert list(verdicts["engine"]) == ["python", "lme4-weighted", "recorded"]
    assert "<--" in verdict_table([comparison])
    assert len(failures([comparison])) == len(wrong(comparison)) > 0


@pytest.mark.parametrize(
    ("version", "verdict", "ok"), [("1.1.31", "differs", False), ("1.1.37", "shown", None)]
)
def test_printed_digits_bind_the_stopping_point_of_their_own_version_alone(
    printed, version, verdict, ok
):
    """Our optimum in lme4's place: a little below where lme4 1.1-31 stops."""
    other = copy.deepcopy(printed.record)
    other.update(engine="lme4", versions={"lme4": version})
    case = CASES[PRINTED]
    comparison = compare_case(
        case, case.problem(), {"python": printed.record, "lme4": other}, {}, TOLERANCES
    )
    found = {
        n["at"]: (n["verdict"], n["ok"])
        for n in comparison["numbers"]
        if (n["engine"], n["quantity"], n["name"])
        == ("lme4", "G", "Subject (Intercept) (Intercept)")
    }
    assert found == {
        "lme4-optimum": (verdict, ok),
        "printed": ("agrees to the printed digits", True),
    }


@pytest.mark.parametrize(
    ("quantity", "digits_off"),
    [
        ("gls_beta", 1e-11),
        ("paper_deviance", 1e-11),
        ("paper_sigma", 1e-11),
        ("paper_beta", 1e-11),
        ("V_kronecker", 1e-12),
        ("V_lambdat", 1e-12),
        ("V_bdiag", 1e-12),
    ],
)
def test_each_identity_can_fail(weighted, monkeypatch, quantity, digits_off):
    from dataclasses import replace

    from wemix_ref.tiers import identities, ours

    off = 1 + digits_off
    if quantity == "gls_beta":
        true_gls = ours.gls
        monkeypatch.setattr(ours, "gls", lambda X, V, y: (true_gls(X, V, y)[0] * off, None))
    elif quantity.startswith("paper_"):
        field, true_paper = quantity.removeprefix("paper_"), identities.paper.evaluate

        def evaluate(*given):
            fit = true_paper(*given)
            return replace(fit, **{field: getattr(fit, field) * off})

        monkeypatch.setattr(identities.paper, "evaluate", evaluate)
    else:
        way, true_ways = quantity.removeprefix("V_"), identities.three_ways_to_V

        def ways(*given):
            found = true_ways(*given)
            return {**found, way: found[way] * off}

        monkeypatch.setattr(identities, "three_ways_to_V", ways)
    assert {number["quantity"] for number in wrong(compared(weighted))} == {quantity}


def test_shuffled_rows_are_put_back_before_V_is_compared(weighted, monkeypatch):
    from wemix_ref.tiers import identities

    monkeypatch.setattr(
        identities, "_reordered", lambda problem, order: problem_in_order(problem, order[::-1])
    )

    def problem_in_order(problem, order):
        data = problem.data.reset_index(drop=True).iloc[order].reset_index(drop=True)
        return type(problem)(**{**vars(problem), "data": data})

    # rows in another order, passed off as the first: V must differ
    found = {(n["quantity"], n["name"]) for n in wrong(compared(weighted))}
    assert found == {(f"V_{way}", "rows shuffled") for way in ("kronecker", "lambdat", "bdiag")}
