"""Text that would do something if it were evaluated, through every door that takes text.

Each text would leave a mark: a file named ``mark`` in the working directory, or an attribute of
`builtins`.  A door may take the text as what it is, a name or a label, or refuse it by an error of
ours; nothing else may happen, and what is written as HTML or LaTeX holds it escaped.

Cells of the CSV files that this package writes are written as they are, also where they begin with
``=``, ``+``, ``-`` or ``@``: numbers below zero begin so, names must come back as they were, and
what a spreadsheet makes of a file is the spreadsheet's to ask.
"""

from __future__ import annotations

import builtins
import contextlib
import json
import tempfile
import warnings
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd

from wemix_ref.errors import EngineError, OptionError, WemixRefError
from wemix_ref.reliability.bad_files import STUDY, shipped
from wemix_ref.reliability.bad_frames import FORMULA, WEIGHTS, good_data
from wemix_ref.reliability.bad_records import fitted_text
from wemix_ref.reliability.door import SECONDS, TookTooLongError, run_command, snapshot, within
from wemix_ref.reliability.fuzz import signed

__all__ = ["ATTEMPTS", "DOORS", "LIVE_DOORS", "MARK", "attempt"]

#: Name of the file, and of the attribute of `builtins`, that would be left.
MARK = "mark"

#: What is tried, by the language that would evaluate it.
ATTEMPTS: tuple[tuple[str, str], ...] = (
    ("Python", "__import__('os').system('touch mark')"),
    ("Python", "open('mark', 'w')"),
    ("Python", "exec(\"open('mark','w')\")"),
    ("Python", "setattr(__import__('builtins'), 'mark', 1)"),
    ("Python", "[c for c in ().__class__.__base__.__subclasses__()][0]"),
    ("Python", "(lambda: open('mark','w'))()"),
    ("Python", "x.__class__.__init__.__globals__"),
    ("Python", "{open('mark','w')}"),
    ("Python", "{0.__class__}%(x)s%n"),
    ("pandas", "@__import__('os').system('touch mark')"),
    ("pandas", "@pd.io.common.os.popen('touch mark').read()"),
    ("R", "system('touch mark')"),
    ("R", 'base::system("touch mark")'),
    ("R", "file.create('mark')"),
    ("R", "eval(parse(text = \"file.create('mark')\"))"),
    ("R", "(function() file.create('mark'))()"),
    ("R", "x`); file.create('mark'); (`x"),
    ("R", "'); file.create('mark'); ('"),
    ("R", '"); file.create("mark"); ("'),
    ("R", "x\\`); file.create('mark') #"),
    ("R", "g); file.create('mark'); (1|g"),
    ("R", "I({file.create('mark'); x})"),
    ("R", "source('mark.R')"),
    ("R", "`x` <- file.create('mark')"),
    ("R", "x\nfile.create('mark')"),
    ("shell", "; touch mark"),
    ("shell", "$(touch mark)"),
    ("shell", "`touch mark`"),
    ("shell", "| touch mark"),
    ("shell", "x && touch mark"),
    ("YAML", '!!python/object/apply:os.system ["touch mark"]'),
    ("YAML", "x: !!python/object/new:os.system [touch mark]"),
    ("Jinja", "{{ cycler.__init__.__globals__.os.popen('touch mark').read() }}"),
    ("Jinja", "{% import os %}{{ os.system('touch mark') }}"),
    ("HTML", "<script>alert(1)</script>"),
    ("HTML", "\"><img src=x onerror='alert(1)'>&"),
    ("HTML", "</td></table><iframe src='javascript:alert(1)'>"),
    ("LaTeX", r"\immediate\write18{touch mark}"),
    ("LaTeX", r"\input{mark}$^$&%#_~"),
    ("spreadsheet", "=cmd|' /C touch mark'!A0"),
    ("spreadsheet", "@SUM(1+1)*cmd"),
    ("path", "../mark"),
    ("path", "mark\0.csv"),
)

Door = Callable[[str, Path], object]


def _mix(formula: str, data: pd.DataFrame, weights: list[str] | None, **options: Any) -> object:  # noqa: ANN401
    from wemix_ref import FittedModel, mix

    fit = mix(formula, data, weights, **options)
    pages = [fit.summary().html]
    again = FittedModel.from_json(fit.to_json())
    if str(again.summary()) != str(fit.summary()):
        raise AssertionError("written and read, the fit is another one")
    str(fit.random_effects), str(fit.variance_components)
    return pages


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("`", "\\`").replace("\n", "\\n")
    return f"`{escaped}`"


def _levels(text: str) -> pd.DataFrame:
    data = good_data()
    data["a"] = [text if i % 3 else "plain" for i in range(len(data))]
    return data


def _ids(text: str) -> pd.DataFrame:
    data = good_data()
    data["g"] = [f"{text}{i}" if i % 2 else str(i) for i in data["g"]]
    return data


