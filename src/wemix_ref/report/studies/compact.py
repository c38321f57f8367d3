"""A figure's SVG without what a page does not need: wrappers, blanks, repeated styles."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from markupsafe import Markup

__all__ = ["compact_svg"]

_SVG, _LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_NUMBER = re.compile(r"-?\d+\.\d+")
_FONT = re.compile(r"font:(?:(?P<weight>\d+|bold) )?(?P<size>[\d.]+)px [^;]*")
_DULL = {"stroke-linejoin:miter", "text-anchor:start", "stroke-linecap:butt"}


def compact_svg(svg: Markup) -> Markup:
    """Write an inline figure anew, in a third of the room.

    Parameters
    ----------
    svg : Markup
        As :func:`wemix_ref.report.svg.inline_svg` gives it.

    Returns
    -------
    Markup
        The same drawing, coordinates to a tenth of a point, the font named once.
    """
    text = str(svg).replace("<svg ", f'<svg xmlns="{_SVG}" xmlns:xlink="{_LINK}" ', 1)
    root = ET.fromstring(text)
    new = ET.Element(_tag(root), {_name(k): v for k, v in root.attrib.items()})
    new.set("style", "font-family:var(--sans);stroke-linejoin:round")
    for child in root:
        _copy(child, new)
    _gather_texts(new)
    return Markup(ET.tostring(new, encoding="unicode", short_empty_elements=True))


def _copy(element: ET.Element, parent: ET.Element) -> None:
    """Copy an element; groups that only bear a name are dissolved, blank grounds left out."""
    tag = _tag(element)
    style = _style(element.get("style", ""))
    if tag == "style" or (tag == "path" and style == "fill:none"):
        return
    if tag == "defs" and all(_tag(child) == "style" for child in element):
        return
    if tag == "g" and not set(element.attrib) - {"id"}:
        marks = [child for child in element if _tag(child) == "use"]
        group = ET.SubElement(parent, "g") if marks else parent
        if marks:
            group.set("style", _style(marks[0].get("style", "")))
        for child in element:
            _copy(child, group)
        return
    new = ET.SubElement(parent, tag, dict(_attributes(tag, element)))
    new.text = (element.text or "").strip() or None
    for child in element:
        _copy(child, new)


def _attributes(tag: str, element: ET.Element) -> Iterator[tuple[str, str]]:
    for key, value in element.attrib.items():
        name = _name(key)
        if name == "style":
            style = "" if tag == "use" else _style(value)
            if style:
                yield name, style
        elif name == "d":
            yield name, _path(value)
        elif name in ("x", "y"):
            yield name, _NUMBER.sub(_tenth, value)
        elif name == "id":
            if tag in ("path", "title", "desc"):
                yield name, value
        elif name != "transform" or not value.startswith("rotate(-0 "):
            yield name, value


def _gather_texts(root: ET.Element) -> None:
    """Put neighbouring texts of one style into a group that bears it."""
    children = list(root)
    for child in children:
        root.remove(child)
    for (tag, style), part in itertools.groupby(
        children, key=lambda one: (one.tag, one.get("style", ""))
    ):
        if tag != "text":
            root.extend(part)
            continue
        group = ET.SubElement(root, "g", {"style": style})
        for text in part:
            text.attrib.pop("style", None)
            group.append(text)


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _name(key: str) -> str:
    """Name an attribute; references need no name space in HTML nor in SVG 2."""
    return key.rpartition("}")[2]


def _style(text: str) -> str:
    parts = [re.sub(r"\s*:\s*", ":", part.strip()) for part in text.split(";")]
    kept = ";".join(part for part in parts if part and part not in _DULL)
    return _FONT.sub(_font, kept)


def _font(match: re.Match[str]) -> str:
    weight = ";font-weight:bold" if match["weight"] in ("bold", "700") else ""
    return f"font-size:{match['size']}px{weight}"


def _path(data: str) -> str:
    """Shorten a path; repeated horizontal and upright strokes by the letters made for them."""
    text = _NUMBER.sub(_tenth, " ".join(data.split()))
    text = re.sub(r"M (\S+) (\S+) L (\S+) \2(?=\s|$)", r"M\1 \2H\3", text)
    text = re.sub(r"M (\S+) (\S+) L \1 (\S+)(?=\s|$)", r"M\1 \2V\3", text)
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", text)


def _tenth(match: re.Match[str]) -> str:
    text = f"{float(match[0]):.1f}"
    return text.removesuffix(".0") if text not in ("-0.0", "0.0") else "0"
