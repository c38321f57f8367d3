"""What must hold before a release: each item is done, warned of, or refused with what to do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from wemix_ref.reliability.packaging_build import (
    built,
    contents_held,
    copy_tracked,
    metadata_held,
    sdist_held,
    sha256,
    tracked,
)
from wemix_ref.reliability.packaging_checks import CheckError

__all__ = [
    "DONE", "REFUSED", "WARNED", "Item", "addresses", "built_into_dist", "docs_built", "lock_fresh",
    "lock_serves", "on_main", "records_young", "tag_free", "tests_green", "tree_clean",
    "version_of", "versions_agree",
]  # fmt: skip

DONE, WARNED, REFUSED = "done", "warning", "REFUSED"
_INIT = Path("src/wemix_ref/__init__.py")
_SECTION = re.compile(r"^## \[([^\]]+)\](?: - (\d{4}-\d{2}-\d{2}))?\s*$", re.MULTILINE)
#: Files that may differ from the commit whose tests were green: what a release itself writes.
_OF_A_RELEASE = {"CHANGELOG.md", "CITATION.cff"}
_LOCKS = ("requirements.lock", "requirements-cluster.lock")


@dataclass(frozen=True)
class Item:
    """One item of the list.

    Attributes
    ----------
    what : the item.
    state : `DONE`, `WARNED` or `REFUSED`.
    found : what was found.
    todo : what to do, where it is not done.
    """

    what: str
    state: str
    found: str
    todo: str = ""


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True)
    if done.returncode != 0:
        told = done.stderr.strip().splitlines()[-1:] or [f"code {done.returncode}"]
        raise CheckError(f"git {words[0]}: {told[0]}")
    return done.stdout.strip()


def version_of(root: Path) -> str:
    """Version that the package gives itself."""
    found = re.search(r'^__version__ = "([^"]+)"$', (root / _INIT).read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise CheckError(f'{_INIT} must have a line __version__ = "..."; it has none')
    return found[1]


def on_main(root: Path) -> Item:
    """A release is made on the branch main."""
    branch = _git(root, "branch", "--show-current") or "no branch"
    if branch == "main":
        return Item("branch", DONE, branch)
    return Item("branch", REFUSED, branch, "git switch main")


def tree_clean(root: Path) -> Item:
    """Every file is as git has it, and none is unknown to it."""
    changed = _git(root, "status", "--porcelain").splitlines()
    if not changed:
        return Item("tree", DONE, f"clean at {_git(root, 'rev-parse', '--short', 'HEAD')}")
    found = f"{len(changed)} files changed or unknown to git (first: {changed[0].strip()})"
    return Item("tree", REFUSED, found, "commit or remove them; git status lists them")


def tag_free(root: Path, version: str) -> Item:
    """The tag is not there yet."""
    tag = f"v{version}"
    if not _git(root, "tag", "--list", tag):
        return Item("tag", DONE, f"{tag} is free")
    return Item("tag", REFUSED, f"{tag} is there", f"raise __version__ in {_INIT}")


def versions_agree(root: Path, version: str) -> Item:
    """Package, changelog and citation name the version, the last two its date."""
    faults = []
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version):
        faults.append((f"{version} is no version of a release", "give one such as 1.2.0"))
    own = version_of(root)
    if own != version:
        faults.append((f"{_INIT} has {own}", f'write __version__ = "{version}" there'))
    date, fault = _section_date(root, version)
    if fault is not None:
        faults.append(fault)
    cited = yaml.safe_load((root / "CITATION.cff").read_text("utf-8"))
    released = str(cited.get("date-released", "none"))
    if str(cited.get("version", "none")) != version or (date and released != date):
        faults.append(
            (
                f"CITATION.cff has version {cited.get('version', 'none')}, date {released}",
                f"write version: {version} and date-released: {date or 'YYYY-MM-DD'} there",
            )
        )
    if not faults:
        return Item("version", DONE, f"{version} of {date} in package, changelog and citation")
    return Item(
        "version", REFUSED, "; ".join(f for f, _ in faults), "; ".join(todo for _, todo in faults)
    )


def _section_date(root: Path, version: str) -> tuple[str, tuple[str, str] | None]:
    """Date of the changelog's top section, and what is wrong with it."""
    text = (root / "CHANGELOG.md").read_text("utf-8")
    sections = list(_SECTION.finditer(text))
    todo = f"begin CHANGELOG.md with ## [{version}] - YYYY-MM-DD, by renaming Unreleased"
    if not sections:
        return "", ("CHANGELOG.md has no section", todo)
    top = sections[0]
    if top[1] == "Unreleased":
        end = sections[1].start() if len(sections) > 1 else len(text)
        if text[top.end() : end].strip():
            return "", ("CHANGELOG.md has unreleased changes", todo)
        if len(sections) == 1:
            return "", ("CHANGELOG.md has no section", todo)
        top = sections[1]
    if top[1] != version or top[2] is None:
        return "", (f"CHANGELOG.md's top section is [{top[1]}], {top[2] or 'undated'}", todo)
    return top[2], None


