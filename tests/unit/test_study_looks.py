"""An analysis looks the same in every figure of a study, and no two look alike."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd

from tests.unit import study_example as example
from tests.unit.study_page import view_of
from wemix_ref.report.studies.estimates import estimate_pictures
from wemix_ref.report.studies.forest import bias_pictures, coverage_pictures
from wemix_ref.report.studies.looks import look_of
from wemix_ref.report.studies.nested_loop import nested_loop_pictures
from wemix_ref.report.studies.zips import zip_pictures


def recipes_view():
    """Two kinds of estimates, of which one has three standard errors, over a factorial."""
    study = {**example.small_study(), "factors": {"size": [5, 10], "share": [0.5, 1]}}
    study["replicates"] = 60
    study["analyses"] = {"unweighted": {}, "w-model": {}}
    given = example.everything(study)
    kinds = ("w-model", "w-sas", "w-wemix")
    for key in ("performance", "paired"):
        frame = given[key]
        again = [frame[frame["analysis"] == kinds[0]].assign(analysis=one) for one in kinds[1:]]
        given[key] = pd.concat([frame, *again], ignore_index=True)
    for name, rows in given["rows_by_scenario"].items():
        again = [rows[rows["analysis"] == kinds[0]].assign(analysis=one) for one in kinds[1:]]
        given["rows_by_scenario"][name] = pd.concat([rows, *again], ignore_index=True)
    study["analyses"] = {
        "unweighted": {},
        "w": {"weights": "all", "se": ["model", "sas", "wemix"]},
    }
    given.pop("study_yaml")
    return view_of(study, **given)


def texts(root):
    """Style, place and words of every text."""
    for group in root.iter():
        for one in group.findall("text"):
            style = group.get("style", "") + one.get("style", "")
            yield style, float(one.get("x")), float(one.get("y")), one.text


def colours_by_row(svg):
    """Colour of the strokes right of each row's name."""
    root = ET.fromstring(str(svg))
    rows = {y: text for style, _, y, text in texts(root) if "text-anchor:end" in style}
    found = {}
    for path in root.iter("path"):
        colour = re.search(r"stroke:var\((--analysis-\d)\)", path.get("style", ""))
        for _, y in re.findall(r"M(\S+) (\S+?)H", path.get("d")) if colour else ():
            near = min(rows, key=lambda one: abs(one - float(y)))
            if abs(near - float(y)) < 12:
                found.setdefault(rows[near].partition(",")[0], set()).add(colour[1])
    return found


def test_an_analysis_has_one_colour_in_every_figure():
    view = recipes_view()
    expected = {"unweighted": {"--analysis-1"}, "w": {"--analysis-2"}}
    assert view.fits == (("unweighted", "unweighted"), ("w-model", "w"))
    for picture in (bias_pictures(view)[1], coverage_pictures(view)[1], estimate_pictures(view)[1]):
        assert colours_by_row(picture.wide) == expected, picture.name
    for picture in nested_loop_pictures(view):
        labels = {}
        for style, _, _, text in texts(ET.fromstring(str(picture.wide))):
            for colour in re.findall(r"--analysis-\d", style):
                labels.setdefault(text.partition(",")[0], set()).add(colour)
        assert labels == expected
    for picture in zip_pictures(view):
        places = colours_of_panels(picture.wide)
        assert places == expected


def colours_of_panels(svg):
    """Colours of the upright stacks of lines under each title."""
    root = ET.fromstring(str(svg))
    titles = [
        (x, y, text)
        for style, x, y, text in texts(root)
        if "font-weight:700" in style and text.partition(",")[0] in ("unweighted", "w")
    ]
    found = {}
    for path in root.iter("path"):
        colour = re.search(r"stroke:var\((--analysis-\d)\)", path.get("style", ""))
        for x, y in re.findall(r"M(\S+) (\S+?)H", path.get("d")) if colour else ():
            over = [one for one in titles if one[0] <= float(x) + 1 and one[1] < float(y)]
            row = max(one[1] for one in over)
            title = max((one for one in over if one[1] == row), key=lambda one: one[0])[2]
            found.setdefault(title.partition(",")[0], set()).add(colour[1])
    return found


def test_no_two_analyses_look_alike():
    view = recipes_view()
    looks = [look_of(view, one) for one in view.analyses]
    assert len({one.colour for one in looks}) == 2
    assert len({(one.colour, one.marker) for one in looks}) == 4
    assert len({(one.colour, one.dashes) for one in looks}) == 4
    study = {**example.small_study(), "analyses": {f"a{k}": {} for k in range(20)}}
    study["replicates"] = 20
    many = view_of(study)
    looks = [look_of(many, one) for one in many.analyses]
    assert len({one.colour for one in looks}) == 8
    assert len({(one.colour, one.marker) for one in looks}) == 20
    assert len({(one.colour, one.dashes) for one in looks}) == 20


def test_analyses_without_a_value_do_not_share_a_row():
    small = view_of(example.small_study())
    performance = small.performance.assign(estimate=np.nan)
    view = view_of(example.small_study(), performance=performance)
    assert [one for one, _ in view.fits] == list(view.analyses)
