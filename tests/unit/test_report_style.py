"""The page's colours can be read: WCAG's contrast of 4.5 in light, in dark and in print."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

STYLE = (files("wemix_ref.report") / "templates" / "style.css").read_text(encoding="utf-8")
THEMES = {
    name: dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]+);", block))
    for name, block in zip(
        ("light", "dark", "print"), re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL), strict=True
    )
}
TEXT = ("ink", "muted", "accent", "good", "bad", "warn")
BACKGROUNDS = ("paper", "panel")


def luminance(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_computed_as_defined():
    assert contrast("#fff", "#000000") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("theme", THEMES)
def test_text_can_be_read(theme):
    colours = THEMES[theme]
    for background in BACKGROUNDS:
        for text in TEXT:
            assert contrast(colours[text], colours[background]) >= 4.5, (text, background)
    for text in ("ink", "bad"):  # a row that differs
        assert contrast(colours[text], colours["mark"]) >= 4.5, (text, "mark")


@pytest.mark.parametrize("theme", THEMES)
def test_marks_of_figures_stand_out(theme):
    colours = THEMES[theme]
    for series in ("series-1", "series-2", "series-3"):
        assert contrast(colours[series], colours["paper"]) >= 3.0


def test_the_style_loads_nothing():
    assert "@import" not in STYLE
    assert "url(" not in STYLE
