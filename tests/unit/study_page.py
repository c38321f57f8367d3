"""A study's page as tests write and read it."""

from __future__ import annotations

from html.parser import HTMLParser

from tests.unit import study_example as example
from wemix_ref.report.studies import write_study_report
from wemix_ref.report.studies.view import study_view

VOID = {"meta", "br", "input", "link", "img", "hr"}


class Reader(HTMLParser):
    """Reads a page: its text, its ids, its links; elements must close in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.links, self.words = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs[key] for key in ("href", "src", "aria-labelledby") if key in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def write(study, out, name="made", **changes):
    given = {**example.everything(study), **changes}
    write_study_report(given.pop("study_yaml"), name, out_dir=out, **given)
    return (out / "report.html").read_text(encoding="utf-8")


def view_of(study, **changes):
    given = {**example.everything(study), **changes}
    order = ("performance", "paired", "rows_by_scenario", "audit")
    return study_view(study, "made", *(given[key] for key in order))
