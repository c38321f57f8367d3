"""Tables of a study: intervals, pairs and seed as its file says, by hand from a small table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from wemix_ref.performance import performance
from wemix_ref.simulate.storage import COLUMNS, chunk_name, read_rows, write_rows
from wemix_ref.simulate.study import load_study
from wemix_ref.simulate.summarise import summarise

SCENARIOS = ("informative-false", "informative-true")
ANALYSES = ("a", "b", "c")
N_TOP = 5
# errors in standard errors of 1: which intervals hold the truth depends on level and distribution,
# quantiles are 1.28 (normal) and 1.53 (t) at 80 per cent, 1.96 and 2.78 at 95 per cent
ERRORS = {
    "a": [0.5, -1.4, 1.7, 2.3, -3.0, 0.1],
    "b": [1.4, 1.4, -2.3, 2.3, 2.3, 0.2],
    "c": [0.0, 0.1, -0.1, 0.2, 3.5, 1.7],
}


def rows_of(scenario, replicates, analyses=ANALYSES):
    # the second scenario's errors are those of the first with the other sign, and larger
    factor = 1.0 if scenario == SCENARIOS[0] else -1.1
    return pd.DataFrame(
        [
            (
                *(scenario, replicate, analysis, "ok", "", True, False, 1.5, 10, N_TOP, "x"),
                *(2.0 + factor * ERRORS[analysis][replicate], 1.0, 2.0),
            )
            for replicate in replicates
            for analysis in analyses
        ],
        columns=list(COLUMNS),
    )


@pytest.fixture
def tables(project_root, tmp_path):
    """Summarise the small table under a study with changes; performance.csv and paired.csv."""
    tiny = yaml.safe_load((project_root / "tests" / "workflow" / "tiny-study.yaml").read_text())

    def make(analyses=ANALYSES, **changes):
        content = {**tiny, "replicates": 6, "analyses": {name: {} for name in analyses}, **changes}
        path = tmp_path / "tiny.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        study = load_study(path)
        chunks = []
        # the last chunk comes first
        for first in (3, 0):
            for scenario in SCENARIOS:
                chunk = tmp_path / "chunks" / scenario / f"{chunk_name(first, first + 3)}.parquet"
                made_from = {"scenario": study.scenario(scenario).fingerprint}
                write_rows(chunk, rows_of(scenario, range(first, first + 3), analyses), made_from)
                chunks.append(chunk)
        summarise(study, chunks, tmp_path / "out")
        return tuple(pd.read_csv(tmp_path / "out" / f"{n}.csv") for n in ("performance", "paired"))

    return make


def quantile(level=0.95, distribution="normal"):
    upper = 0.5 + level / 2
    return stats.norm.ppf(upper) if distribution == "normal" else stats.t.ppf(upper, N_TOP - 1)


def errors(scenario, analysis):
    return np.array(ERRORS[analysis]) * (1.0 if scenario == SCENARIOS[0] else -1.1)


@pytest.mark.parametrize(
    "interval",
    [
        None,
        {"level": 0.8},
        {"distribution": "t"},
        {"level": 0.8, "distribution": "t"},
        {"level": 0.95, "distribution": "normal"},
    ],
)
def test_intervals_are_those_of_the_file(tables, interval):
    measured, paired = tables(**({} if interval is None else {"interval": interval}))
    q = quantile(**(interval or {}))
    found = measured.set_index(["scenario", "analysis", "measure"])["estimate"]
    apart = paired.set_index(["scenario", "analysis", "reference", "measure"])["estimate"]
    for scenario in SCENARIOS:
        covered = {name: np.abs(errors(scenario, name)) <= q for name in ANALYSES}
        for name in ANALYSES:
            e = errors(scenario, name)
            own = found[scenario, name]
            assert own["coverage"] == pytest.approx(covered[name].mean(), rel=1e-12)
            rejected = np.abs(2.0 + e) > q
            assert own["rejection_rate"] == pytest.approx(rejected.mean(), rel=1e-12)
            around = np.abs(e - e.mean()) <= q
            assert own["bias_eliminated_coverage"] == pytest.approx(around.mean(), rel=1e-12)
            assert own["bias"] == pytest.approx(e.mean(), rel=1e-12)
        for one, other in (("b", "a"), ("c", "a"), ("c", "b")):
            gap = covered[one].mean() - covered[other].mean()
            told = apart[scenario, one, other]
            assert told["coverage_difference"] == pytest.approx(gap, abs=1e-12)


def test_these_intervals_differ_in_what_they_hold():
    # otherwise the test above could not tell them apart
    held = {
        tuple(
            (np.abs(errors(SCENARIOS[0], name)) <= quantile(level, distribution)).mean()
            for name in ANALYSES
        )
        for level in (0.8, 0.95)
        for distribution in ("normal", "t")
    }
    assert len(held) == 4


@pytest.mark.parametrize(
    ("reference", "pairs"),
    [
        (None, [("b", "a"), ("c", "a"), ("c", "b")]),
        ("a", [("b", "a"), ("c", "a")]),
        ("c", [("a", "c"), ("b", "c")]),
    ],
)
def test_pairs_are_those_with_the_reference(tables, reference, pairs):
    _, paired = tables(**({} if reference is None else {"compare_with": reference}))
    found = paired[["scenario", "analysis", "reference"]].drop_duplicates()
    assert [tuple(row) for row in found.to_numpy()] == [
        (scenario, *pair) for scenario in SCENARIOS for pair in pairs
    ]
    bias = paired[paired["measure"] == "bias_difference"]
    for row in bias.itertuples():
        gap = errors(row.scenario, row.analysis) - errors(row.scenario, row.reference)
        assert row.estimate == pytest.approx(gap.mean(), rel=1e-12)
        assert row.mcse == pytest.approx(gap.std(ddof=1) / np.sqrt(6), rel=1e-12)
    assert len(bias) == len(found)


def test_the_seed_of_the_file_is_that_of_the_medians(tables):
    def medians(seed):
        table = tables(seed=seed)[0]
        return table.loc[table["measure"] == "median_error", ["estimate", "mcse"]].to_numpy()

    one, again, other = medians(1), medians(1), medians(2)
    np.testing.assert_array_equal(one, again)
    np.testing.assert_array_equal(one[:, 0], other[:, 0])
    assert (one[:, 1] != other[:, 1]).any()


def test_one_analysis_has_no_pairs_but_a_table_of_them(tables, tmp_path):
    measured, paired = tables(analyses=("b",))
    assert set(measured["analysis"]) == {"b"}
    assert paired.empty
    head = "scenario,analysis,reference,parameter,measure,estimate,mcse,n\n"
    assert (tmp_path / "out" / "paired.csv").read_text() == head


def test_replicates_of_all_chunks_are_written_by_scenario(tables, tmp_path):
    measured, _ = tables()
    assert set(measured["n"]) == {6}
    assert list(dict.fromkeys(measured["scenario"])) == list(SCENARIOS)
    for scenario in SCENARIOS:
        rows = read_rows(tmp_path / "out" / "replicates" / f"{scenario}.parquet")
        expected = rows_of(scenario, range(6))
        pd.testing.assert_frame_equal(rows, expected, check_dtype=False)


def test_numbers_are_written_with_all_their_digits(tables, tmp_path):
    tables(seed=3)
    text = (tmp_path / "out" / "performance.csv").read_text()
    assert "\r" not in text
    lines = [line.split(",") for line in text.splitlines()]
    measured = [performance(rows_of(scenario, range(6)), seed=3) for scenario in SCENARIOS]
    expected = pd.concat(measured, ignore_index=True)
    assert lines[0] == list(expected.columns)
    for name in ("estimate", "mcse"):
        at = lines[0].index(name)
        assert [float(line[at]) for line in lines[1:]] == expected[name].to_list()
