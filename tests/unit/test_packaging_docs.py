"""Links and anchors of the site are followed; one that leads nowhere is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wemix_ref.reliability.packaging_checks import CheckError
from wemix_ref.reliability.packaging_docs import built_site, links_held, sources_held

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def site(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site").resolve()
    assert built_site(project_root, out).endswith("0 warnings")
    return out


def test_every_link_of_the_documentation_leads_somewhere(project_root: Path, site: Path) -> None:
    links, _, rest = links_held(project_root, site).partition(" links, ")
    assert int(links) > 500
    assert int(rest.split()[0]) > 50
    assert sources_held(project_root, site)


def small(root: Path, page: str, readme: str = "") -> Path:
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/README.md",
                 "results/README.md"):  # fmt: skip
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("# A title\n", encoding="utf-8")
    (root / "README.md").write_text(f"# A title\n\n{readme}\n", encoding="utf-8")
    (root / "docs").mkdir()
    (root / "docs/b.md").write_text("# B\n", encoding="utf-8")
    out = root / "site"
    out.mkdir()
    (out / "a.html").write_text(f'<h1 id="top">A</h1>{page}', encoding="utf-8")
    (out / "b.html").write_text('<h1 id="b">B</h1>', encoding="utf-8")
    return out


@pytest.mark.parametrize(
    ("link", "good"),
    [
        ("b.html", True), ("b.html#b", True), ("#top", True), ("../README.md", True),
        ("https://example.org/x", True), ("c.html", False), ("b.html#c", False),
        ("#bottom", False), ("../NOTHING.md", False),
    ],
)  # fmt: skip
def test_a_link_of_a_page(tmp_path: Path, link: str, good: bool) -> None:
    out = small(tmp_path.resolve(), f'<a href="{link}">x</a>')
    if good:
        assert links_held(tmp_path.resolve(), out)
    else:
        with pytest.raises(CheckError, match=r"1 links lead nowhere.*a\.html"):
            links_held(tmp_path.resolve(), out)


@pytest.mark.parametrize(
    ("link", "good"),
    [
        ("docs/b.md", True), ("docs/b.md#b", True), ("#a-title", True),
        ("config/README.md#a-title", True), ("docs/c.md", False), ("docs/b.md#c", False),
        ("#title", False),
    ],
)  # fmt: skip
def test_a_link_beside_the_site(tmp_path: Path, link: str, good: bool) -> None:
    out = small(tmp_path, "", f"See [it]({link}).\n\n```\n[not](a.link)\n```")
    if good:
        assert sources_held(tmp_path, out)
    else:
        with pytest.raises(CheckError, match=r"1 links lead nowhere.*README\.md"):
            sources_held(tmp_path, out)


def test_a_site_with_a_warning_is_refused(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("[x](nowhere.md)\n", encoding="utf-8")
    (tmp_path / "mkdocs.yml").write_text("site_name: x\n", encoding="utf-8")
    with pytest.raises(CheckError, match=r"mkdocs.*ended with code 1"):
        built_site(tmp_path, tmp_path / "site")
