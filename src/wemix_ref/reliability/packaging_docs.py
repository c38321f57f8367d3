"""The documentation as a site, and every link and anchor in it."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from wemix_ref.reliability.packaging_checks import call, must

__all__ = ["built_site", "links_held", "sources_held"]

_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*:")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
#: Pages outside the site that link into it and to one another.
_OUTSIDE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/README.md", "results/README.md")


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        for name in ("id", "name"):
            if given.get(name) and (name == "id" or tag == "a"):
                self.anchors.add(str(given[name]))
        for name in ("href", "src"):
            if given.get(name) and tag != "base":
                self.links.append(str(given[name]))


def built_site(root: Path, out: Path) -> str:
    """Build the site; a warning is a failure.

    Parameters
    ----------
    root : of the checkout.
    out : the directory of the site.
    """
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    done = call(words, root, limit=300)
    told = [line for line in (done.out + done.error).splitlines() if line.startswith("WARNING")]
    must(not told, f"{len(told)} warnings (first: {told[:1]})")
    pages = len(list(out.rglob("*.html")))
    must(pages > 1, "no page was built")
    return f"{pages} pages, 0 warnings"


def links_held(root: Path, out: Path) -> str:
    """Follow every link of the built site to its file and its anchor.

    Links that lead out of the documentation are followed in the checkout.
    """
    # the page that is shown in place of others has addresses from the server's root
    paths = [path for path in sorted(out.rglob("*.html")) if path.name != "404.html"]
    pages = {path: _read(path) for path in paths}
    followed = anchors = outward = 0
    broken = []
    for path, page in pages.items():
        for link in page.links:
            if _ADDRESS.match(link) or link.startswith("//"):
                outward += 1
                continue
            parts = urlsplit(link)
            target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
            if not target.is_relative_to(out):
                # the site stands for docs/
                target = (root / "docs" / Path(unquote(parts.path))).resolve()
            followed += 1
            if not target.exists():
                broken.append(f"{path.name}: {link}")
            elif parts.fragment and target in pages:
                anchors += 1
                if unquote(parts.fragment) not in pages[target].anchors:
                    broken.append(f"{path.name}: {link}")
    must(not broken, f"{len(broken)} links lead nowhere (first: {broken[:1]})")
    return f"{followed} links, {anchors} of them to anchors; {outward} to other sites, not followed"


def sources_held(root: Path, out: Path) -> str:
    """Follow the links and anchors of the pages that are not part of the site."""
    followed = anchors = 0
    broken = []
    for name in _OUTSIDE:
        text = _FENCED.sub("", (root / name).read_text("utf-8"))
        for link in _LINK.findall(text):
            if _ADDRESS.match(link):
                continue
            parts = urlsplit(link)
            target = root / name if not parts.path else ((root / name).parent / parts.path)
            followed += 1
            if not target.exists():
                broken.append(f"{name}: {link}")
            elif parts.fragment:
                anchors += 1
                page = out / f"{target.stem}.html"
                known = _read(page).anchors if page.is_file() else _headings(target)
                if parts.fragment not in known:
                    broken.append(f"{name}: {link}")
    must(not broken, f"{len(broken)} links lead nowhere (first: {broken[:1]})")
    return f"{followed} links of {len(_OUTSIDE)} pages, {anchors} of them to anchors"


def _read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text("utf-8"))
    return page


def _headings(path: Path) -> set[str]:
    """Anchors that sites make of the headings of a page."""
    titles = re.findall(r"^#+ +(.*)$", _FENCED.sub("", path.read_text("utf-8")), re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
    return {title.strip().replace(" ", "-") for title in kept}
