"""The installed package where nothing else is: its fits, its commands, what it says is missing."""

from __future__ import annotations

import json
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wemix_ref.extras import EXTRAS
from wemix_ref.reliability.packaging_checks import Checks, Done, call, find_uv, must
from wemix_ref.reliability.packaging_programs import FIT, IMPORTS, PLOT, REFUSED, STUDY, example_csv

__all__ = ["Home", "check_installed", "check_workbench", "install", "without_extras"]

#: Packages that an installation without extras does not bring.
_ABSENT = sorted(EXTRAS)

#: Runs ``python``'s words with a directory first and packages out of reach.
_LAUNCHER = """
import runpy, sys
from importlib.machinery import PathFinder

class Finder(PathFinder):
    nowhere = set(sys.argv[1].split(","))
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        hidden = name.partition(".")[0] in cls.nowhere
        return None if hidden else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
sys.path.insert(0, sys.argv[2])
sys.argv = sys.argv[3:]
if sys.argv[0] == "-m":
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
else:
    runpy.run_path(sys.argv[0], run_name="__main__")
"""

#: Commands, what they lack without extras, and so what they must name.
_LACKING = (
    (("study", "plan", "study.yaml"), "workbench"),
    (("verify", "results"), "workbench"),
    (("fit", "data.parquet", "--formula", "y ~ x + (1|school)"), "workbench"),
    (("hunt", "--engine", "lme4", "--n", "1"), "r"),
    (("hunt", "--engine", "statsmodels", "--n", "1"), "statsmodels"),
    (("reliability", "numbers", "--n", "1"), "dev"),
)
#: Commands that work on files of the checkout.
_CHECKOUT = (
    ("cases",), ("compare", "three-level-school.yaml"), ("divergences",), ("study", "list"),
    ("references", "check"), ("reliability", "packaging"), ("reliability", "page"),
    ("reliability", "input"), ("reliability", "faults"),
)  # fmt: skip
_MODEL = ("--formula", "y ~ x + (1|school/class)", "--weights", "w1", "w2", "w3")


@dataclass(frozen=True)
class Home:
    """An empty home, a directory to work in, and the words that start the Python to be tried.

    Attributes
    ----------
    place : where all this is.
    start : the words before Python's own arguments.
    command : the words of the command ``wemix-ref``.
    where : the package must have been imported from below it.
    """

    place: Path
    start: tuple[str, ...]
    command: tuple[str, ...]
    where: Path

    def run(self, *words: str | Path, fails: bool = False) -> Done:
        """Run Python there."""
        return self._call(self.start, words, fails)

    def wemix_ref(self, *words: str | Path, fails: bool = False) -> Done:
        """Run the command there."""
        return self._call(self.command, words, fails)

    def program(self, name: str, text: str, *words: str) -> Any:  # noqa: ANN401
        """Run a program on the data, with more words; return what it printed."""
        (self.place / f"{name}.py").write_text(text, encoding="utf-8")
        done = self.run(self.place / f"{name}.py", "data.csv", *words)
        return json.loads(done.out)

    def _call(self, start: tuple[str, ...], words: tuple[str | Path, ...], fails: bool) -> Done:
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.place / "home"),
            "LANG": "C.UTF-8",
            "OPENBLAS_NUM_THREADS": "1",
        }
        return call([*start, *words], self.place / "work", environment, limit=300, fails=fails)


def _furnish(place: Path) -> None:
    for name in ("home", "work"):
        (place / name).mkdir(parents=True)
    (place / "work" / "data.csv").write_text(example_csv(), encoding="utf-8")
    (place / "work" / "data.parquet").write_bytes(b"PAR1")
    (place / "work" / "study.yaml").write_text(STUDY, encoding="utf-8")


def install(archive: Path, place: Path, python: str, constraint: Path, *extras: str) -> Home:
    """Make an environment with a wheel or an sdist, what it needs, and nothing else.

    Parameters
    ----------
    archive : what is installed.
    place : a directory for the environment and its home; it is made.
    python : the interpreter.
    constraint : versions for what an sdist is built with.
    extras : that are installed with it.
    """
    uv, environment = find_uv(), place / "env"
    _furnish(place)
    call([uv, "venv", "--quiet", "--no-project", "--python", python, environment], place)
    wanted = f"{archive}[{','.join(extras)}]" if extras else str(archive)
    words = [
        "pip",
        "install",
        "--quiet",
        "--no-config",
        "--python",
        str(environment / "bin/python"),
    ]
    # what was built before for another tree is not taken
    words += ["--build-constraint", str(constraint), "--refresh-package", "wemix-ref"]
    call([uv, *words, wanted], place)
    return Home(
        place,
        (str(environment / "bin/python"), "-I"),
        (str(environment / "bin/wemix-ref"),),
        environment,
    )


def without_extras(wheel: Path, place: Path, absent: Sequence[str] = _ABSENT) -> Home:
    """Unpack a wheel and run it by this interpreter, with packages out of reach: all of extras."""
    _furnish(place)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place / "site")
    launcher = place / "launcher.py"
    launcher.write_text(_LAUNCHER, encoding="utf-8")
    start = (sys.executable, "-I", str(launcher), ",".join(absent), str(place / "site"))
    return Home(place, start, (*start, "-m", "wemix_ref"), place / "site")


def check_installed(checks: Checks, subject: str, home: Home) -> None:
    """Check an installation without extras: its modules, fits, commands and messages."""
    for what, look in (
        ("modules that are imported", _modules),
        ("a weighted model of three levels, each recipe", _fits),
        ("commands", _commands),
        ("a missing extra is named", _lacking),
        ("what needs a checkout says so", _needs_checkout),
        ("nothing is left behind", _left_behind),
    ):
        checks.run(subject, what, lambda look=look: look(home))  # type: ignore[misc]


