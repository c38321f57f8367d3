"""Bad files: CSV and parquet, YAML of cases, studies and measurements."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

from wemix_ref.reliability.bad_frames import good_data
from wemix_ref.reliability.door import Act, listed, written

__all__ = ["CSV", "LAUGHS", "STUDY", "YAML", "shipped"]

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
            str(written(folder, "f", "") / "d.csv"),
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
        path = written(folder, "f.yaml", content)
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
    "minutes and seconds for a number": (
        _study("replicates: 2", "replicates: 1:30"),
        ["f.yaml", "line 4", "found 1:30", "90"],
    ),
    "an octal number": (_study("seed: 1", "seed: 010"), ["f.yaml", "line 3", "found 010", "for 8"]),
    "a binary number": (_study("seed: 1", "seed: 0b101"), ["line 3", "found 0b101", "for 5"]),
    "a hexadecimal number": (_study("seed: 1", "seed: 0x1f"), ["line 3", "found 0x1f", "for 31"]),
    "underscores in a number": (_study("size: 20}", "size: 2_0}"), ["f.yaml", "found 2_0", "20"]),
    "minutes and seconds for a fraction": (
        _study("strength: 0.5", "strength: 0:30.5"),
        ["f.yaml", "line 5", "found 0:30.5", "30.5"],
    ),
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


CSV = listed("CSV and parquet", _CSV)
YAML = listed("YAML", _YAML)
