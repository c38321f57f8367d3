"""Bad input to `wemix_ref.mix`: data frames, formulas, weights and options."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from wemix_ref.reliability.door import Bad

__all__ = ["FORMULA", "FRAMES", "WEIGHTS", "good_data"]

FORMULA = "y ~ x + (1|g) + (1|h)"
WEIGHTS = ["w1", "w2", "w3"]

Change = Callable[[pd.DataFrame], Any]


def good_data() -> pd.DataFrame:
    """Forty rows in twenty groups in five, which can be fitted with `FORMULA` and `WEIGHTS`."""
    rng = np.random.default_rng(0)
    h = np.repeat(np.arange(5), 8)
    g = np.repeat(np.arange(20), 2)
    data = pd.DataFrame({"g": g, "h": h, "x": rng.normal(size=40), "y": rng.normal(size=40)})
    data["w3"] = 1.0 + h
    data["w2"] = data["w3"] * (1.0 + g % 3)
    data["w1"] = data["w2"] * rng.uniform(1, 2, 40)
    return data


def _objects(value: object) -> pd.Series:
    return pd.Series([value for _ in range(40)], dtype=object)


def _same(data: pd.DataFrame) -> pd.DataFrame:
    return data


def _changed(column: str, row: int, value: object) -> Change:
    def change(data: pd.DataFrame) -> pd.DataFrame:
        plain = isinstance(value, float)
        data = data.copy() if plain else data.astype({column: object})
        data.loc[row, column] = value  # type: ignore[call-overload]
        return data

    return change


def _fit(change: Change, options: Mapping[str, Any]) -> Callable[[Path], Callable[[], object]]:
    def make(_folder: Path) -> Callable[[], object]:
        from wemix_ref import mix

        data = change(good_data())
        before = data.copy() if isinstance(data, pd.DataFrame) else None
        arguments: dict[str, Any] = {"formula": FORMULA, "weights": WEIGHTS, **options}

        def act() -> object:
            try:
                return mix(arguments.pop("formula"), data, arguments.pop("weights"), **arguments)
            finally:
                if before is not None:
                    pd.testing.assert_frame_equal(data, before)

        return act

    return make


def _bad(door: str, listed: Mapping[str, tuple[Change, Mapping[str, Any], list[str]]]) -> list[Bad]:
    return [
        Bad(door, name, _fit(change, options), tuple(words))
        for name, (change, options, words) in listed.items()
    ]


_DATA: dict[str, tuple[Change, Mapping[str, Any], list[str]]] = {
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
    "not nested": (_changed("h", 1, 4), {}, ["nested", "`g`", "`h`", "h/g"]),
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
    "infinite covariate": (_changed("x", 3, np.inf), {}, ["x", "finite", "row 3"]),
    "data no frame": (lambda d: d.to_dict(), {}, ["DataFrame"]),
    "doubled column": (
        lambda d: pd.concat([d, d[["x"]]], axis=1),
        {},
        ["x", "once"],
    ),
    "more columns than rows": (
        lambda d: d.groupby("g").head(1).groupby("h").head(1),
        {"formula": "y ~ poly(x, 4) + (1|h)", "weights": None},
        ["rows"],
    ),
    "a column of dates": (
        lambda d: d.assign(x=pd.date_range("2024-01-01", periods=40)),
        {},
        ["`x`", "datetime"],
    ),
    "a column of time spans": (
        lambda d: d.assign(x=pd.to_timedelta(np.arange(40), unit="h")),
        {},
        ["`x`"],
    ),
    "complex numbers": (lambda d: d.assign(x=d["x"] * 1j), {}, ["`x`", "complex"]),
    "lists in cells": (lambda d: d.assign(x=_objects([1])), {}, ["`x`", "list"]),
    "mappings in cells": (lambda d: d.assign(x=_objects({"a": 1})), {}, ["`x`"]),
    "bytes in cells": (lambda d: d.assign(x=[b"a", b"b"] * 20), {}, ["`x`", "bytes"]),
    "dates among texts": (_changed("x", 3, datetime.date(2024, 1, 1)), {}, ["`x`"]),
    "an integer without a double": (_changed("x", 3, 10**400), {}, ["`x`"]),
    "lists as ids": (lambda d: d.assign(g=_objects([1])), {}, ["`g`"]),
    "an infinite id": (lambda d: d.assign(g=d["g"] / 0.0), {}, ["`g`"]),
    "columns in two levels": (
        lambda d: d.set_axis(pd.MultiIndex.from_product([["a"], d.columns]), axis=1),
        {},
        ["'y'"],
    ),
    "columns without names": (lambda d: d.set_axis(range(7), axis=1), {}, ["'y'", "column"]),
    "a series": (lambda d: d["y"], {}, ["DataFrame", "Series"]),
    "an array": (lambda d: d.to_numpy(), {}, ["DataFrame", "ndarray"]),
    "a file's name": (lambda _: "data.csv", {}, ["DataFrame", "str"]),
    "nothing": (lambda _: None, {}, ["DataFrame", "None"]),
    "a response with an infinity": (_changed("y", 5, np.inf), {}, ["y", "finite", "row 5"]),
    "a response without values": (lambda d: d.assign(y=np.nan), {}, ["40", "`y`"]),
    "a boolean response": (lambda d: d.assign(y=d["y"] > 0), {}, ["response", "numeric"]),
    "one row": (lambda d: d.iloc[:1], {}, ["1 groups"]),
    "a constant factor": (
        lambda d: d.assign(f="a"),
        {"formula": "y ~ f + (1|g) + (1|h)"},
        ["`f`"],
    ),
}

_FORMULAS: dict[str, tuple[Change, Mapping[str, Any], list[str]]] = {
    "unknown column": (_same, {"formula": "y ~ nope + (1|g)"}, ["nope", "column"]),
    "no random term": (_same, {"formula": "y ~ x", "weights": ["w1"]}, ["random term"]),
    "malformed formula": (_same, {"formula": "y ~ x + (1|g"}, ["y ~ x + (1|g"]),
    "no response": (_same, {"formula": "~ x + (1|g)"}, ["response"]),
    "formula no text": (_same, {"formula": 3}, ["text"]),
    "unknown function": (_same, {"formula": "y ~ system(x) + (1|g)"}, ["system"]),
    "python in the formula": (
        _same,
        {"formula": "y ~ __import__('os').getcwd() + (1|g)"},
        ["formula"],
    ),
    "log of a negative number": (
        _same,
        {"formula": "y ~ log(x) + (1|g) + (1|h)"},
        ["log(x)", "finite"],
    ),
    "an empty formula": (_same, {"formula": ""}, ["empty"]),
    "blanks alone": (_same, {"formula": " \n\t"}, ["empty"]),
    "no tilde": (_same, {"formula": "y + x"}, ["`~`"]),
    "two tildes": (_same, {"formula": "y ~ x ~ (1|g)"}, ["one `~`"]),
    "the response on the right": (_same, {"formula": "y ~ y + (1|g)"}, ["response `y`"]),
    "brackets without end": (_same, {"formula": "y ~ " + "(" * 5000}, ["60 levels deep"]),
    "signs without end": (_same, {"formula": "y ~ " + "-" * 5000 + "x"}, ["60 levels deep"]),
    "a formula of 100,000 characters": (
        _same,
        {"formula": "y ~ " + "x + " * 25_000},
        ["20000 characters"],
    ),
    "more terms than can be": (
        _same,
        {"formula": "y ~ (" + "+".join(f"a{i}" for i in range(40)) + ")^9"},
        ["2000 terms"],
    ),
    "an open quotation": (_same, {"formula": "y ~ (x == 'a) + (1|g)"}, ["closed by '"]),
    "an open back-tick": (_same, {"formula": "y ~ `x + (1|g)"}, ["closed by `"]),
    "a NUL": (_same, {"formula": "y ~ x\0 + (1|g)"}, ["\\x00"]),
    "half of a character": (_same, {"formula": "y ~ \ud800 + (1|g)"}, ["U+D800"]),
    "a character that writes backwards": (_same, {"formula": "y ~ x\u202e + (1|g)"}, ["OVERRIDE"]),
    "an assignment": (_same, {"formula": "y ~ x <- 3"}, ["assigns"]),
    "two expressions": (_same, {"formula": "y ~ x; z"}, ["`;`"]),
    "indexing": (_same, {"formula": "y ~ x[1] + (1|g)"}, ["indexing"]),
    "a package's function": (_same, {"formula": "y ~ base::log(x) + (1|g)"}, ["package"]),
    "all other columns": (_same, {"formula": "y ~ . + (1|g)"}, ["`.`"]),
    "a bar without a group": (_same, {"formula": "y ~ x + (1|)"}, ["nothing before it", "(1|)"]),
    "a number as group": (_same, {"formula": "y ~ x + (1|1)"}, ["y ~ x + (1|1)"]),
    "a bar without brackets": (_same, {"formula": "y ~ x + 1|g"}, ["bracket"]),
    "a number that is no double": (_same, {"formula": "y ~ x^1e999 + (1|g)"}, ["finite"]),
    "a hexadecimal number that is no double": (
        _same,
        {"formula": "y ~ x^0x" + "F" * 300 + " + (1|g)"},
        ["finite"],
    ),
    "a power of terms that is no number": (_same, {"formula": "y ~ x^z + (1|g)"}, ["power"]),
    "a missing argument": (_same, {"formula": "y ~ poly() + (1|g)"}, ["poly"]),
    "too many arguments": (_same, {"formula": "y ~ log(x, 2, 3) + (1|g)"}, ["log"]),
    "too high a degree": (_same, {"formula": "y ~ poly(x, 99) + (1|g) + (1|h)"}, ["poly(x, 99)"]),
    "levels without end": (_same, {"formula": "y ~ (1|g" + "/g" * 9000 + ")"}, ["50 `/`", "9000"]),
    "an empty random term": (_same, {"formula": "y ~ x + (0|g) + (1|h)"}, ["at least 1", "(0|g)"]),
    "a formula of bytes": (_same, {"formula": b"y ~ x"}, ["text", "bytes"]),
    "no formula": (_same, {"formula": None}, ["text", "None"]),
}

_WEIGHTS: dict[str, tuple[Change, Mapping[str, Any], list[str]]] = {
    "unknown weight": (_same, {"weights": ["w1", "w2", "W3"]}, ["W3", "column"]),
    "too few weights": (_same, {"weights": ["w1", "w2"]}, ["3 in all", "found 2"]),
    "too many weights": (_same, {"weights": [*WEIGHTS, "w1"]}, ["3 in all", "found 4"]),
    "weights as text": (_same, {"weights": "w1"}, ["list", "w1"]),
    "negative weight": (_changed("w1", 7, -2.0), {}, ["w1", "negative", "row 7"]),
    "zero weight": (_changed("w1", 7, 0.0), {}, ["w1", "zero", "row 7"]),
    "missing weight": (_changed("w1", 7, np.nan), {}, ["w1", "missing", "row 7"]),
    "infinite weight": (_changed("w1", 7, np.inf), {}, ["w1", "infinite", "row 7"]),
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
    "text weight": (_changed("w1", 7, "3"), {}, ["w1", "numeric"]),
    "boolean weight": (lambda d: d.assign(w1=d["x"] > 0), {}, ["w1", "numeric"]),
    "weight varies": (
        _changed("w2", 2, 99.0),
        {},
        ["w2", "constant within `g`", "1 of 20", "first: 1", "conditional_weights"],
    ),
    "tiny weights vary": (
        lambda d: d.assign(w2=(d["w2"] + (d.index == 2) * 0.5) * 1e-9),
        {},
        ["w2", "constant within `g`"],
    ),
    "conditional without weights": (
        _same,
        {"weights": None, "conditional_weights": True},
        ["conditional_weights"],
    ),
    "weighted levels alike": (
        lambda d: d.assign(h=d["g"], w3=d["w2"]),
        {},
        ["lower", "`g`", "`h`"],
    ),
    "weights as a number": (_same, {"weights": 3}, ["list", "int"]),
    "weights as an array": (_same, {"weights": np.ones(40)}, ["list"]),
    "a weight that is a number": (_same, {"weights": [1, 2, 3]}, ["1"]),
    "weights as a mapping": (_same, {"weights": {"g": "w2"}}, ["list", "dict"]),
    "no weights in the list": (_same, {"weights": []}, ["at least one column", "weights=None"]),
    "one column for two levels": (
        _same,
        {"weights": ["w1", "w2", "w2"]},
        ["`w2`", "constant within `h`"],
    ),
    "a weight without a double": (_changed("w1", 7, 10**400), {}, ["w1"]),
    "complex weights": (lambda d: d.assign(w1=d["w1"] + 0j), {}, ["w1", "numeric"]),
    "weights that are dates": (
        lambda d: d.assign(w1=pd.date_range("2024-01-01", periods=40)),
        {},
        ["w1", "numeric"],
    ),
    "a weight of the response": (_same, {"weights": ["y", "w2", "w3"]}, ["`y`", "negative"]),
}

_OPTIONS: dict[str, tuple[Change, Mapping[str, Any], list[str]]] = {
    "reml with weights": (_same, {"reml": True}, ["REML", "unweighted"]),
    "reml with sandwich": (
        _same,
        {"reml": True, "weights": None, "se": "wemix"},
        ["REML", 'se="model"'],
    ),
    "unknown recipe": (_same, {"se": "robust"}, ["'wemix'", "'robust'"]),
    "centred factor unknown": (
        _same,
        {"center_group": {"k": "~x"}},
        ["center_group", "'k'", "'g'"],
    ),
    "centred column unknown": (_same, {"center_grand": "~z"}, ["'z'"]),
    "centred twice": (
        _same,
        {"center_grand": "~x", "center_group": {"g": "~x"}},
        ["'x'", "more than once"],
    ),
    "centred text": (
        lambda d: d.assign(x=d["x"].round().astype(str)),
        {"center_grand": "~x"},
        ["'x'", "numeric"],
    ),
    "reml no boolean": (_same, {"weights": None, "reml": "yes"}, ["reml", "'yes'"]),
    "an unknown scaling": (_same, {"scale": "best"}, ["scale", "'best'", "size"]),
    "scalings for too few levels": (_same, {"scale": ["size"]}, ["scale"]),
    "a scaling without weights": (_same, {"scale": "size", "weights": None}, ["scale"]),
    "use that is no list": (_same, {"use": "yes"}, ["use"]),
    "use of too many levels": (_same, {"use": [True] * 4}, ["use", "4"]),
    "centring by a number": (_same, {"center_grand": 3}, ["one-sided formula", "3"]),
    "centring by a list": (_same, {"center_group": ["x"]}, ["center_group"]),
    "centring by an expression": (_same, {"center_grand": "~x + z:q"}, ["plain columns"]),
    "centring without a tilde": (_same, {"center_grand": "x"}, ["`~`"]),
    "conditional weights as a text": (_same, {"conditional_weights": "no"}, ["'no'"]),
    "a recipe that is no text": (_same, {"se": 3}, ["3"]),
}

#: Every bad input of `mix`.
FRAMES = (
    *_bad("data frame", _DATA),
    *_bad("formula", _FORMULAS),
    *_bad("weights", _WEIGHTS),
    *_bad("options", _OPTIONS),
)
