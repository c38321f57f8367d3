"""Tables of replicates: what is refused, and what makes no difference."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.study_rows import draws, study_rows
from wemix_ref.errors import StudyError
from wemix_ref.performance import paired, performance
from wemix_ref.replicate_rows import read_rows

pytestmark = pytest.mark.filterwarnings("error")

GOOD = study_rows([1.0, 2.0, 3.0], 1.0, 1.0)
FAILED = study_rows([1.0, 2.0, 3.0], 1.0, 1.0, failed=[False, True, False])


def changed(rows: pd.DataFrame, column: str, value: object, row: int = 1) -> pd.DataFrame:
    rows = rows.astype({column: object})
    rows.loc[row, column] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (GOOD.drop(columns=["se", "target"]), r"missing: se, target"),
        (GOOD.iloc[:0], r"no rows"),
        (pd.concat([GOOD, GOOD.iloc[[1, 2]]]), r"each parameter once.*2 rows.*replicate 1"),
        (pd.concat([FAILED, FAILED.iloc[[1]]]), r"one row if it failed.*1 row .*replicate 1"),
        (pd.concat([GOOD, FAILED.iloc[[1]]]), r"agree on `status`.*2 rows"),
        (changed(GOOD, "status", "fine"), r'"ok" or "failed"; found 1 row .*\'fine\''),
        (changed(GOOD, "status", "failed"), r"must have no parameter"),
        (changed(GOOD, "parameter", None), r"must name its parameters"),
        (changed(GOOD, "parameter", "(fit)"), r"reserved"),
        (changed(GOOD, "scenario", None), r"`scenario` must be given"),
        (changed(GOOD, "replicate", None), r"`replicate` must be given"),
        (changed(GOOD, "converged", None), r"whether it is converged"),
        (changed(GOOD, "singular", None), r"whether it is singular"),
        (changed(GOOD, "estimate", np.nan), r"finite estimates.*replicate 1"),
        (changed(GOOD, "estimate", "two"), r"`estimate` must be a column of numbers"),
        (changed(GOOD, "se", -0.1), r"negative.*replicate 1"),
        (changed(GOOD, "target", np.inf), r"target must be finite"),
        (
            pd.concat([GOOD, changed(GOOD, "converged", False).assign(parameter="z")]),
            r"agree on `converged`.*2 rows.*replicate 1",
        ),
        (
            pd.concat([GOOD, changed(GOOD, "singular", True).assign(parameter="z")]),
            r"agree on `singular`",
        ),
    ],
)
def test_tables_that_make_no_sense_are_refused(rows: pd.DataFrame, message: str) -> None:
    for measure in (lambda r: performance(r, seed=1), paired):
        with pytest.raises(StudyError, match=message):
            measure(rows)


def test_tables_of_other_dtypes_give_the_same() -> None:
    e, se = draws(13, 20)
    rows = study_rows(e, se, 1.0, failed=np.arange(20) == 3)
    table = performance(rows, seed=1)
    for other in (
        rows.convert_dtypes(),
        rows.astype({"scenario": "category", "analysis": "category", "parameter": "category"}),
        rows.convert_dtypes(dtype_backend="pyarrow"),
        rows.assign(estimate=rows["estimate"].astype(object), unknown=1),
    ):
        pd.testing.assert_frame_equal(performance(other, seed=1), table, check_exact=True)


def test_parts_are_of_parameters_and_fits_of_all_replicates() -> None:
    rows = pd.concat([FAILED, FAILED[FAILED["replicate"] != 1].assign(parameter="z", estimate=5.0)])
    table = read_rows(rows.sample(frac=1.0, random_state=2).sort_values("parameter"))
    assert table.parameters == ["x", "z"]
    assert set(table.parts) == {(0, 0, 0), (0, 0, 1)}
    assert table.parts[0, 0, 0].replicate.tolist() == [0, 2]
    assert table.parts[0, 0, 0].estimate.tolist() == [1.0, 3.0]
    assert table.parts[0, 0, 1].estimate.tolist() == [5.0, 5.0]
    assert table.fits[0, 0].failed.tolist() == [False, True, False]


def test_a_failed_fit_did_not_converge_whatever_its_row_says() -> None:
    rows = changed(FAILED, "converged", True)
    fits = read_rows(rows).fits[0, 0]
    assert fits.failed.tolist() == [False, True, False]
    assert fits.converged.tolist() == [True, False, True]
    table = performance(rows, seed=1).set_index("measure")["estimate"]
    assert table["convergence_rate"] == pytest.approx(2 / 3)
