"""The documentation: every example runs, every test, file and page that it names is there."""

from __future__ import annotations

import ast
import doctest
import os
import re
import shlex
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import pytest

from tests.identities.conftest import simulate
from wemix_ref.cli import main

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
ALL = [README, *PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]

# Pages whose examples need a package that is optional.
NEEDS = {"test-bed.md": "statsmodels"}

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
_CODE = re.compile(r"`([^`\n]+)`")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def fences(path: Path) -> list[tuple[str, str, int]]:
    """Language, text and line of every fenced block."""
    text = path.read_text(encoding="utf-8")
    return [(m[1], m[2], text[: m.start(2)].count("\n")) for m in _FENCE.finditer(text)]


def prose(path: Path) -> str:
    return _FENCE.sub("", path.read_text(encoding="utf-8"))


def python_blocks(path: Path) -> list[tuple[str, int]]:
    return [(text, line) for language, text, line in fences(path) if language == "python"]


def test_there_is_documentation() -> None:
    assert len(PAGES) >= 11
    assert all(path.is_file() for path in ALL)
    assert python_blocks(README)


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_fences_are_closed_and_nothing_is_left_out(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n```") % 2 == 0
    assert "doctest: +SKIP" not in text
    assert ">>>" not in prose(path), "an example outside a ```python block would not be run"
    for language, block, line in fences(path):
        assert language, f"{path.name}:{line}: a block without a language"
        assert language == "python" or ">>>" not in block, f"{path.name}:{line}"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_examples_of_a_page_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if path.name in NEEDS:
        pytest.importorskip(NEEDS[path.name], reason=f"the page shows {NEEDS[path.name]}")
    monkeypatch.chdir(ROOT)
    parser = doctest.DocTestParser()
    examples: list[doctest.Example] = []
    for block, line in python_blocks(path):
        assert block.startswith(">>> "), f"{path.name}:{line}: a python block must be an example"
        found = parser.get_examples(block)
        assert found
        for example in found:
            assert not example.options, f"{path.name}:{line}: options of doctest hide differences"
            example.lineno += line
        examples += found
    if not examples:
        assert ">>>" not in path.read_text(encoding="utf-8")
        return
    page = doctest.DocTest(examples, {"__name__": "docs"}, path.name, str(path), 0, None)
    log: list[str] = []
    runner = doctest.DocTestRunner()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a page shows the warnings that its examples give
        result = runner.run(page, out=log.append)
    assert result.attempted == len(examples)
    assert result.failed == 0, "".join(log)


R_BLOCKS = [
    pytest.param(text, id=f"{path.name}:{line}")
    for path in PAGES
    for language, text, line in fences(path)
    if language == "r"
]


@pytest.mark.live_r
@pytest.mark.parametrize("block", R_BLOCKS)
def test_r_prints_what_a_page_says(block: str, tmp_path: Path) -> None:
    code = [line for line in block.splitlines() if not line.startswith("#> ")]
    expected = [line[3:] for line in block.splitlines() if line.startswith("#> ")]
    assert expected, "an R block without output shows nothing"
    script = tmp_path / "block.R"
    script.write_text("\n".join(code) + "\n", encoding="utf-8")
    run = subprocess.run(
        ["R", "--no-echo", "--no-save", "--no-restore", f"--file={script}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    assert run.returncode == 0, run.stderr
    assert [line.rstrip() for line in run.stdout.splitlines()] == expected


CONSOLE_BLOCKS = [
    pytest.param(text, id=f"{path.name}:{line}")
    for path in PAGES
    for language, text, line in fences(path)
    if language == "console"
]


@pytest.mark.parametrize("block", CONSOLE_BLOCKS)
def test_the_shell_prints_what_a_page_says(block: str) -> None:
    first, *expected = block.splitlines()
    prompt, program, *arguments = shlex.split(first)
    assert (prompt, program) == ("$", "wemix-ref")
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "from wemix_ref.cli import main; raise SystemExit(main())",
            *arguments,
        ],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    assert [line.rstrip() for line in run.stdout.rstrip().splitlines()] == expected


def test_examples_are_there_to_be_run() -> None:
    counts = {path.name: sum(b.count(">>> ") for b, _ in python_blocks(path)) for path in PAGES}
    for page in ("equations.md", "formulas.md", "standard-errors.md", "divergences.md"):
        assert counts[page] >= 5
    assert R_BLOCKS
    assert CONSOLE_BLOCKS


def test_the_code_of_the_readme_runs_on_a_csv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its names: y, x, class in school, a weight for each level."""
    data = simulate(5, n_top=16)
    names = {"g3": "school", "g2": "class", "w1": "w_student", "w2": "w_class", "w3": "w_school"}
    data.rename(columns=names).to_csv(tmp_path / "my.csv", index=False)
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"theta": [0.5, 0.4]}
    for block, _ in python_blocks(README):
        assert ">>>" not in block
        exec(compile(ast.parse(block), str(README), "exec"), namespace)  # noqa: S102
    fit = namespace["fit"]
    assert fit.converged  # type: ignore[attr-defined]
    assert fit.weighted  # type: ignore[attr-defined]


def test_the_fits_that_shell_blocks_show_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Blocks that show no output; the files have the columns that they name."""
    names = {"g3": "school", "g2": "class", "w1": "w_student", "w2": "w_class", "w3": "w_school"}
    data = simulate(5, n_top=16).rename(columns=names)
    data.to_csv(tmp_path / "my.csv", index=False)
    data["w_pupil"] = data["w_student"] / data["w_school"]
    data.to_parquet(tmp_path / "pupils.parquet", index=False)
    monkeypatch.chdir(tmp_path)
    lines = [
        line
        for path in (README, ROOT / "docs" / "command-line.md")
        for language, text, _ in fences(path)
        if language == "sh"
        for line in text.replace("\\\n", " ").splitlines()
        if line.startswith("wemix-ref fit")
    ]
    assert len(lines) == 2
    for line in lines:
        assert main(shlex.split(line, comments=True)[1:]) == 0
        assert "converged" in capsys.readouterr().out
    assert {"out.json", "out.html"} < {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    for target in _LINK.findall(prose(path)):
        if re.match(r"https?://|mailto:", target):
            continue
        assert (path.parent / target).exists(), f"{path.name} links to {target}"


def known_tests() -> dict[str, set[str]]:
    found = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        found[path.name] = functions
    return found


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_tests_that_are_named_exist(path: Path) -> None:
    known = known_tests()
    everything = set().union(*known.values())
    for code in _CODE.findall(prose(path)):
        for name in re.findall(r"\btest_\w+(?![\w.])", code.replace(".py", ".PY")):
            assert name in everything or f"{name}.py" in known, f"{path.name} names {name}"


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_files_that_are_named_exist(path: Path) -> None:
    """Paths from the root; a module by its name in the package; results/ is written by a run."""
    tops = ("src/", "config/", "workflow/", "resources/", "tests/", "docs/", ".github/", ".ci/")
    package = ROOT / "src" / "wemix_ref"
    for code in _CODE.findall(prose(path)):
        if code.startswith(tops) and not re.search(r"[<>*{}\s]", code):
            assert (ROOT / code.split("::")[0]).exists(), f"{path.name} names {code}"
        elif re.fullmatch(r"[a-z0-9_/]+\.py", code):
            places = (package / code, ROOT / code)
            assert any(place.exists() for place in places), f"{path.name} names {code}"


def test_every_dependency_has_its_reason() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = pyproject["project"]
    groups = [*project["optional-dependencies"].values(), *pyproject["dependency-groups"].values()]
    lists = [project["dependencies"], *groups]
    named = {re.match(r"[\w-]+", entry)[0] for entries in lists for entry in entries}  # type: ignore[index]
    tables = [
        line
        for line in (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    explained = {name for line in tables for name in _CODE.findall(line.split("|")[1])}
    assert explained == named
