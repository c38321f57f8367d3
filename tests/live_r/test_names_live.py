"""Names and orders of theta, VarCorr, ranef and ngrps, straight from lme4."""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wemix_ref import mix
from wemix_ref.formula import parse_formula

SCRIPT = Path(__file__).with_name("names.R")
FORMULAS = [
    "y ~ x + (x + z|s)",
    "y ~ x + (x + z + v|s)",
    "y ~ x + (x * z|s) + (1|k)",
    "y ~ x + (f|s)",
    "y ~ f + (0 + f|s) + (1|k)",
    "y ~ x + (x||s)",
    "y ~ x + (1|s) + (0 + x|s) + (0 + z|s)",
    "y ~ x + (x|s/k)",
    "y ~ x + (1|s) + (x|k)",
    "y ~ x + (poly(x, 2)|s)",
]


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(31)
    s = np.repeat(np.arange(1, 25), 20)
    k = np.repeat(np.arange(1, 97), 5)
    frame = pd.DataFrame({"s": s, "k": k, "f": rng.choice(["a", "b", "c"], s.size)})
    for name in "xzv":
        frame[name] = rng.normal(size=s.size)
    slopes = rng.normal(0, 0.8, (24, 4)) @ np.triu(np.ones((4, 4))) / 2
    Z = np.column_stack([np.ones(s.size), frame[["x", "z", "v"]]])
    level = rng.normal(0, 0.7, 96)[k - 1] + rng.normal(0, 0.5, 96)[k - 1] * frame["x"]
    frame["y"] = 1 + frame["x"] + (Z * slopes[s - 1]).sum(axis=1) + level
    frame["y"] += (frame["f"] == "b") * rng.normal(0, 0.9, 24)[s - 1] + rng.normal(size=s.size)
    return frame


@pytest.mark.live_r
@pytest.mark.parametrize("formula", FORMULAS)
def test_all_is_named_and_ordered_as_in_lme4(
    formula: str, data: pd.DataFrame, tmp_path: Path
) -> None:
    file = tmp_path / "data.csv"
    data.to_csv(file, index=False, float_format="%.17g")
    answer = subprocess.run(
        ["Rscript", str(SCRIPT), str(file), parse_formula(formula).to_r()],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert answer.returncode == 0, answer.stderr
    rows: dict[str, list[list[str]]] = {}
    for kind, *rest in csv.reader(answer.stdout.splitlines(), delimiter="\t"):
        rows.setdefault(kind, []).append(rest)

    fit = mix(formula, pd.read_csv(file))
    names = [name for name, _ in rows["theta"]]
    at = fit.at([float(value) for _, value in rows["theta"]])
    assert list(fit.theta.index) == names
    assert at.deviance == pytest.approx(float(rows["deviance"][0][0]), rel=1e-12)
    assert fit.deviance <= at.deviance + 1e-8

    table = at.variance_components
    # VarCorr numbers the terms of one group (s, s.1); here the group keeps its name
    groups = set(fit.ngroups) | {"Residual"}
    theirs = [
        (group if group in groups else group.rpartition(".")[0], *rest)
        for group, *rest in rows["component"]
    ]
    ours = table[["group", "var1", "var2"]].fillna("NA").to_numpy().tolist()
    assert ours == [list(row[:3]) for row in theirs]
    np.testing.assert_allclose(table["vcov"], [float(r[3]) for r in theirs], rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(table["sdcor"], [float(r[4]) for r in theirs], rtol=1e-8, atol=1e-9)
    assert [[name, str(count)] for name, count in fit.ngroups.items()] == rows["ngroups"]

    for name, modes in at.random_effects.items():
        mine = [row for row in rows["ranef"] if row[0] == name]
        assert list(modes.columns) == list(dict.fromkeys(row[2] for row in mine))
        expected = pd.Series([float(row[3]) for row in mine])
        np.testing.assert_allclose(modes.T.to_numpy().ravel(), expected, rtol=1e-6, atol=1e-8)
    fitted = [float(row[0]) for row in rows["fitted"]]
    np.testing.assert_allclose(at.fittedvalues, fitted, rtol=1e-7, atol=1e-8)
