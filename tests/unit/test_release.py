"""The list of a release, gone through in a small repository: what is refused, and what is left."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-11-20\n\n- All.\n"
CITATION = "cff-version: 1.2.0\ntitle: It\nversion: 1.2.3\ndate-released: 2026-11-20\n"
PYPROJECT = """[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "wemix-ref"
readme = "README.md"
license = "MIT"
license-files = ["LICENSE"]
requires-python = ">=3.11,<3.14"
dynamic = ["version"]
classifiers = ["Programming Language :: Python :: 3.11"]
dependencies = ["numpy>=1.26"]
[project.optional-dependencies]
fast = ["numba>=0.60"]
[project.scripts]
wemix-ref = "wemix_ref:main"
[project.urls]
home = "https://example.org"

[tool.hatch.version]
path = "src/wemix_ref/__init__.py"
[tool.hatch.build.targets.wheel]
packages = ["src/wemix_ref"]
core-metadata-version = "2.4"
[tool.hatch.build.targets.sdist]
core-metadata-version = "2.4"
"""
FILES = {
    ".ci/run": '#!/bin/sh\necho ran >>"$(git rev-parse --git-dir)/ran"\n',
    ".gitignore": "/dist/\n",
    "CHANGELOG.md": CHANGELOG,
    "CITATION.cff": CITATION,
    "LICENSE": "Do.\n",
    "README.md": "# It\n\n## Use\n",
    "docs/index.md": "# It\n",
    "mkdocs.yml": "site_name: It\n",
    "pyproject.toml": PYPROJECT,
    "requirements-cluster.lock": "",
    "requirements.lock": "numba==0.60.0 \\\n    --hash=sha256:0\nnumpy==2.0.0 \\\n    --hash=0\n",
    "resources/reliability/identities.json": json.dumps({"failed": 0}),
    "src/wemix_ref/__init__.py": '__version__ = "1.2.3"\n',
    "src/wemix_ref/py.typed": "",
    "workbench": "#!/bin/sh\n",
}


def git(root: Path, *words: str) -> str:
    names = ("AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL")
    environment = {**os.environ, **{f"GIT_{name}": "a@b.org" for name in names}}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(
        ["git", *words], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(root: Path) -> str:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Change it")
    return git(root, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("template") / "it"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    for name in ("workbench", ".ci/run"):
        (root / name).chmod(0o755)
    git(root, "init", "--quiet", "--initial-branch", "main")
    commit(root)
    return root


@pytest.fixture
def repository(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "it"))


@pytest.fixture(scope="module")
def items() -> ModuleType:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import release_items
    finally:
        sys.path.remove(str(ROOT / "tools"))
    return release_items


def release(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "tools/release.py"), "--root", str(root), *words],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


def test_a_release_is_built_and_the_rest_is_left_to_us(repository: Path) -> None:
    before = git(repository, "show-ref", "--head")
    done = release(repository, "1.2.3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 done, 0 warning, 0 REFUSED" in done.stdout
    dist = repository / "dist"
    names = {"wemix_ref-1.2.3.tar.gz", "wemix_ref-1.2.3-py3-none-any.whl"}
    assert {path.name for path in dist.iterdir()} == names | {"SHA256SUMS"}
    sums = dict(line.split()[::-1] for line in (dist / "SHA256SUMS").read_text().splitlines())
    assert sums == {n: hashlib.sha256((dist / n).read_bytes()).hexdigest() for n in names}
    assert (repository / ".git/ran").read_text() == "ran\n"
    for command in ("git tag --annotate v1.2.3", "git push origin main v1.2.3", "twine upload"):
        assert command in done.stdout
    # nothing of that was done
    assert git(repository, "show-ref", "--head") == before
    assert git(repository, "status", "--porcelain") == ""
    first = sums
    assert release(repository, "--green", "HEAD").returncode == 0
    again = (dist / "SHA256SUMS").read_text()
    assert dict(line.split()[::-1] for line in again.splitlines()) == first
    assert (repository / ".git/ran").read_text() == "ran\n"


def test_the_quick_parts_alone_run_and_build_nothing(repository: Path) -> None:
    done = release(repository, "--check-only")
    assert done.returncode == 0, done.stdout
    assert "8 done" in done.stdout
    assert "not gone through: tests, locks again, build" in done.stdout
    assert not (repository / "dist").exists()
    assert not (repository / ".git/ran").exists()
    assert "git tag" not in done.stdout


def test_what_is_refused_ends_it_before_the_tests(repository: Path) -> None:
    (repository / "new.txt").write_text("new")
    done = release(repository)
    assert done.returncode == 1
    assert "REFUSED  tree: 1 files changed or unknown to git (first: ?? new.txt)" in done.stdout
    assert "to do: commit or remove them" in done.stdout
    assert not (repository / ".git/ran").exists()
    assert not (repository / "dist").exists()


def test_a_version_that_is_none_is_the_command_s_fault(repository: Path) -> None:
    (repository / "src/wemix_ref/__init__.py").write_text("x = 1\n")
    done = release(repository)
    assert done.returncode == 2
    assert "__version__" in done.stderr
    assert "Traceback" not in done.stderr


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new))

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (edit("src/wemix_ref/__init__.py", "1.2.3", "1.2.2"), "__init__.py has 1.2.2"),
        (edit("CHANGELOG.md", " - 2026-11-20", ""), r"\[1.2.3\], undated"),
        (edit("CHANGELOG.md", "1.2.3", "1.2.2"), r"top section is \[1.2.2\]"),
        (edit("CHANGELOG.md", "[Unreleased]\n", "[Unreleased]\n\n- More.\n"), "unreleased changes"),
        (lambda root: (root / "CHANGELOG.md").write_text("# None\n"), "has no section"),
        (edit("CITATION.cff", "version: 1.2.3\n", ""), "CITATION.cff has version none"),
        (edit("CITATION.cff", "version: 1.2.3", "version: 1.2.2"), "version 1.2.2"),
        (edit("CITATION.cff", "2026-11-20", "2026-11-19"), "date 2026-11-19"),
    ],
)
def test_versions_and_dates_that_differ_are_refused(
    repository: Path, items: ModuleType, change: Callable[[Path], None], told: str
) -> None:
    assert items.versions_agree(repository, "1.2.3").state == items.DONE
    change(repository)
    item = items.versions_agree(repository, "1.2.3")
    assert item.state == items.REFUSED
    assert item.todo
    assert re.search(told, item.found), item.found


@pytest.mark.parametrize("version", ["1.2", "v1.2.3", "1.2.3.dev0", "", "1.2.3; rm"])
def test_only_a_release_has_a_version(repository: Path, items: ModuleType, version: str) -> None:
    item = items.versions_agree(repository, version)
    assert item.state == items.REFUSED
    assert "no version of a release" in item.found


def test_another_branch_and_a_tag_that_is_there_are_refused(
    repository: Path, items: ModuleType
) -> None:
    assert items.on_main(repository).state == items.tag_free(repository, "1.2.3").state == "done"
    git(repository, "tag", "v1.2.3")
    git(repository, "switch", "--quiet", "--create", "other")
    assert items.on_main(repository).state == items.REFUSED
    assert items.tag_free(repository, "1.2.3").state == items.REFUSED
    assert items.tag_free(repository, "1.2.4").state == items.DONE


def test_a_lock_that_serves_no_longer_is_refused(repository: Path, items: ModuleType) -> None:
    assert items.lock_serves(repository).state == items.DONE
    assert items.lock_fresh(repository).state == items.DONE
    edit("pyproject.toml", "numpy>=1.26", "numpy>=2.1")(repository)
    item = items.lock_serves(repository)
    assert (item.state, "numpy>=2.1" in item.found) == (items.REFUSED, True)
    before = (repository / "requirements.lock").read_bytes()
    script = repository / "workbench"
    script.write_text('#!/bin/sh\n[ "$1" = lock ] && echo scipy==1.0 >>requirements.lock\n')
    item = items.lock_fresh(repository)
    assert (item.state, item.found) == (items.REFUSED, "requirements.lock would change")
    assert (repository / "requirements.lock").read_bytes() == before
    script.write_text("#!/bin/sh\necho no network >&2\nexit 1\n")
    item = items.lock_fresh(repository)
    assert (item.state, item.found) == (items.REFUSED, "no network")


def test_documentation_with_a_warning_is_refused(repository: Path, items: ModuleType) -> None:
    assert items.docs_built(repository).found == "2 pages, no warning"
    (repository / "docs/index.md").write_text("[x](nowhere.md)\n")
    item = items.docs_built(repository)
    assert item.state == items.REFUSED
    assert "nowhere.md" in item.found


def test_records_of_older_code_are_warned_of(repository: Path, items: ModuleType) -> None:
    assert items.records_young(repository).state == items.DONE
    for k in range(2):
        (repository / "src/wemix_ref/more.py").write_text(f"x = {k}\n")
        commit(repository)
    (repository / "README.md").write_text("# It\n")
    commit(repository)
    item = items.records_young(repository)
    assert (item.state, item.found) == (items.WARNED, "identities: 2 commits to src/ behind")
    record = repository / "resources/reliability/identities.json"
    record.write_text(json.dumps({"failed": 3}))
    commit(repository)
    assert items.records_young(repository).found == "identities: 0 commits to src/ behind, 3 failed"
    record.write_text(json.dumps({"failed": 0}))
    commit(repository)
    assert items.records_young(repository).state == items.DONE


def test_an_address_that_is_missing_is_warned_of(repository: Path, items: ModuleType) -> None:
    assert items.addresses(repository).state == items.DONE
    edit("pyproject.toml", "[project.urls]", "[tool.none]")(repository)
    assert items.addresses(repository).state == items.WARNED


def test_tests_are_run_unless_they_passed_at_the_same_files(
    repository: Path, items: ModuleType
) -> None:
    green = git(repository, "rev-parse", "HEAD")
    edit("CHANGELOG.md", "- All.", "- All of it.")(repository)
    commit(repository)
    assert items.tests_green(repository, green).state == items.DONE
    assert items.tests_green(repository, "no such").state == items.REFUSED
    (repository / "src/wemix_ref/more.py").write_text("")
    commit(repository)
    item = items.tests_green(repository, green)
    assert (item.state, "more.py" in item.found) == (items.REFUSED, True)
    assert not (repository / ".git/ran").exists()
    assert items.tests_green(repository, None).state == items.DONE
    (repository / ".ci/run").write_text("#!/bin/sh\nexit 3\n")
    item = items.tests_green(repository, None)
    assert (item.state, item.found) == (items.REFUSED, ".ci/run ended with code 3")


def test_a_wheel_that_lacks_a_file_is_refused(repository: Path) -> None:
    edit("pyproject.toml", 'core-metadata-version = "2.4"\n[tool.hatch.build.targets.sdist]',
         'core-metadata-version = "2.4"\nexclude = ["py.typed"]\n[tool.hatch.build.targets.sdist]'
         )(repository)  # fmt: skip
    commit(repository)
    done = release(repository, "--green", "HEAD")
    assert done.returncode == 1
    assert "REFUSED  build: 1 files are missing" in done.stdout
    assert not (repository / "dist").exists()


def test_this_repository_can_be_gone_through(items: ModuleType) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    assert items.lock_serves(ROOT).state == items.DONE
    assert items.records_young(ROOT).state in (items.DONE, items.WARNED)
    assert items.version_of(ROOT)
