"""Conditional variances and predictions against live lme4, at lme4's own theta."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.identities.test_replication import WEIGHTS, replicate, weighted_data
from wemix_ref import mix
from wemix_ref.results import FittedModel

pytestmark = [
    pytest.mark.live_r,
    # theta is lme4's; where our optimum lies is no matter
    pytest.mark.filterwarnings("ignore::wemix_ref.errors.SingularFitWarning"),
]

# Numbers pass as 17 digits. `ask.R` lists one request a line: a name, re.form as text that this
# file wrote, and whether new levels are allowed.
SCRIPT = """
suppressPackageStartupMessages(library(lme4))
folder <- commandArgs(trailingOnly = TRUE)[1]
at <- function(name) file.path(folder, name)
exact <- function(x) sprintf("%.17g", x)
kinds <- readLines(at("kinds.txt"))
data <- read.csv(at("data.csv"), colClasses = kinds, encoding = "UTF-8")
new <- read.csv(at("new.csv"), colClasses = kinds, encoding = "UTF-8")
formula <- as.formula(readLines(at("formula.txt")))
fit <- suppressWarnings(suppressMessages(lmer(formula, data, REML = FALSE)))
answer <- list(theta = getME(fit, "theta"), beta = fixef(fit), sigma = sigma(fit))
modes <- ranef(fit, condVar = TRUE)
for (name in names(modes)) {
  V <- attr(modes[[name]], "postVar")
  if (is.list(V)) {
    for (i in seq_along(V)) answer[[paste0("V/", name, "/", i)]] <- as.vector(V[[i]])
  } else answer[[paste0("V/", name)]] <- as.vector(V)
  answer[[paste0("u/", name)]] <- as.vector(t(as.matrix(modes[[name]])))
}
answer[["residual"]] <- resid(fit)
forms <- readLines(at("forms.txt"))
for (i in seq_along(forms)) {
  form <- if (forms[i] == "NULL") NULL else if (forms[i] == "NA") NA else as.formula(forms[i])
  p <- predict(fit, newdata = new, re.form = form, allow.new.levels = TRUE)
  answer[[paste0("predict/", forms[i])]] <- unname(p)
  refused <- inherits(try(predict(fit, newdata = new, re.form = form), silent = TRUE), "try-error")
  answer[[paste0("refused/", forms[i])]] <- as.numeric(refused)
}
lines <- vapply(names(answer), function(name) {
  paste(c(name, exact(as.numeric(answer[[name]]))), collapse = "\\t")
}, "")
writeLines(lines, at("answer.txt"))
"""


def ask_lme4(
    formula: str, data: pd.DataFrame, new: pd.DataFrame, forms: list[str], folder: Path
) -> dict[str, np.ndarray]:
    """What lme4 answers: one vector a name."""
    columns = [c for c in data.columns if c in new.columns]
    numeric = pd.api.types.is_numeric_dtype
    kinds = ["numeric" if numeric(data[c].dtype) else "factor" for c in columns]
    for name, frame in (("data", data), ("new", new)):
        frame[columns].to_csv(folder / f"{name}.csv", index=False, float_format="%.17g")
    (folder / "kinds.txt").write_text("\n".join(kinds) + "\n")
    (folder / "formula.txt").write_text(formula + "\n")
    (folder / "forms.txt").write_text("\n".join(forms) + "\n")
    (folder / "ask.R").write_text(SCRIPT)
    done = subprocess.run(
        ["Rscript", "--vanilla", str(folder / "ask.R"), str(folder)],
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = {}
    for line in (folder / "answer.txt").read_text(encoding="utf-8").splitlines():
        name, *values = line.split("\t")
        answer[name] = np.array([float("nan" if v == "NA" else v) for v in values])
    return answer


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    n = 180
    school, cls = np.repeat(np.arange(15), 12), np.repeat(np.arange(45), 4)
    frame = pd.DataFrame(
        {
            "y": 0.0,
            "school": np.array([f"s{k:02d}" for k in school], dtype=object),
            "cl": np.array([f"c{k % 3}" for k in cls], dtype=object),
            "x": rng.normal(5.0, 2.0, n),
            "z": rng.uniform(1.0, 9.0, n),
            "kind": rng.choice(np.array(["b", "a", "c"], dtype=object), n),
        }
    )
    frame["y"] = (
        1.0
        + 0.5 * frame["x"]
        + rng.normal(0, 1, 15)[school]
        + rng.normal(0, 0.8, 45)[cls]
        + rng.normal(0, 0.4, 15)[school] * frame["x"]
        + rng.normal(0, 1, n)
    )
    return frame


def compare(fit: FittedModel, answer: dict[str, np.ndarray]) -> None:
    """Conditional modes and their variances, term by term."""
    np.testing.assert_allclose(fit.params, answer["beta"], rtol=1e-9)
    assert fit.sigma == pytest.approx(answer["sigma"][0], rel=1e-9)
    compared = 0
    for level in fit.design.levels:
        ours = fit.random_effects_cov[level.name]
        np.testing.assert_allclose(
            fit.random_effects[level.name].to_numpy().ravel(),
            answer[f"u/{level.name}"],
            rtol=1e-8,
            atol=1e-9,
        )
        start = 0
        for number, term in enumerate(level.terms, start=1):
            q = len(term.names)
            key = f"V/{level.name}" + (f"/{number}" if len(level.terms) > 1 else "")
            # R stores (q, q, G) with the first index fastest
            theirs = answer[key].reshape(level.n_groups, q, q)
            block = ours[:, start : start + q, start : start + q]
            np.testing.assert_allclose(block, theirs, rtol=1e-8, atol=1e-11)
            start += q
            compared += 1
    assert compared == sum(len(level.terms) for level in fit.design.levels)


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ x + (1|school)",
        "y ~ x + (x|school)",
        "y ~ x + (1|school/cl)",
        "y ~ x + kind + (x|school) + (1|school:cl)",
        "y ~ x + (x||school) + (1|school:cl)",
        "y ~ x + (x|school/cl)",
    ],
)
def test_variances_are_lme4s_condvar(formula: str, data: pd.DataFrame, tmp_path: Path) -> None:
    answer = ask_lme4(formula, data, data, ["NULL"], tmp_path)
    fit = mix(formula, data).at(answer["theta"])
    compare(fit, answer)
    np.testing.assert_allclose(fit.predict(data), answer["predict/NULL"], rtol=1e-10)
    np.testing.assert_allclose(fit.residuals(), answer["residual"], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("where", ["1", "2", "all"])
def test_with_integer_weights_they_are_lme4s_on_the_replicated_units(
    where: str, tmp_path: Path
) -> None:
    formula = "y ~ x + (x|g3) + (1|g2)"
    data = weighted_data(where)
    written_out = replicate(data)[["y", "x", "g2", "g3"]]
    for name in ("g2", "g3"):
        written_out[name] = written_out[name].astype(object)
    answer = ask_lme4(formula, written_out, written_out, ["NULL"], tmp_path)
    fit = mix(formula, data, WEIGHTS).at(answer["theta"])
    np.testing.assert_allclose(fit.params, answer["beta"], rtol=1e-9)
    for name, ours in fit.random_effects_cov.items():
        copies = sorted(set(written_out[name]))
        place = (
            fit.random_effects[name]
            .index.astype(str)
            .get_indexer([copy.split("/")[0] for copy in copies])
        )
        theirs = answer[f"V/{name}"].reshape(len(copies), *ours.shape[1:])
        assert len(copies) >= len(ours)
        np.testing.assert_allclose(ours[place], theirs, rtol=1e-8, atol=1e-11)


FORMS = ["NULL", "NA", "~(1|school)", "~(1|school:cl)"]
RANDOM = {"NULL": True, "NA": False, "~(1|school)": ["school"], "~(1|school:cl)": ["school:cl"]}


@pytest.mark.parametrize(
    "fixed",
    [
        "x + kind",
        "poly(x, 3) + kind",
        "scale(x) * kind",
        "poly(z, 2) + scale(x, scale = FALSE)",
        "log(z) + I(x^2) + offset(0.3 * z)",
        "0 + kind + x:kind",
    ],
)
def test_predictions_are_lme4s(fixed: str, data: pd.DataFrame, tmp_path: Path) -> None:
    formula = f"y ~ {fixed} + (1|school) + (1|school:cl)"
    new = data.iloc[::7].reset_index(drop=True)
    new["x"] = new["x"] + 1.0
    new.loc[0, "school"] = "s99"
    new.loc[1, "cl"] = "c9"
    answer = ask_lme4(formula, data, new, FORMS, tmp_path)
    fit = mix(formula, data).at(answer["theta"])
    for form in FORMS:
        ours = fit.predict(new, RANDOM[form], allow_new_levels=True)
        np.testing.assert_allclose(ours, answer[f"predict/{form}"], rtol=1e-9)
        # lme4 refuses new groups where it uses them, and so do we
        refused = bool(answer[f"refused/{form}"][0])
        assert refused == (form != "NA")
        if refused:
            with pytest.raises(ValueError, match="allow_new_levels=True"):
                fit.predict(new, RANDOM[form])
        else:
            np.testing.assert_allclose(fit.predict(new, RANDOM[form]), ours, rtol=1e-15)


def test_a_function_of_scale_is_predicted_with_the_mean_of_the_fit(
    data: pd.DataFrame, tmp_path: Path
) -> None:
    # R remembers the mean of scale(x), not of the one inside I(): it takes that of the new rows
    formula = "y ~ I(scale(x)^2) + (1|school)"
    new = data.iloc[:20]
    answer = ask_lme4(formula, data, new, ["NULL"], tmp_path)
    fit = mix(formula, data).at(answer["theta"])
    np.testing.assert_allclose(fit.predict(new), fit.fittedvalues.iloc[:20], rtol=1e-12)
    assert np.abs(fit.predict(new) - answer["predict/NULL"]).max() > 1e-3
