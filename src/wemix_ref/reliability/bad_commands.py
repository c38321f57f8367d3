"""Bad command lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wemix_ref.reliability.bad_files import STUDY, shipped
from wemix_ref.reliability.bad_frames import FORMULA, good_data
from wemix_ref.reliability.door import Act, Bad

__all__ = ["COMMANDS"]

_FIT = ["fit", "d.csv", "--formula", FORMULA]
_WEIGHTS = ["--weights", "w1", "w2", "w3"]
_HUNT = ["hunt", "--engine", "python"]


def _given(*words: str) -> Callable[[Path], Act]:
    """Words, beside a data file, a study and a directory that are good."""

    def make(folder: Path) -> Act:
        good_data().to_csv(folder / "d.csv", index=False)
        (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
        (folder / "dyestuff.yaml").write_text(shipped("case"), encoding="utf-8")
        (folder / "place").mkdir()
        return list(words)

    return make


def _study(old: str, new: str) -> Callable[[Path], Act]:
    """A sample of the good study with one change."""
    if old not in STUDY:
        raise ValueError(f"{old!r} must be in the study that is changed")

    def make(folder: Path) -> Act:
        (folder / "study.yaml").write_text(STUDY.replace(old, new, 1), encoding="utf-8")
        return ["study", "sample", "study.yaml"]

    return make


_LISTED: dict[str, tuple[Callable[[Path], Act], list[str]]] = {
    "nothing": (_given(), ["usage", "COMMAND"]),
    "an unknown command": (_given("sing"), ["'sing'"]),
    "an unknown option": (_given(*_FIT, "--colour"), ["--colour"]),
    "no data": (_given("fit", "--formula", FORMULA), ["data"]),
    "no formula": (_given("fit", "d.csv"), ["--formula"]),
    "an empty formula": (_given("fit", "d.csv", "--formula", ""), ["empty"]),
    "a formula without its end": (_given("fit", "d.csv", "--formula", "y ~ (1|g"), ["'(1|g'"]),
    "a formula that calls the system": (
        _given("fit", "d.csv", "--formula", "y ~ system('touch mark') + (1|g)"),
        ["system"],
    ),
    "a formula of half characters": (
        _given("fit", "d.csv", "--formula", "y ~ `\udcff` + (1|g)"),
        ["column of the data"],
    ),
    "an unknown recipe": (_given(*_FIT, "--se", "best"), ["--se", "'best'"]),
    "an unknown scaling": (_given(*_FIT, *_WEIGHTS, "--scale", "best"), ["scale", "'best'"]),
    "use that is neither yes nor no": (_given(*_FIT, "--use", "maybe"), ["--use", "'maybe'"]),
    "an unknown weight": (_given(*_FIT, "--weights", "w1", "w2", "w9"), ["'w9'"]),
    "too few weights": (_given(*_FIT, "--weights", "w1"), ["3 in all"]),
    "weights of commas": (_given(*_FIT, "--weights", ",,"), ["weights", "at least one"]),
    "REML with weights": (_given(*_FIT, *_WEIGHTS, "--reml"), ["REML"]),
    "conditional without weights": (_given(*_FIT, "--conditional"), ["conditional_weights"]),
    "centring without a group": (_given(*_FIT, "--center-group", "~x"), ["--center-group", "'~x'"]),
    "centring by two texts": (
        _given(*_FIT, "--center-group", "g=~x", "--center-group", "g=~w1"),
        ["--center-group", "'g'", "~w1"],
    ),
    "centring by code": (
        _given(*_FIT, "--center-grand", "~I(system('touch mark'))"),
        ["system"],
    ),
    "JSON into a directory": (_given(*_FIT, "--json", "place"), ["--json", "'place'"]),
    "JSON below a file": (_given(*_FIT, "--json", "d.csv/x"), ["--json", "d.csv/x"]),
    "JSON over the data": (_given(*_FIT, "--json", "d.csv"), ["--json", "d.csv"]),
    "JSON under a name with a NUL": (_given(*_FIT, "--json", "a\0b"), ["--json", "null byte"]),
    "JSON under too long a name": (_given(*_FIT, "--json", "x" * 300), ["--json", "too long"]),
    "JSON and HTML into one file": (
        _given(*_FIT, "--json", "one", "--html", "./one"),
        ["--json", "--html", "one"],
    ),
    "JSON and HTML to the terminal": (_given(*_FIT, "--json", "--html"), ["--json", "--html"]),
    "JSON where nothing can be written": (
        _given(*_FIT, "--json", "/proc/1/x"),
        ["--json", "/proc"],
    ),
    "a fit of a study": (_given("fit", "study.yaml", "--formula", "y ~ (1|g)"), ["study.yaml"]),
    "a comparison of nothing": (_given("compare", "no.yaml"), ["no.yaml", "No such"]),
    "a comparison of a directory": (_given("compare", "place"), ["place", "directory"]),
    "a comparison of data": (_given("compare", "d.csv"), ["d.csv", "mapping of keys"]),
    "a comparison of a study": (_given("compare", "study.yaml"), ["study.yaml", "unknown keys"]),
    "no time": (_given("compare", "dyestuff.yaml", "--time-limit", "0"), ["--time-limit", "'0'"]),
    "time below zero": (_given("compare", "dyestuff.yaml", "--time-limit=-1"), ["'-1'"]),
    "time that is no number": (_given("compare", "d.yaml", "--time-limit", "nan"), ["'nan'"]),
    "time without end": (_given("study", "plan", "study.yaml", "--seconds", "inf"), ["'inf'"]),
    "time that is a text": (_given("study", "plan", "study.yaml", "--seconds", "long"), ["'long'"]),
    "study without a command": (_given("study"), ["COMMAND"]),
    "a plan of nothing": (_given("study", "plan", "no.yaml"), ["no.yaml", "No such"]),
    "a plan of data": (_given("study", "plan", "d.csv"), ["d.csv", "mapping of keys"]),
    "a small version that is not there": (
        _given("study", "plan", "study.yaml", "--small"),
        ["study.yaml", "`small`"],
    ),
    "an unknown scenario": (
        _given("study", "sample", "study.yaml", "--scenario", "q"),
        ["study.yaml", "'q'"],
    ),
    "a replicate below zero": (
        _given("study", "sample", "study.yaml", "--replicate=-1"),
        ["--replicate", "-1"],
    ),
    "a replicate that is a fraction": (
        _given("study", "sample", "study.yaml", "--replicate", "1.5"),
        ["--replicate", "'1.5'"],
    ),
    "a study of residuals too large to be squared": (
        _study("residual: {sd: 1.5}", "residual: {sd: 1e308}"),
        ["study.yaml", "replicate 0", "`e`", "1e+140"],
    ),
    "a study of coefficients too large to be squared": (
        _study("z: 1}", "z: 1.0e+200}"),
        ["study.yaml", "replicate 0", "`y`", "1e+140"],
    ),
    "a sample into a directory": (
        _given("study", "sample", "study.yaml", "--output", "place"),
        ["--output", "place"],
    ),
    "a sample below a file": (
        _given("study", "sample", "study.yaml", "--output", "d.csv/x"),
        ["--output", "d.csv"],
    ),
    "an unknown divergence": (_given("divergences", "--id", "q"), ["--id", "'q'"]),
    "divergences recorded without R": (_given("divergences", "--record"), ["--live"]),
    "pages into a file": (
        _given("divergences", "--id", "offset", "--pages", "d.csv"),
        ["--pages", "d.csv"],
    ),
    "a hunt without an engine": (_given("hunt"), ["--engine"]),
    "a hunt by an unknown engine": (_given("hunt", "--engine", "sas"), ["--engine", "'sas'"]),
    "a hunt of nothing": (_given(*_HUNT, "--n", "0"), ["n 0"]),
    "a hunt of a fraction": (_given(*_HUNT, "--n", "1.5"), ["--n", "'1.5'"]),
    "a hunt from below zero": (_given(*_HUNT, "--n", "1", "--seed=-1"), ["seed -1"]),
    "a hunt without processes": (_given(*_HUNT, "--n", "1", "--jobs", "0"), ["jobs 0"]),
    "a hunt filed in a file": (_given(*_HUNT, "--n", "1", "--out", "d.csv"), ["--out", "d.csv"]),
    "references without a command": (_given("references"), ["COMMAND"]),
    "references of nowhere": (_given("references", "check", "no"), ["no", "directories"]),
    "references of an empty place": (_given("references", "check", "place"), ["place", "record"]),
    "references of an unknown case": (
        _given("references", "record", "place", "--case", "q"),
        ["--case", "'q'"],
    ),
    "references into a file": (_given("references", "record", "d.csv"), ["d.csv", "directory"]),
    "references of cases of nowhere": (
        _given("references", "record", "place", "--cases", "no"),
        ["no", "case file"],
    ),
    "an unknown part": (_given("reliability", "luck"), ["'luck'"]),
    "none of a part": (_given("reliability", "input", "--n", "0"), ["--n", "0"]),
    "a part from below zero": (_given("reliability", "input", "--seed=-1"), ["--seed", "-1"]),
    "a part recorded in a file": (
        _given("reliability", "input", "--out", "d.csv"),
        ["--out", "d.csv"],
    ),
}

#: Every bad command line.
COMMANDS = tuple(
    Bad("command line", name, make, tuple(words)) for name, (make, words) in _LISTED.items()
)
