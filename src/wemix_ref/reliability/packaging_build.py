"""The sdist and the wheel: what must be in them, what must not, and that they come out the same."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email import message_from_bytes
from importlib import import_module
from pathlib import Path

from wemix_ref.errors import OptionError
from wemix_ref.reliability.packaging_checks import CheckError, call, must

__all__ = [
    "LEFT_OUT", "Built", "built", "contents_held", "copy_tracked", "metadata_held", "same_files",
    "sdist_files", "sdist_held", "sha256", "spoil", "tracked", "unpack", "wheel_files",
]  # fmt: skip

#: Tracked files that an sdist need not have: they tell git, and sites that show it, what to do.
LEFT_OUT = {".gitattributes"}

_EPOCH = "1767225600"
_PACKAGE = "src/wemix_ref/"
_SCHEMAS = "workflow/schemas/"
#: What leftovers of other work would be called.
_RUBBISH = (
    "src/wemix_ref/__pycache__/fit.cpython-311.pyc", "tests/unit/__pycache__/a.pyc",
    "src/wemix_ref.egg-info/PKG-INFO", "results/report/index.html", ".venv/bin/python",
    ".snakemake/log/a.log", "build/site/index.html", "dist/wemix_ref-0.0.0.tar.gz",
    ".hypothesis/a", "secret.env", "notes.txt",
)  # fmt: skip


@dataclass(frozen=True)
class Built:
    """An sdist and a wheel."""

    sdist: Path
    wheel: Path


def tracked(root: Path) -> list[str]:
    """Return the files that git has, by their path from the root.

    Raises
    ------
    OptionError
        git does not know the directory.
    """
    try:
        told = subprocess.run(
            ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise OptionError(
            f"packaging is checked against the files that git has; {root} is no git checkout, or "
            "git is not here. Clone the project and run it there."
        ) from error
    return [name for name in told.split("\0") if name and (root / name).is_file()]


def copy_tracked(root: Path, target: Path) -> Path:
    """Copy what git has, and nothing else; return the copy."""
    for name in tracked(root):
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, place)
    return target


def spoil(tree: Path) -> int:
    """Put leftovers of other work into a copy of the tree; return how many."""
    for name in _RUBBISH:
        place = tree / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("of no use\n", encoding="utf-8")
    return len(_RUBBISH)


def built(
    tree: Path, out: Path, *, wheel_only: bool = False, umask: int = 0o022, epoch: str = _EPOCH
) -> Built:
    """Build by the backend of this environment, with a set date; nothing is fetched.

    Parameters
    ----------
    tree : what is built.
    out : a directory for what comes out; it is made.
    wheel_only : no sdist.
    umask : of the process that builds.
    epoch : date of all files, in seconds.
    """
    targets = ["-t", "wheel"] if wheel_only else ["-t", "sdist", "-t", "wheel"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch}
    environment.pop("PYTHONPATH", None)
    words = [sys.executable, "-m", "hatchling", "build", *targets, "-d", str(out)]
    code = "import os, runpy, sys; os.umask(int(sys.argv.pop(1))); runpy.run_module('hatchling', "
    code += "run_name='__main__', alter_sys=True)"
    words = [sys.executable, "-c", code, str(umask), *words[3:]]
    call(words, tree, environment, limit=300)
    sdists, wheels = list(out.glob("*.tar.gz")), list(out.glob("*.whl"))
    must(len(wheels) == 1, f"one wheel must be built; {len(wheels)} were")
    must(wheel_only or len(sdists) == 1, f"one sdist must be built; {len(sdists)} were")
    return Built(wheels[0] if wheel_only else sdists[0], wheels[0])


def sha256(path: Path) -> str:
    """Hash a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def wheel_files(path: Path) -> dict[str, bytes]:
    """Every file of a wheel."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name[-1] != "/"}


def sdist_files(path: Path) -> dict[str, bytes]:
    """Every file of an sdist, by its path below the top directory."""
    found = {}
    with tarfile.open(path) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() else None
            if stream is not None:
                found[member.name.partition("/")[2]] = stream.read()
    return found


def unpack(sdist: Path, target: Path) -> Path:
    """Unpack an sdist; return its top directory."""
    with tarfile.open(sdist) as archive:
        # Python 3.11.2 knows no filters; the archive was built a moment ago
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(target)
    (top,) = target.iterdir()
    return top


def same_files(one: Mapping[str, bytes], other: Mapping[str, bytes], what: str) -> None:
    """Hold files against files, by name and content."""
    differing = sorted(n for n in {*one, *other} if one.get(n) != other.get(n))
    must(not differing, f"{what}: {len(differing)} files differ (first: {differing[:1]})")


def _held(found: Mapping[str, bytes], wanted: Mapping[str, bytes], also: Iterable[str]) -> None:
    missing = sorted(wanted.keys() - found.keys())
    must(not missing, f"{len(missing)} files are missing (first: {missing[:1]})")
    extra = sorted(found.keys() - wanted.keys() - set(also))
    must(not extra, f"{len(extra)} files should not be there (first: {extra[:1]})")
    other = sorted(name for name, content in wanted.items() if found[name] != content)
    must(not other, f"{len(other)} files are not those of the tree (first: {other[:1]})")


def contents_held(wheel: Path, tree: Path, names: Iterable[str]) -> str:
    """Hold a wheel against the tree: the package, the schemas, and what describes them."""
    found = wheel_files(wheel)
    wanted = {}
    for name in names:
        if name.startswith(_PACKAGE):
            wanted[name.removeprefix("src/")] = (tree / name).read_bytes()
        elif name.startswith(_SCHEMAS):
            wanted[f"wemix_ref/schemas/{Path(name).name}"] = (tree / name).read_bytes()
    (info,) = {name.partition("/")[0] for name in found if ".dist-info/" in name}
    about = ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    _held(found, wanted, [f"{info}/{name}" for name in about])
    absent = [name for name in about if f"{info}/{name}" not in found]
    must(not absent, f"{info} lacks {', '.join(absent)}")
    must("wemix_ref/py.typed" in found, "py.typed is missing")
    must(found[f"{info}/licenses/LICENSE"] == (tree / "LICENSE").read_bytes(), "another LICENSE")
    data = sum(not name.endswith(".py") for name in wanted)
    size = wheel.stat().st_size / 1024
    return f"{len(found)} files, {data} of them data, {size:.0f} KiB"


def sdist_held(sdist: Path, tree: Path, names: Iterable[str]) -> str:
    """Hold an sdist against the tree: every file that git has, and PKG-INFO."""
    found = sdist_files(sdist)
    wanted = {n: (tree / n).read_bytes() for n in names if n not in LEFT_OUT}
    _held(found, wanted, ["PKG-INFO", *LEFT_OUT])
    must("PKG-INFO" in found, "PKG-INFO is missing")
    return f"{len(found)} files, {sdist.stat().st_size / 1024**2:.1f} MiB"


def metadata_held(wheel: Path, tree: Path) -> str:
    """Hold a wheel's metadata against its specification, the known classifiers and the README."""
    import tomllib

    from packaging import metadata
    from trove_classifiers import classifiers

    (raw,) = (text for name, text in wheel_files(wheel).items() if name.endswith("/METADATA"))
    try:
        told = metadata.Metadata.from_email(raw, validate=True)
    except metadata.ExceptionGroup as group:
        raise CheckError("; ".join(str(one) for one in group.exceptions)) from group
    project = tomllib.loads((tree / "pyproject.toml").read_text("utf-8"))["project"]
    unknown = [one for one in told.classifiers or [] if one not in classifiers]
    must(not unknown, f"unknown classifiers: {', '.join(unknown)}")
    must(told.classifiers == project["classifiers"], "other classifiers than pyproject.toml's")
    pythons = [one.rpartition(" ")[2] for one in told.classifiers or [] if ":: 3." in one]
    allowed = told.requires_python
    wrong = [p for p in pythons if allowed is None or not allowed.contains(f"{p}.0")]
    must(bool(pythons) and not wrong, f"classifiers name Pythons that are not allowed: {wrong}")
    must(
        set(told.provides_extra or []) == set(project["optional-dependencies"]),
        "other extras than pyproject.toml's",
    )
    fields = message_from_bytes(raw)
    must(fields["License-Expression"] == project["license"], "another licence")
    must(fields["Description-Content-Type"] == "text/markdown", "the README is not Markdown")
    readme = (tree / "README.md").read_text("utf-8")
    must((told.description or "").strip() == readme.strip(), "another README")
    html = import_module("markdown").markdown(readme, extensions=["fenced_code", "tables"])
    headings, blocks = html.count("<h2"), html.count("<pre>")
    must(headings == readme.count("\n## "), "headings of the README do not arrive")
    must(blocks == readme.count("\n```") // 2, "fenced blocks of the README do not arrive")
    urls = len(told.project_urls or {})
    return (
        f"metadata {told.metadata_version}; {len(told.classifiers or [])} classifiers, "
        f"{len(told.provides_extra or [])} extras, {urls} addresses; README: {headings} headings, "
        f"{blocks} blocks"
    )
