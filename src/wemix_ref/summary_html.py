"""The summary as HTML for notebooks; every text of the user's is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wemix_ref.summary import Section

__all__ = ["html_of"]


def html_of(parts: Sequence[Section]) -> str:
    """Sections as a piece of HTML: a caption over each table, lines as paragraphs."""
    out = ['<div class="wemix-ref-summary">']
    for part in parts:
        if part.rows:
            out += _table(part)
        elif part.title:
            out.append(f"<p>{escape(part.title)}</p>")
        if part.lines:
            out.append("<p>" + "<br>\n".join(escape(line) for line in part.lines) + "</p>")
    return "\n".join([*out, "</div>"])


def _table(part: Section) -> list[str]:
    last = len(part.rows[0]) - 1

    def cell(tag: str, column: int, text: str) -> str:
        to_left = column < part.left or (part.last_left and column == last)
        side = "left" if to_left else "right"
        scope = ' scope="col"' if tag == "th" else ""
        style = f"text-align: {side}; white-space: pre"
        return f'<{tag}{scope} style="{style}">{escape(text)}</{tag}>'

    def row(tag: str, cells: Sequence[str]) -> str:
        return "<tr>" + "".join(cell(tag, j, text) for j, text in enumerate(cells)) + "</tr>"

    caption = '<caption style="text-align: left; font-weight: bold">'
    return [
        "<table>",
        f"{caption}{escape(part.title)}</caption>",
        f"<thead>{row('th', part.rows[0])}</thead>",
        "<tbody>",
        *(row("td", cells) for cells in part.rows[1:]),
        "</tbody>",
        "</table>",
    ]
