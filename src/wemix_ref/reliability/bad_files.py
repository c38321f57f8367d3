"""Bad files: CSV and parquet, YAML of cases, studies and measurements, records."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from wemix_ref.reliability.bad_frames import FORMULA, WEIGHTS, good_data
from wemix_ref.reliability.door import Act, Bad

__all__ = ["CSV", "LAUGHS", "RECORDS", "STUDY", "YAML", "fitted_text", "shipped"]

#: Nine lists of nine, one within another: 9^9 values with its aliases written out.
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

#: A study that can be read.
STUDY = """title: A small study
aims: To be changed.
seed: 1
replicates: 2
parameters: {strength: 0.5}
population:
  levels:
    school: {size: 200}
    student: {size: 20}
  covariates:
    x: {level: student, distribution: normal, mean: 0, sd: 1}
    z: {level: school, expression: "mean(x)"}
  model:
    response: y
    fixed: {"(Intercept)": 0, x: 0.5, z: 1}
    random: {school: {sd: 1}}
    residual: {sd: 1.5}
sampling:
  school: {method: sampford, size: 10, measure: "exp(strength * u_school)"}
  student: {method: srs, size: 5}
model: y ~ x + z + (1 | school)
analyses:
  unweighted: {}
  all: {weights: all}
"""

_HEAD = "y,g,x\n"
_ROWS = "".join(f"{i * 7 % 11},{i % 5},{i % 3}\n" for i in range(40))


def _csv(content: str | bytes, *words: str, name: str = "d.csv") -> Callable[[Path], Act]:
    def make(folder: Path) -> Act:
        raw = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(raw)
        return ["fit", name, "--formula", "y ~ x + (1|g)", "--json", "out.json", *words]

    return make


def _place(name: str, make: Callable[[Path], object]) -> Callable[[Path], Act]:
    def made(folder: Path) -> Act:
        make(folder / name)
        return ["fit", name, "--formula", "y ~ x + (1|g)", "--json", "out.json"]

    return made


def _parquet(folder: Path) -> Act:
    whole = folder / "d.parquet"
    good_data().to_parquet(whole)
    whole.write_bytes(whole.read_bytes()[:-40])
    return ["fit", "d.parquet", "--formula", "y ~ x + (1|g)"]


_CSV: dict[str, tuple[Callable[[Path], Act], list[str]]] = {
    "an empty file": (_csv(""), ["d.csv", "header"]),
    "line ends alone": (_csv("\n\n\n"), ["d.csv", "header"]),
    "a header alone": (_csv(_HEAD), ["at least one row"]),
    "no header": (_csv(_ROWS), ["d.csv", "once", "'0'"]),
    "a column's name twice": (_csv("y,g,x,x\n1,2,3,4\n" + _ROWS), ["d.csv", "'x' 2 times"]),
    "quoted names alike": (_csv('y,g,x,"g"\n' + _ROWS), ["d.csv", "'g' 2 times"]),
    "more cells than names in each row": (
        _csv(_HEAD + _ROWS.replace("\n", ",9\n")),
        ["d.csv", "more cells than its header", "3"],
    ),
    "more cells than names in one row": (_csv(_HEAD + _ROWS + "1,2,3,4\n"), ["line 42", "saw 4"]),
    "another separator": (_csv((_HEAD + _ROWS).replace(",", ";")), ["'y;g;x'", "--sep"]),
    "UTF-16": (_csv((_HEAD + _ROWS).encode("utf-16")), ["d.csv", "utf-8"]),
    "Latin-1": (_csv(b"y,g,x\n1,\xe9,3\n" + _ROWS.encode()), ["d.csv", "utf-8", "0xe9"]),
    "random bytes": (_csv(bytes(range(128, 256)) * 30), ["d.csv", "utf-8"]),
    "a NUL in a name": (_csv("y\0,g,x\n" + _ROWS), ["d.csv", "NUL", "line 1"]),
    "a NUL among numbers": (_csv(_HEAD + _ROWS + "1,2,3\0004\n"), ["d.csv", "NUL", "line 42"]),
    "a NUL in an id": (_csv(_HEAD + _ROWS + "1,2\0,3\n"), ["d.csv", "NUL", "line 42"]),
    "a text among numbers": (_csv(_HEAD + _ROWS + "many,2,3\n"), ["`y`", "numeric"]),
    "a quotation that does not end": (_csv(_HEAD + _ROWS + '1,"2,3\n' + _ROWS), ["row 41"]),
    "a field of ten million characters": (_csv(_HEAD + "z" * 10**7 + ",1,2\n" + _ROWS), ["`y`"]),
    "twenty thousand columns": (
        _csv(",".join(f"c{i}" for i in range(20_000)) + "\n" + "1," * 19_999 + "1\n"),
        ["3 are not", "'y'"],
    ),
    "a line of nothing but commas": (_csv("y,g,x\n,,\n,,\n"), ["2", "`y`"]),
    "only missing values": (_csv(_HEAD + "NA,NA,NA\n" * 9), ["9", "`y`"]),
    "a packed file that is none": (_csv(_HEAD + _ROWS, name="d.csv.gz"), ["d.csv.gz", "gzip"]),
    "a packed file cut off": (
        _csv(gzip.compress((_HEAD + _ROWS).encode())[:-20], name="d.csv.gz"),
        ["d.csv.gz", "end"],
    ),
    "a zip that is none": (_csv(_HEAD, name="d.csv.zip"), ["d.csv.zip", "zip"]),
    "parquet that is none": (_csv(_HEAD + _ROWS, name="d.parquet"), ["d.parquet", "parquet"]),
    "parquet cut off": (_parquet, ["d.parquet", "readable parquet"]),
    "text columns of parquet": (_csv("", "--text", "g", name="d.parquet"), ["--text", "parquet"]),
    "a directory": (_place("d.csv", lambda path: path.mkdir()), ["d.csv", "directory"]),
    "a link to itself": (_place("d.csv", lambda path: path.symlink_to(path)), ["d.csv", "loop"]),
    "a link to nothing": (_place("d.csv", lambda p: p.symlink_to("gone")), ["d.csv", "No such"]),
    "a file below a file": (
        lambda folder: [
            "fit",
            str(_written(folder, "f", "") / "d.csv"),
            "--formula",
            "y ~ x + (1|g)",
        ],
        ["d.csv", "directory"],
    ),
    "an address": (
        lambda _: ["fit", "http://127.0.0.1:1/d.csv", "--formula", "y ~ x + (1|g)"],
        ["d.csv", "No such file"],
    ),
    "a name with a NUL": (lambda _: ["fit", "a\0b", "--formula", "y ~ x + (1|g)"], ["null byte"]),
    "text of a column that is none": (_csv(_HEAD + _ROWS, "--text", "q"), ["--text", "'q'"]),
    "an empty separator": (_csv(_HEAD + _ROWS, "--sep", ""), ["--sep"]),
    "a separator that ends lines": (_csv(_HEAD + _ROWS, "--sep", "\n"), ["d.csv", "separator"]),
    "a separator that is no pattern": (_csv(_HEAD + _ROWS, "--sep", "[["), ["d.csv"]),
}


def _written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _read(kind: str, path: Path) -> object:
    from wemix_ref.bench.specs import load_bench
    from wemix_ref.cases import load_case
    from wemix_ref.divergences.specs import load_divergence
    from wemix_ref.simulate.study import load_study
    from wemix_ref.tolerances import load_tolerances

    readers: dict[str, Callable[[Path], object]] = {
        "study": load_study,
        "case": load_case,
        "bench": load_bench,
        "tolerances": load_tolerances,
        "divergence": load_divergence,
    }
    return readers[kind](path)


def _yaml(content: str | bytes, kind: str = "study") -> Callable[[Path], Act]:
    def make(folder: Path) -> Act:
        path = _written(folder, "f.yaml", content)
        return lambda: _read(kind, path)

    return make


def _study(old: str, new: str) -> Callable[[Path], Act]:
    if old not in STUDY:
        raise ValueError(f"{old!r} must be in the study that is changed")
    return _yaml(STUDY.replace(old, new, 1))


def shipped(kind: str) -> str:
    """A file of the project, to be changed."""
    from wemix_ref.strict_yaml import PROJECT

    places = {
        "case": "config/cases/dyestuff.yaml",
        "bench": "config/bench.yaml",
        "tolerances": "config/tolerances.yaml",
        "divergence": "config/divergences/offset.yaml",
        "recorded": "resources/recorded/four-level.json",
    }
    return (PROJECT / places[kind]).read_text(encoding="utf-8")


def _changed(kind: str, added: str) -> Callable[[Path], Act]:
    return lambda folder: _yaml(shipped(kind) + added, kind)(folder)


_YAML: dict[str, tuple[Callable[[Path], Act], list[str]]] = {
    "no file": (lambda folder: lambda: _read("study", folder / "no.yaml"), ["no.yaml", "No such"]),
    "a directory": (lambda folder: lambda: _read("study", folder), ["directory"]),
    "an empty file": (_yaml(""), ["f.yaml", "mapping of keys", "nothing"]),
    "a list": (_yaml("[1, 2]"), ["f.yaml", "mapping of keys"]),
    "two documents": (_yaml("a: 1\n---\nb: 2\n"), ["f.yaml", "line 2", "single document"]),
    "UTF-16": (_yaml(STUDY.encode("utf-16")), ["f.yaml", "UTF-8"]),
    "Latin-1": (_yaml(b"title: \xe9\n"), ["f.yaml", "UTF-8", "0xe9"]),
    "a NUL": (_yaml("title: a\0b\n"), ["f.yaml", "#x0000"]),
    "half of a character": (_yaml('title: "\\ud800"\n'), ["f.yaml", "line 1", "surrogate"]),
    "tabs for blanks": (_yaml("a:\n\tb: 1\n"), ["f.yaml", "line 2"]),
    "a bracket without end": (_yaml("a: [1, 2\nb: 3\n"), ["f.yaml", "line 2"]),
    "brackets without end": (_yaml("a: " + "[" * 5000), ["f.yaml", "50 deep"]),
    "keys within keys without end": (
        _yaml("\n".join(" " * i + "a:" for i in range(2000))),
        ["f.yaml", "50 deep"],
    ),
    "a key twice": (_study("seed: 1", "seed: 1\nseed: 2"), ["f.yaml", "line 4", "'seed'", "twice"]),
    "a key twice, deep": (_study("{sd: 1}", "{sd: 1, sd: 2}"), ["f.yaml", "'sd'", "twice"]),
    "aliases that grow without end": (_yaml(LAUGHS + STUDY), ["f.yaml", "100000 values", "line 6"]),
    "aliases that grow in a value": (
        _study("seed: 1", "seed: &i [" + "[" * 6 + "x" + "]" * 6 + "]\nchunk: *i"),
        ["f.yaml", "`seed`", "whole number"],
    ),
    "an alias within itself": (_study("seed: 1", "seed: &s [*s]"), ["f.yaml", "line 3", "alias"]),
    "an alias of nothing": (_study("seed: 1", "seed: *s"), ["f.yaml", "line 3", "'s'"]),
    "a merge key": (_study("seed: 1", "<<: {seed: 1}"), ["f.yaml", "line 3", "merge"]),
    "a list as key": (_yaml("? [1, 2]\n: 3\n"), ["f.yaml", "line 1", "unhashable"]),
    "a tag of Python": (
        _study("seed: 1", 'seed: !!python/object/apply:os.system ["touch mark"]'),
        ["f.yaml", "line 3", "python/object"],
    ),
    "a tag of Python's names": (_study("seed: 1", "seed: !!python/name:os.system"), ["line 3"]),
    "a tag of one's own": (_study("seed: 1", "seed: !mine 3"), ["f.yaml", "line 3", "!mine"]),
    "a date that is none": (_study("seed: 1", "seed: 2024-13-45"), ["line 3", "'2024-13-45'"]),
    "a whole number of 5,000 digits": (_study("seed: 1", "seed: " + "9" * 5000), ["line 3", "999"]),
    "a number that is none": (_study("seed: 1", "seed: !!int x"), ["line 3", "'x'", "int"]),
    "a truth value that is none": (_study("seed: 1", "seed: !!bool x"), ["line 3", "'x'", "bool"]),
    "an unknown key": (_study("seed: 1", "sead: 1"), ["f.yaml", "'sead'", "'seed'"]),
    "a key left out": (_study("seed: 1\n", ""), ["f.yaml", "'seed'", "missing"]),
    "a text for a number": (_study("replicates: 2", "replicates: two"), ["`replicates`", "'two'"]),
    "a truth value for a number": (_study("replicates: 2", "replicates: yes"), ["`replicates`"]),
    "a fraction of replicates": (_study("replicates: 2", "replicates: 2.5"), ["`replicates`"]),
    "no replicates": (_study("replicates: 2", "replicates: 0"), ["`replicates`", "1 or more"]),
    "wrong under a number and under a name": (
        _study("x: 0.5, z: 1", "x: 0.5, z: null, 3: null"),
        ["f.yaml", "line 15", "found 3"],
    ),
    "a number for a name": (_study("unweighted: {}", "3: {}"), ["f.yaml", "3", "text"]),
    "a seed below zero": (_study("seed: 1", "seed: -1"), ["`seed`"]),
    "a number without end": (
        _study("strength: 0.5", "strength: .inf"),
        ["f.yaml", "line 5", "finite"],
    ),
    "a formula that is none": (_study("y ~ x + z", "y ~ x )"), ["f.yaml", "y ~ x )"]),
    "a column that is not drawn": (_study("y ~ x + z", "y ~ x + q"), ["f.yaml", "q"]),
    "an expression that calls": (_study('"mean(x)"', '"open(x)"'), ["f.yaml", "open"]),
    "an expression of an attribute": (_study('"mean(x)"', '"x.__class__"'), ["f.yaml"]),
    "an unknown design": (_study("method: srs", "method: best"), ["f.yaml", "'best'", "srs"]),
    "a level that is not there": (_study("level: school", "level: town"), ["f.yaml", "town"]),
    "an analysis without a name": (_study("unweighted: {}", '"": {}'), ["f.yaml", "analyses"]),
    "a name that climbs": (_study("unweighted: {}", "../x: {}"), ["f.yaml", "'../x'"]),
    "a case of a study": (_yaml(STUDY, "case"), ["f.yaml", "unknown keys"]),
    "a case under another name": (_changed("case", ""), ["f.yaml", "`case`", "file's name"]),
    "a case with a key too many": (_changed("case", "colour: red\n"), ["f.yaml", "'colour'"]),
    "a case with a key twice": (_changed("case", "case: x\n"), ["f.yaml", "'case'", "twice"]),
    "a bench with a key too many": (_changed("bench", "colour: red\n"), ["f.yaml", "'colour'"]),
    "tolerances with a key too many": (_changed("tolerances", "colour: 1\n"), ["'colour'"]),
    "a divergence with a key too many": (_changed("divergence", "colour: 1\n"), ["'colour'"]),
    "a divergence under another name": (_changed("divergence", ""), ["f.yaml", "offset"]),
}


@cache
def fitted_text() -> str:
    """A fitted model as JSON."""
    from wemix_ref import mix

    return mix(FORMULA, good_data(), WEIGHTS).to_json()


def _model(change: Callable[[dict[str, Any]], object], sign: bool = True) -> Callable[[Path], Act]:
    def make(_folder: Path) -> Act:
        record = json.loads(fitted_text())
        change(record)
        if sign:
            del record["sha256"]
            plain = json.dumps(record, sort_keys=True, separators=(",", ":"))
            record["sha256"] = hashlib.sha256(plain.encode("ascii")).hexdigest()
        return _from_json(json.dumps(record))(_folder)

    return make


def _from_json(content: str | bytes | None) -> Callable[[Path], Act]:
    def make(folder: Path) -> Act:
        from wemix_ref import FittedModel

        path = folder / "fit.json"
        if content is not None:
            _written(folder, "fit.json", content)
        return lambda: FittedModel.from_json(path)

    return make


def _record(kind: str, content: str | bytes | None) -> Callable[[Path], Act]:
    def make(folder: Path) -> Act:
        from wemix_ref.engines.record import read_record
        from wemix_ref.engines.recorded import read_recorded
        from wemix_ref.reliability.record import read_record as read_run

        readers = {"fit record": read_record, "recorded": read_recorded, "run": read_run}
        path = folder / "r.json"
        if content is not None:
            _written(folder, "r.json", content)
        return lambda: readers[kind](path)

    return make


def _recorded(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], Act]:
    def make(folder: Path) -> Act:
        answer = json.loads(shipped("recorded"))
        change(answer)
        return _record("recorded", json.dumps(answer))(folder)

    return make


_RECORDS: dict[str, tuple[Callable[[Path], Act], list[str]]] = {
    "no fitted model": (_from_json(None), ["fit.json", "No such file"]),
    "a fitted model in UTF-16": (_from_json(b"\xff\xfe{\0"), ["fit.json", "utf-8"]),
    "a fitted model cut off": (
        lambda folder: _from_json(fitted_text()[: len(fitted_text()) // 2])(folder),
        ["cut off"],
    ),
    "a fitted model nested without end": (_from_json("[" * 100_000), ["not JSON"]),
    "a fitted model with a number beyond a double": (
        lambda folder: _from_json(fitted_text().replace('"llf": ', '"llf": 1e999, "q": '))(folder),
        ["1e999", "double"],
    ),
    "a fitted model of a later version": (
        _model(lambda r: r.update(schema="wemix-ref/fitted-model/2")),
        ["version 2", "later wemix_ref"],
    ),
    "a fitted model that is something else": (_from_json('{"schema": "x"}'), ["'x'"]),
    "a fitted model changed afterwards": (
        _model(lambda r: r["theta"]["values"].__setitem__(0, 0.9), sign=False),
        ["checksum", "Fit again"],
    ),
    "a fitted model forged": (
        _model(lambda r: r["theta"]["values"].__setitem__(0, 0.9)),
        ["deviance", "Fit again"],
    ),
    "a fitted model with code for a formula": (
        _model(lambda r: r["model"].update(formula="y ~ system('touch mark') + (1|g)")),
        ["system"],
    ),
    "a fitted model of rows without end": (
        _model(lambda r: r["data"].update(index={"type": "range", "start": 0, "stop": 10**12,
                                                 "step": 1, "name": None})),
        ["values, the index"],
    ),
    "a fitted model without data": (_model(lambda r: r.pop("data")), ["lacks 'data'"]),
}  # fmt: skip

for _kind, _what in (("fit record", "a fit record"), ("recorded", "a recorded answer"),
                     ("run", "the record of a run")):  # fmt: skip
    _RECORDS |= {
        f"no file of {_what}": (_record(_kind, None), ["r.json", _what, "No such file"]),
        f"{_what} that is empty": (_record(_kind, ""), ["r.json", "JSON"]),
        f"{_what} cut off": (_record(_kind, '{"schema": "wemix'), ["r.json", "JSON", "char"]),
        f"{_what} that is a list": (_record(_kind, "[]"), ["r.json", _what, "list"]),
        f"{_what} with NaN": (_record(_kind, '{"a": NaN}'), ["r.json", "NaN"]),
        f"{_what} with a number beyond a double": (
            _record(_kind, '{"a": 1e999}'),
            ["r.json", "1e999"],
        ),
        f"{_what} with a name twice": (_record(_kind, '{"a": 1, "a": 2}'), ["r.json", "'a'"]),
        f"{_what} nested without end": (_record(_kind, "[" * 99_999), ["r.json", "100 deep"]),
        f"{_what} nested deep": (
            _record(_kind, '{"a":' * 500 + "1" + "}" * 500),
            ["r.json", "100 deep"],
        ),
        f"{_what} that is no text": (_record(_kind, os.urandom(64) + b"\xff"), ["r.json"]),
        f"{_what} of a later version": (
            _record(_kind, '{"schema": "wemix-ref/recorded/99"}'),
            ["r.json", "schema"],
        ),
    }
_RECORDS |= {
    "a recorded answer without its point": (_recorded(lambda r: r.pop("point")), ["point"]),
    "a recorded answer with a number for a point": (
        _recorded(lambda r: r.update(point=3)),
        ["r.json", "point"],
    ),
    "a recorded answer without its model": (_recorded(lambda r: r.update(model=[])), ["model"]),
    "a recorded answer by nobody": (_recorded(lambda r: r.update(computed_by={})), ["computed_by"]),
    "a recorded answer of no data": (_recorded(lambda r: r["data"].clear()), ["data"]),
}


def _all(door: str, listed: dict[str, tuple[Callable[[Path], Act], list[str]]]) -> tuple[Bad, ...]:
    return tuple(Bad(door, name, make, tuple(words)) for name, (make, words) in listed.items())


CSV = _all("CSV and parquet", _CSV)
YAML = _all("YAML", _YAML)
RECORDS = _all("records", _RECORDS)
