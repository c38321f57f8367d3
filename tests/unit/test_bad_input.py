"""Bad input gets one clear error: what must hold, what was found and where, what to do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from wemix_ref import WemixRefError, mix

FORMULA = "y ~ x + (1|g) + (1|h)"
WEIGHTS = ["w1", "w2", "w3"]


def good() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    h = np.repeat(np.arange(5), 8)
    g = np.repeat(np.arange(20), 2)
    data = pd.DataFrame({"g": g, "h": h, "x": rng.normal(size=40), "y": rng.normal(size=40)})
    data["w3"] = 1.0 + h
    data["w2"] = data["w3"] * (1.0 + g % 3)
    data["w1"] = data["w2"] * rng.uniform(1, 2, 40)
    return data


def changed(column: str, row: int, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(data: pd.DataFrame) -> pd.DataFrame:
        data = data.astype({column: object}) if isinstance(value, str) else data.copy()
        data.loc[row, column] = value
        return data

    return change


CASES = {
    "unknown column": (lambda d: d, {"formula": "y ~ nope + (1|g)"}, ["nope", "column"]),
    "unknown weight": (lambda d: d, {"weights": ["w1", "w2", "W3"]}, ["W3", "column"]),
    "too few weights": (lambda d: d, {"weights": ["w1", "w2"]}, ["3 in all", "found 2"]),
    "too many weights": (lambda d: d, {"weights": [*WEIGHTS, "w1"]}, ["3 in all", "found 4"]),
    "weights as text": (lambda d: d, {"weights": "w1"}, ["list", "w1"]),
    "negative weight": (changed("w1", 7, -2.0), {}, ["w1", "negative", "row 7"]),
    "zero weight": (changed("w1", 7, 0.0), {}, ["w1", "zero", "row 7"]),
    "missing weight": (changed("w1", 7, np.nan), {}, ["w1", "missing", "row 7"]),
    "infinite weight": (changed("w1", 7, np.inf), {}, ["w1", "infinite", "row 7"]),
    "weights beyond double precision": (
        lambda d: d.assign(**{w: d[w] * 1e-200 for w in ("w1", "w2", "w3")}),
        {},
        ["w1", "1e-60", "common factor"],
    ),
    "very small weights vary": (
        # relatively: the difference is far below any absolute tolerance
        lambda d: d.assign(
            **{
                w: d[w] * (1 + 0.1 * (w == "w2") * (d.index == 2)) * 1e-15
                for w in ("w1", "w2", "w3")
            }
        ),
        {},
        ["w2", "constant within `g`"],
    ),
    "response constant within groups": (
        lambda d: d.assign(y=d["h"] ** 2.0),
        {},
        ["vary within the groups"],
    ),
    "response among the predictors": (
        lambda d: d.assign(x=2 * d["y"] + 1),
        {},
        ["response", "fit it exactly"],
    ),
    "text weight": (changed("w1", 7, "3"), {}, ["w1", "numeric"]),
    "boolean weight": (lambda d: d.assign(w1=d["x"] > 0), {}, ["w1", "numeric"]),
    "weight varies": (
        changed("w2", 2, 99.0),
        {},
        ["w2", "constant within `g`", "1 of 20", "first: 1", "conditional_weights"],
    ),
    "tiny weights vary": (
        lambda d: d.assign(w2=(d["w2"] + (d.index == 2) * 0.5) * 1e-9),
        {},
        ["w2", "constant within `g`"],
    ),
    "not nested": (changed("h", 1, 4), {}, ["nested", "`g`", "`h`", "h/g"]),
    "one top group": (lambda d: d.assign(h=1), {}, ["two groups", "`h`"]),
    "no rows left": (lambda d: d.assign(x=np.nan), {}, ["40", "`x`"]),
    "no rows": (lambda d: d.iloc[:0], {}, ["row"]),
    "dependent columns": (
        lambda d: d.assign(x2=2 * d["x"] + 1),
        {"formula": "y ~ x + x2 + (1|g) + (1|h)"},
        ["linearly independent", "'x2'"],
    ),
    "text response": (
        lambda d: d.assign(y=d["y"].astype(str)),
        {},
        ["response", "numeric", "y"],
    ),
    "constant response": (lambda d: d.assign(y=3.0), {}, ["response", "vary"]),
    "no random term": (lambda d: d, {"formula": "y ~ x", "weights": ["w1"]}, ["random term"]),
    "reml with weights": (lambda d: d, {"reml": True}, ["REML", "unweighted"]),
    "reml with sandwich": (
        lambda d: d,
        {"reml": True, "weights": None, "se": "wemix"},
        ["REML", 'se="model"'],
    ),
    "unknown recipe": (lambda d: d, {"se": "robust"}, ["'wemix'", "'robust'"]),
    "malformed formula": (lambda d: d, {"formula": "y ~ x + (1|g"}, ["y ~ x + (1|g"]),
    "no response": (lambda d: d, {"formula": "~ x + (1|g)"}, ["response"]),
    "formula no text": (lambda d: d, {"formula": 3}, ["text"]),
    "unknown function": (lambda d: d, {"formula": "y ~ system(x) + (1|g)"}, ["system"]),
    "python in the formula": (
        lambda d: d,
        {"formula": "y ~ __import__('os').getcwd() + (1|g)"},
        ["formula"],
    ),
    "log of a negative number": (
        lambda d: d,
        {"formula": "y ~ log(x) + (1|g) + (1|h)"},
        ["log(x)", "finite"],
    ),
    "infinite covariate": (changed("x", 3, np.inf), {}, ["x", "finite", "row 3"]),
    "data no frame": (lambda d: d.to_dict(), {}, ["DataFrame"]),
    "doubled column": (
        lambda d: pd.concat([d, d[["x"]]], axis=1),
        {},
        ["x", "once"],
    ),
    "centred factor unknown": (
        lambda d: d,
        {"center_group": {"k": "~x"}},
        ["center_group", "'k'", "'g'"],
    ),
    "centred column unknown": (lambda d: d, {"center_grand": "~z"}, ["'z'"]),
    "centred twice": (
        lambda d: d,
        {"center_grand": "~x", "center_group": {"g": "~x"}},
        ["'x'", "more than once"],
    ),
    "centred text": (
        lambda d: d.assign(x=d["x"].round().astype(str)),
        {"center_grand": "~x"},
        ["'x'", "numeric"],
    ),
    "conditional without weights": (
        lambda d: d,
        {"weights": None, "conditional_weights": True},
        ["conditional_weights"],
    ),
    "reml no boolean": (lambda d: d, {"weights": None, "reml": "yes"}, ["reml", "'yes'"]),
    "weighted levels alike": (
        lambda d: d.assign(h=d["g"], w3=d["w2"]),
        {},
        ["lower", "`g`", "`h`"],
    ),
    "more columns than rows": (
        lambda d: d.groupby("g").head(1).groupby("h").head(1),
        {"formula": "y ~ poly(x, 4) + (1|h)", "weights": None},
        ["rows"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_one_clear_error(name: str) -> None:
    change, options, words = CASES[name]
    arguments = {"formula": FORMULA, "weights": WEIGHTS, **options}
    data = change(good())
    before = data.copy() if isinstance(data, pd.DataFrame) else None
    with pytest.raises(WemixRefError) as caught:
        mix(arguments.pop("formula"), data, arguments.pop("weights"), **arguments)
    assert isinstance(caught.value, ValueError)
    message = str(caught.value)
    for word in words:
        assert word in message, message
    if before is not None:
        pd.testing.assert_frame_equal(data, before)


def test_the_good_data_are_good() -> None:
    # without this the errors above could come from the data that they change
    assert mix(FORMULA, good(), WEIGHTS).converged


def test_rounding_in_weights_is_no_variation() -> None:
    data = good()
    for weight in WEIGHTS:
        data[weight] *= 1e9
    reference = mix(FORMULA, data, WEIGHTS).llf
    data["w2"] *= 1 + 1e-14 * np.arange(40)
    assert mix(FORMULA, data, WEIGHTS).llf == pytest.approx(reference, rel=1e-11)