def _signed_model(change: Callable[[dict[str, Any]], object]) -> object:
    from wemix_ref import FittedModel

    record = json.loads(fitted_text())
    change(record)
    return FittedModel.from_json(signed(record))


def _command(text: str, folder: Path) -> object:
    """A file whose header and ids hold the text, fitted by the command line with all outputs."""
    data = _ids(text).rename(columns={"x": text})
    data.to_csv(folder / "d.csv", index=False)
    words = ["fit", "d.csv", "--formula", f"y ~ {_quoted(text)} + (1|g)"]
    return _ran([*words, "--html", "page.html", "--json", "fit.json"], folder)


def _named(text: str, folder: Path) -> object:
    with contextlib.suppress(OSError, ValueError):  # no name that this system has
        good_data().to_csv(folder / text, index=False)
    return _ran(["fit", text, "--formula", FORMULA, "--html", "page.html"], folder)


def _ran(words: list[str], folder: Path) -> object:
    code, _, told = run_command(words)
    if code == 2:
        raise OptionError(told)
    if code not in (0, 1):
        raise AssertionError(f"the command ended with {code}: {told}")
    page = folder / "page.html"
    return [page.read_text(encoding="utf-8")] if page.exists() else None


def _study(old: str) -> Door:
    def door(text: str, folder: Path) -> object:
        from wemix_ref.simulate.draws import Draws
        from wemix_ref.simulate.study import load_study

        path = folder / "study.yaml"
        path.write_text(STUDY.replace(old, json.dumps(text), 1), encoding="utf-8")
        study = load_study(path)
        return Draws(study, study.scenario(next(iter(study.settings)))).draw(0)

    return door


def _raw_yaml(text: str, folder: Path) -> object:
    from wemix_ref.strict_yaml import read_yaml

    path = folder / "raw.yaml"
    path.write_text(f"a: {text}\n", encoding="utf-8")
    return read_yaml(path)


def _case(text: str, folder: Path) -> object:
    from wemix_ref.cases import load_case

    lines = shipped("case").splitlines()
    evil = [f"title: {json.dumps(text)}" if one.startswith("title:") else one for one in lines]
    path = folder / "dyestuff.yaml"
    path.write_text("\n".join(evil), encoding="utf-8")
    return load_case(path).problem()