def check_workbench(checks: Checks, subject: str, home: Home) -> None:
    """Check an installation with the extra ``workbench``, but no checkout: its schemas."""

    def look() -> str:
        rows = home.wemix_ref("study", "sample", "study.yaml").out.splitlines()
        must(rows[0].endswith("weight.school,weight.student"), f"no sample was written: {rows[:1]}")
        place = home.place / "work" / "wrong.yaml"
        place.write_text(STUDY.replace("replicates", "replicate"), encoding="utf-8")
        done = home.wemix_ref("study", "sample", "wrong.yaml", fails=True)
        must(done.code == 2, f"a wrong key ended with code {done.code}: {done.last}")
        must("replicate" in done.error, f"a wrong key is not named: {done.last}")
        return f"{len(rows) - 1} rows of a sample; a wrong key is named"

    checks.run(subject, "a study is checked and sampled", look)


def _modules(home: Home) -> str:
    found = home.program("imports", IMPORTS)
    must(not found["wrong"], f"modules do not load: {found['wrong']}")
    strange = {n: m for n, m in found["missing"].items() if m.partition(".")[0] not in EXTRAS}
    must(not strange, f"modules need what no extra brings: {strange}")
    lacking = sorted({name.partition(".")[0] for name in found["missing"].values()})
    return (
        f"{found['good']} load; {len(found['missing'])} need a package of an extra: "
        f"{', '.join(lacking)}"
    )


def _fits(home: Home) -> str:
    found = home.program("fit", FIT)
    place = Path(found["file"]).resolve()
    must(place.is_relative_to(home.where.resolve()), f"another package was loaded: {place}")
    told = found["told"]
    must(told.pop("converged"), "the fit did not converge")
    gap = max(_gap(told[name], value) for name, value in _told_here().items())
    must(gap < 1e-7, f"numbers differ from those of the checkout by {gap:.1e}")
    recipes = sum(name.startswith("se ") for name in told)
    return f"{recipes} recipes; largest relative gap to the checkout's numbers {gap:.1e}"


def _told_here() -> Mapping[str, Any]:
    """The same program in this checkout, by this interpreter."""
    source = str(Path(__file__).resolve().parents[2])
    with tempfile.TemporaryDirectory(prefix="wemix-ref-here-") as place:
        work = Path(place)
        (work / "fit.py").write_text(FIT, encoding="utf-8")
        (work / "data.csv").write_text(example_csv(), encoding="utf-8")
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": source, "WEMIX_REF_NUMBA": "0"}
        done = call([sys.executable, "fit.py", "data.csv"], work, environment, limit=300)
    told = json.loads(done.out)["told"]
    del told["converged"]
    return dict(told)


def _gap(one: Any, other: Any) -> float:  # noqa: ANN401
    pairs = zip(one, other, strict=True) if isinstance(one, list) else [(one, other)]
    return max(abs(a - b) / max(abs(b), 1e-300) for a, b in pairs)


def _commands(home: Home) -> str:
    calls = [
        ("--help",), ("--version",), ("engines",),
        ("fit", "data.csv", *_MODEL, "--json", "fit.json", "--html", "fit.html"),
    ]  # fmt: skip
    printed = {words: home.wemix_ref(*words).out for words in calls}
    must("usage: wemix-ref" in printed[("--help",)], "--help shows no usage")
    must("school" in printed[calls[-1]], "no fit is printed")
    for name in ("fit.json", "fit.html"):
        must((home.place / "work" / name).stat().st_size > 1000, f"{name} is empty")
    module = home.run("-m", "wemix_ref", "--version").out
    must(module == printed[("--version",)], "python -m wemix_ref gives another version")
    return f"{len(calls)} calls, and python -m wemix_ref: {module.strip()}"


def _refused(home: Home, commands: Mapping[tuple[str, ...], str]) -> None:
    """Each command must end with code 2 and one line that has the words."""
    told = home.program("refused", REFUSED, json.dumps([list(words) for words in commands]))
    for (words, wanted), (code, lines) in zip(commands.items(), told, strict=True):
        command = " ".join(words)
        must(code == 2, f"{command}: code {code} and not 2: {lines[-1:]}")
        must(len(lines) == 1, f"{command}: {len(lines)} lines and not one: {lines[-1:]}")
        must(wanted in lines[0], f"{command}: the message lacks {wanted!r}: {lines[0]}")


def _lacking(home: Home) -> str:
    _refused(home, {words: f"'wemix-ref[{extra}]'" for words, extra in _LACKING})
    told = home.program("plot", PLOT)["told"]
    must("'wemix-ref[workbench]'" in told, f"a picture: the message lacks the extra: {told}")
    return f"{len(_LACKING)} commands and a picture; numba is not missed: the fits went without it"


def _needs_checkout(home: Home) -> str:
    _refused(home, dict.fromkeys(_CHECKOUT, "In a checkout call ./workbench setup"))
    return f"{len(_CHECKOUT)} commands"


def _left_behind(home: Home) -> str:
    work = sorted(path.name for path in (home.place / "work").iterdir())
    wanted = ["data.csv", "data.parquet", "fit.html", "fit.json", "study.yaml"]
    must(work == wanted, f"files that nobody asked for: {sorted(set(work) - set(wanted))}")
    own = [p for p in (home.place / "home").rglob("*") if p.is_file()]
    must(not own, f"files in the user's home: {[str(p) for p in own[:3]]}")
    return f"in the working directory {len(work)} files, all asked for; in the home none"
