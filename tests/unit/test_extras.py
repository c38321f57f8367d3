"""Messages about missing packages name an extra that brings them; those about a checkout, it."""

from __future__ import annotations

import ast
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from wemix_ref import places
from wemix_ref.cli import main
from wemix_ref.errors import OptionError
from wemix_ref.extras import EXTRAS, how_to_install

if TYPE_CHECKING:
    from pathlib import Path

#: Names under which packages are imported, where they are not their own.
IMPORTED = {"pyyaml": "yaml"}
#: Modules that come along with another.
ALONG = {"jinja2": "markupsafe"}


def extras(root: Path) -> dict[str, set[str]]:
    """Modules that each extra brings."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    found = {}
    for extra, texts in project["optional-dependencies"].items():
        names = (Requirement(text).name.lower() for text in texts)
        own = {IMPORTED.get(name, name) for name in names}
        found[extra] = own | {ALONG[name] for name in own & ALONG.keys()}
    return found


def test_each_module_is_of_the_extra_that_is_named(project_root: Path) -> None:
    brought = extras(project_root)
    wrong = {module: extra for module, extra in EXTRAS.items() if module not in brought[extra]}
    assert wrong == {}


def test_every_optional_module_that_is_imported_has_an_extra(project_root: Path) -> None:
    brought = set().union(*extras(project_root).values())
    imported = set()
    for path in (project_root / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                imported.add(str(node.module).partition(".")[0])
    # polars comes with the data that need it, _pytest with pytest; others with the build backend
    known = EXTRAS.keys() | {"polars", "_pytest", "trove_classifiers", "wemix_ref"}
    outside = imported - known - {"numpy", "scipy", "pandas"} - sys.stdlib_module_names
    assert outside == set()
    assert EXTRAS.keys() <= brought


def test_a_module_of_no_extra_is_installed_by_its_name() -> None:
    assert how_to_install("polars.io") == "Install it: python -m pip install polars."


def test_without_a_checkout_a_command_says_so_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert places.is_checkout()
    package = tmp_path / "lib" / "wemix_ref"
    monkeypatch.setattr(places, "_PACKAGE", package)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionError, match="wemix-ref x works on the project's own files"):
        places.need_checkout("wemix-ref x")
    for words in (["cases"], ["study", "list"], ["reliability", "page"]):
        assert main(words) == 2
        told = capsys.readouterr().err
        assert f"wemix-ref {' '.join(words)} works on" in told
        assert str(package) in told
    assert list(tmp_path.iterdir()) == []