def _recorded(text: str, folder: Path) -> object:
    from wemix_ref.references.answers import load_references

    answer = json.loads(shipped("recorded"))
    answer["point"]["theta"]["names"] = [text for _ in answer["point"]["theta"]["names"]]
    answer["computed_by"]["formula_given"] = answer["model"]["formula"] = text
    (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")
    return load_references(folder)


def _latex(text: str, _folder: Path) -> object:
    from wemix_ref.report.studies.latex import escape_latex

    escaped = escape_latex(text)
    for command in (r"\immediate", r"\write", r"\input", r"\def"):
        if command in escaped:
            raise AssertionError(f"a command of LaTeX stands in {escaped!r}")
    return None


#: Where text comes in. A door returns pages of HTML, if it makes any.
DOORS: dict[str, Door] = {
    "a formula": lambda text, _: _mix(text, good_data(), None),
    "a formula's term": lambda text, _: _mix(f"y ~ {text} + (1|g)", good_data(), None),
    "a formula's response": lambda text, _: _mix(f"{text} ~ x + (1|g)", good_data(), None),
    "an argument in a formula": lambda text, _: _mix(f"y ~ I({text}) + (1|g)", good_data(), None),
    "a grouping in a formula": lambda text, _: _mix(f"y ~ x + (1|{text})", good_data(), None),
    "a text in a formula": lambda text, _: _mix(
        f"y ~ (a == {json.dumps(text)}) + (1|g)", _levels(text), None
    ),
    "a column's name": lambda text, _: _mix(
        f"y ~ {_quoted(text)} + (1|g)", good_data().rename(columns={"x": text}), None
    ),
    "a group's name": lambda text, _: _mix(
        f"y ~ x + (x|{_quoted(text)})", good_data().rename(columns={"h": text}), None
    ),
    "a response's name": lambda text, _: _mix(
        f"{_quoted(text)} ~ x + (1|g)", good_data().rename(columns={"y": text}), None
    ),
    "a weight's name": lambda text, _: _mix(
        FORMULA, good_data().rename(columns={"w1": text}), [text, "w2", "w3"]
    ),
    "a weight that is no column": lambda text, _: _mix(FORMULA, good_data(), [text, "w2", "w3"]),
    "levels of a factor": lambda text, _: _mix("y ~ a + (1|g)", _levels(text), None),
    "levels of a slope": lambda text, _: _mix("y ~ x + (a|h)", _levels(text), None),
    "ids of groups": lambda text, _: _mix(FORMULA, _ids(text), None),
    "labels of rows": lambda text, _: _mix(
        FORMULA, good_data().set_index(pd.Index([f"{text}{i}" for i in range(40)])), None
    ),
    "a column that is centred": lambda text, _: _mix(
        f"y ~ {_quoted(text)} + (1|g)",
        good_data().rename(columns={"x": text}),
        None,
        center_group={"g": f"~{_quoted(text)}"},
    ),
    "centring": lambda text, _: _mix(FORMULA, good_data(), None, center_grand=text),
    "centring within": lambda text, _: _mix(FORMULA, good_data(), None, center_group={text: "~x"}),
    "a recipe": lambda text, _: _mix(FORMULA, good_data(), WEIGHTS, se=text),
    "a scaling": lambda text, _: _mix(FORMULA, good_data(), WEIGHTS, scale=text),
    "a fitted model's formula": lambda text, _: _signed_model(
        lambda r: r["model"].update(formula=f"y ~ {text} + (1|g)")
    ),
    "a fitted model's theta": lambda text, _: _signed_model(
        lambda r: r["theta"]["names"].__setitem__(0, text)
    ),
    "a fitted model's types": lambda text, _: _signed_model(
        lambda r: r["data"]["columns"][0].update(type=text)
    ),
    "a fitted model's values": lambda text, _: _signed_model(
        lambda r: r["data"]["columns"][0]["values"].__setitem__(0, text)
    ),
    "a file's cells, by the command line": _command,
    "a file's name, by the command line": _named,
    "an output's name, by the command line": lambda text, folder: _ran(
        ["fit", "none.csv", "--formula", FORMULA, "--json", f"{text}/x"], folder
    ),
    "a study's title": _study("A small study"),
    "a study's expression": _study('"mean(x)"'),
    "a study's measure": _study('"exp(strength * u_school)"'),
    "a study's parameter": _study("0.5"),
    "a study's model": _study("y ~ x + z + (1 | school)"),
    "a study's analysis": _study("unweighted"),
    "plain YAML": _raw_yaml,
    "a case's title": _case,
    "a recorded answer": _recorded,
    "a table for LaTeX": _latex,
}


def _r(formula: str, data: pd.DataFrame) -> object:
    from wemix_ref.engines import get_engine
    from wemix_ref.engines.protocol import Problem

    problem = Problem(
        case="injection",
        formula=formula,
        data=data,
        weights=None,
        conditional_weights=False,
        reml=False,
        center_group=None,
        center_grand=None,
        data_sha256="0" * 64,
    )
    record = get_engine("lme4").fit(problem, {}, timeout=60.0).record
    if record["status"] != "ok":
        raise EngineError(record["message"])
    return None


#: Doors to R, which starts for each.
LIVE_DOORS: dict[str, Door] = {
    "a formula's term": lambda text, _: _r(f"y ~ {text} + (1|g)", good_data()),
    "a column's name": lambda text, _: _r(
        f"y ~ {_quoted(text)} + (1|g)", good_data().rename(columns={"x": text})
    ),
    "a group's name": lambda text, _: _r(
        f"y ~ x + (1|{_quoted(text)})", good_data().rename(columns={"h": text})
    ),
    "levels of a factor": lambda text, _: _r("y ~ a + (1|g)", _levels(text)),
    "a text in a formula": lambda text, _: _r(
        f"y ~ (a == {json.dumps(text)}) + (1|g)", _levels(text)
    ),
    "ids of groups": lambda text, _: _r(FORMULA, _ids(text)),
}


class _Tags(HTMLParser):
    """Names of a page's elements, and of their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names |= {tag, *(name for name, _ in attrs)}


_HARMFUL = frozenset({"script", "iframe", "img", "onerror", "onload", "object", "embed", "src"})


def attempt(text: str, door: Door) -> tuple[str, str]:
    """Give a text to a door, in a directory of its own.

    Returns
    -------
    str
        ``taken`` or ``refused``; empty where something went wrong.
    str
        What went wrong; empty where nothing did.
    """
    with tempfile.TemporaryDirectory() as place:
        # the directory above is watched too, for names that climb
        folder = Path(place).resolve() / "below"
        folder.mkdir()
        with contextlib.chdir(folder), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome, wrong = _outcome(text, door, folder)
        left = [name for name in snapshot(folder.parent) if Path(name).name == MARK]
    if left and not (text == "../mark" and wrong == ""):
        return "", f"it left {left[0]}"
    if hasattr(builtins, MARK):
        delattr(builtins, MARK)
        return "", f"it left builtins.{MARK}"
    return outcome, wrong


def _outcome(text: str, door: Door, folder: Path) -> tuple[str, str]:
    try:
        with within(SECONDS * 3):
            pages = door(text, folder)
    except WemixRefError:
        return "refused", ""
    except (Exception, TookTooLongError) as problem:
        return "", f"{type(problem).__name__}: {problem}"[:300]
    for page in pages if isinstance(pages, list) else []:
        if isinstance(page, str) and (found := _Tags(page).names & _HARMFUL):
            return "", f"the page has {sorted(found)[0]!r}"
    return "taken", ""