def lock_serves(root: Path) -> Item:
    """Every requirement of pyproject.toml is met by a version of the lock."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"]]
    for texts in project.get("optional-dependencies", {}).values():
        wanted += texts
    locked: dict[str, list[str]] = {}
    for name, version in re.findall(
        r"(?m)^([A-Za-z0-9._-]+)==([^\s;\\]+)", (root / _LOCKS[0]).read_text("utf-8")
    ):
        locked.setdefault(canonicalize_name(name), []).append(version)
    unmet = []
    for text in wanted:
        one = Requirement(text)
        versions = locked.get(canonicalize_name(one.name), [])
        if not any(one.specifier.contains(version) for version in versions):
            unmet.append(text)
    if not unmet:
        return Item("lock", DONE, f"{len(wanted)} requirements are met by {_LOCKS[0]}")
    found = f"{len(unmet)} requirements are not met by {_LOCKS[0]} (first: {unmet[0]})"
    return Item("lock", REFUSED, found, "./workbench lock, and commit what it wrote")


def lock_fresh(root: Path) -> Item:
    """Writing the locks again, in a copy, changes nothing."""
    with tempfile.TemporaryDirectory(prefix="wemix-ref-lock-") as place:
        copy = Path(place)
        for name in (*_LOCKS, "pyproject.toml", "workbench"):
            shutil.copy(root / name, copy / name)
        done = subprocess.run(
            [copy / "workbench", "lock"], cwd=copy, capture_output=True, text=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if done.returncode != 0:
            told = (done.stderr.strip().splitlines() or ["it failed"])[-1]
            return Item(
                "lock again", REFUSED, told, "make ./workbench lock run: it needs the index"
            )
        changed = [n for n in _LOCKS if (copy / n).read_bytes() != (root / n).read_bytes()]
    if not changed:
        return Item("lock again", DONE, f"{' and '.join(_LOCKS)} come out the same")
    return Item(
        "lock again", REFUSED, f"{', '.join(changed)} would change",
        "./workbench lock, and commit what it wrote",
    )  # fmt: skip


def docs_built(root: Path) -> Item:
    """The documentation builds without a warning."""
    with tempfile.TemporaryDirectory(prefix="wemix-ref-site-") as site:
        words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", site]
        done = subprocess.run(
            words, cwd=root, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        pages = len(list(Path(site).rglob("*.html")))
    if done.returncode == 0:
        return Item("documentation", DONE, f"{pages} pages, no warning")
    told = [line for line in done.stderr.splitlines() if "WARNING" in line or "ERROR" in line]
    found = (told or done.stderr.strip().splitlines() or ["it failed"])[0]
    return Item("documentation", REFUSED, found, ".venv/bin/mkdocs build --strict tells all")


def records_young(root: Path) -> Item:
    """The records of long runs were made by the code that is released."""
    behind = {}
    records = sorted((root / "resources" / "reliability").glob("*.json"))
    for path in records:
        name = path.relative_to(root).as_posix()
        made = _git(root, "log", "-1", "--format=%H", "--", name)
        count = _git(root, "rev-list", "--count", f"{made}..HEAD", "--", "src") if made else "0"
        failed = json.loads(path.read_text("utf-8")).get("failed", 0)
        if not made or int(count) or failed:
            lag = f"{count} commits to src/ behind" if made else "not committed"
            behind[path.stem] = f"{path.stem}: {lag}" + (f", {failed} failed" if failed else "")
    if not behind:
        return Item("records", DONE, f"{len(records)} of docs/reliability.md are of this code")
    todo = "wemix-ref reliability PART --out resources/reliability, then wemix-ref reliability page"
    return Item("records", WARNED, "; ".join(behind.values()), todo)


def addresses(root: Path) -> Item:
    """Readers of a package index find the repository."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    urls = project.get("urls", {})
    if urls:
        return Item("addresses", DONE, ", ".join(urls))
    found = (
        "pyproject.toml names no [project.urls]; relative links of the README lead nowhere there"
    )
    return Item("addresses", WARNED, found, "name the repository's address once it has one")


def tests_green(root: Path, green: str | None) -> Item:
    """.ci/run passes here, or did at a commit that differs by what a release writes alone."""
    if green is None:
        done = subprocess.run([root / ".ci" / "run"], cwd=root, stdin=subprocess.DEVNULL)
        if done.returncode == 0:
            return Item("tests", DONE, ".ci/run passed")
        return Item("tests", REFUSED, f".ci/run ended with code {done.returncode}", "mend them")
    try:
        commit = _git(root, "rev-parse", "--verify", f"{green}^{{commit}}")
    except CheckError:
        return Item("tests", REFUSED, f"{green!r} is no commit here", "give --green a commit")
    changed = set(_git(root, "diff", "--name-only", commit, "HEAD").splitlines()) - _OF_A_RELEASE
    if not changed:
        return Item("tests", DONE, f"green at {commit[:9]}, by --green")
    found = f"{len(changed)} files changed since {commit[:9]} (first: {min(changed)})"
    return Item("tests", REFUSED, found, "leave out --green, and .ci/run is run")


def built_into_dist(root: Path, version: str) -> Item:
    """Sdist and wheel with their hashes in dist/, built from what git has."""
    epoch = _git(root, "log", "-1", "--format=%ct")
    with tempfile.TemporaryDirectory(prefix="wemix-ref-release-") as place:
        tree = copy_tracked(root, Path(place) / "tree")
        one = built(tree, Path(place) / "built", epoch=epoch)
        contents_held(one.wheel, tree, tracked(root))
        sdist_held(one.sdist, tree, tracked(root))
        metadata_held(one.wheel, tree)
        for archive in (one.sdist, one.wheel):
            if f"-{version}" not in archive.name:
                raise CheckError(f"{archive.name} has not the version {version}")
        dist = root / "dist"
        shutil.rmtree(dist, ignore_errors=True)
        dist.mkdir()
        placed = [Path(shutil.copy(path, dist)) for path in (one.sdist, one.wheel)]
    sums = "".join(f"{sha256(path)}  {path.name}\n" for path in placed)
    (dist / "SHA256SUMS").write_text(sums, encoding="ascii")
    return Item("build", DONE, "dist/SHA256SUMS\n" + sums.rstrip())


def failed(items: Sequence[Item]) -> bool:
    """Whether any item is refused."""
    return any(item.state == REFUSED for item in items)
