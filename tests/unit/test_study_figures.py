"""Figures of a study: what is drawn is what was measured; names, limits and sizes."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from tests.unit import study_example as example
from tests.unit.study_page import view_of
from tests.unit.test_report_style import contrast
from wemix_ref.report.studies.agreement import (
    AuditCount,
    agreement_pictures,
    audit_counts,
    audit_lines,
    audit_messages,
)
from wemix_ref.report.studies.canvas import PALETTE, Canvas, Scale, standalone
from wemix_ref.report.studies.estimates import estimate_pictures
from wemix_ref.report.studies.forest import bias_pictures, coverage_pictures
from wemix_ref.report.studies.nested_loop import looped, nested_loop_pictures, spread_out
from wemix_ref.report.studies.panels import lay_out, limits_around, text_width
from wemix_ref.report.studies.zips import chosen_scenarios, half_widths, zip_pictures, zipped
from wemix_ref.report.svg import drawing


@pytest.fixture(scope="module")
def small():
    return view_of(example.small_study())


@pytest.fixture(scope="module")
def large():
    study = example.large_study()
    study["replicates"] = 60
    return view_of(study)


def strokes(svg, variable, width):
    """Ends of the horizontal strokes of a colour and width, in points."""
    found = []
    style = f"fill:none;stroke:var({variable});stroke-width:{width}"
    for data in re.findall(rf'<path d="([^"]*)" style="{re.escape(style)}"', str(svg)):
        found += [tuple(map(float, m)) for m in re.findall(r"M(\S+) (\S+?)H([\d.]+)", data)]
    return found


def test_a_sheet_draws_each_line_where_it_was_put():
    with drawing():
        canvas = Canvas(4, 2)
        canvas.lines([[(1, 0.5), (3, 0.5)]], PALETTE[0], 1.3)
        canvas.lines([[(0.5, 1.0), (1.5, 1.0)]], PALETTE[0], 1.3)
        canvas.text(2, 1, "a $x$ < b", size=8)
        svg = canvas.svg("one", "Title", "told")
    assert strokes(svg, "--analysis-1", 1.3) == [(72, 36, 216), (36, 72, 108)]
    assert svg.count("<path") == 1
    root = ET.fromstring(svg)
    (text,) = root.iter("text")
    assert text.text == "a $x$ < b"
    assert (float(text.get("x")), root.get("viewBox")) == (144, "0 0 288 144")


def test_what_is_written_keeps_its_decimals():
    with drawing():
        canvas = Canvas(4, 2)
        canvas.text(1.23456, 1, "−0.0025 to 0.00125")
        svg = canvas.svg("one", "Title", "told")
    (text,) = ET.fromstring(svg).iter("text")
    assert text.text == "−0.0025 to 0.00125"
    assert len(text.get("x")) < 6


def test_intervals_of_the_bias_are_196_errors_either_side(small):
    (picture,) = bias_pictures(small)
    found = strokes(picture.wide, "--analysis-1", 1.3)
    assert len(found) == len(example.PARAMETERS)
    # per panel the scale is known from two ticks; widths are in the ratio of the errors
    ours = [small.measured("main", "unweighted", p, "bias").mcse for p in example.PARAMETERS]
    other = strokes(picture.wide, "--analysis-2", 1.3)
    theirs = [small.measured("main", "all", p, "bias").mcse for p in example.PARAMETERS]
    for (x0, _, x1), (z0, _, z1), a, b in zip(found, other, ours, theirs, strict=True):
        assert (x1 - x0) / (z1 - z0) == pytest.approx(a / b, rel=0.02)


def test_an_interval_of_the_coverage_has_its_width_on_the_scale(small):
    (picture,) = coverage_pictures(small)
    texts = [(float(t.get("x")), t.text) for t in ET.fromstring(picture.wide).iter("text")]
    (left, low), (right, high) = [(x, float(t)) for x, t in texts if t in ("90", "95")][:2]
    one = small.measured("main", "unweighted", "(Intercept)", "coverage")
    x0, _, x1 = strokes(picture.wide, "--analysis-1", 1.3)[0]
    unit = (right - left) / (high - low)
    for x, sign in ((x0, -1), (x1, 1)):
        end = 100 * (one.estimate + sign * 1.959964 * one.mcse)
        assert x == pytest.approx(left + unit * (end - low), abs=0.15)


def test_one_scenario_is_one_figure_and_many_are_one_a_parameter(small, large):
    assert [one.name for one in coverage_pictures(small)] == ["coverage"]
    names = [one.name for one in coverage_pictures(large)]
    assert names == [
        "coverage-1-intercept",
        "coverage-2-x",
        "coverage-3-z",
        "coverage-4-var-school-intercept",
        "coverage-5-sigma2",
    ]
    wide = str(bias_pictures(large)[1].wide)
    for scenario in large.scenarios:
        assert scenario.label.split(",")[0] in wide
    for label in large.labels.values():
        assert wide.count(f">{label}</text>") == 4  # once a row of panels


def test_what_lies_far_off_is_an_arrow_with_its_number(large):
    wide = str(bias_pictures(large)[1].wide)
    value = large.measured(large.scenarios[0].name, "total", "x", "bias").estimate
    assert f">{value:.2f} ▸</text>" in wide


def test_an_analysis_without_a_value_says_so(small):
    performance = small.performance
    gone = (performance["analysis"] == "all") & (performance["parameter"] == "x")
    view = view_of(example.small_study(), performance=performance[~gone])
    assert str(bias_pictures(view)[0].wide).count(">not defined</text>") == 1


def test_analyses_with_the_same_estimates_share_a_row_of_the_bias():
    study = example.small_study()
    study["analyses"] = {"w": {"weights": "all", "se": ["wemix", "sas"], "label": "weighted"}}
    given = example.everything({**study, "analyses": {"w-wemix": {}}})
    performance = given["performance"]
    both = pd.concat([performance, performance.assign(analysis="w-sas")], ignore_index=True)
    view = view_of({**study}, performance=both, rows_by_scenario=given["rows_by_scenario"])
    assert view.labels == {"w-wemix": "weighted, wemix", "w-sas": "weighted, sas"}
    assert view.fits == (("w-wemix", "weighted"),)
    assert str(bias_pictures(view)[0].wide).count(">weighted</text>") == 2
    assert str(coverage_pictures(view)[0].wide).count(">weighted, sas</text>") == 2


def test_limits_leave_out_analyses_that_lie_far_off():
    near = [[-1.0, 0.2], [-0.5, 0.8], [1.0, math.nan]]
    low, high = limits_around(0.0, [*near, [0.1, 400.0]])
    assert low < -1
    assert 1 < high < 10
    low, high = limits_around(0.0, [*near, [0.1, 3.5]])  # not far enough
    assert high > 3.5
    # far off in one of two scenarios, most analyses: the scale holds them all
    low, high = limits_around(0.0, [[0.0, 1.1], [0.0, 0.17], [0.0, 0.66]])
    assert high > 1.1
    assert limits_around(2.0, []) == (1.0, 3.0)
    assert limits_around(2.0, [[2.0], [math.nan]]) == (1.0, 3.0)


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("n", [1, 5, 24])
def test_panels_neither_overlap_nor_leave_the_sheet(narrow, n):
    with drawing():
        grid = lay_out(
            [f"factor {k}, other factor {k}" for k in range(n)],
            ["a name", "a very long name of an analysis indeed"],
            narrow=narrow,
            row=0.2,
        )
    for k, one in enumerate(grid.panels):
        assert 0 < one.left < one.right < grid.canvas.width
        assert 0 < one.top < one.bottom < grid.canvas.height
        for other in grid.panels[:k]:
            apart = other.right < one.left or other.bottom + 0.2 < one.top
            assert apart


def test_the_zip_ranks_by_size_of_z_and_keeps_centiles():
    rng = np.random.default_rng(3)
    n = 1000
    rows = pd.DataFrame(
        {
            "estimate": 2 + rng.normal(size=n),
            "se": np.full(n, 1.0),
            "target": np.full(n, 2.0),
            "n_top": np.full(n, 6),
        }
    )
    rows.loc[3, "se"] = np.nan
    one = zipped(rows, 0.9, "t")
    half = t.ppf(0.95, 5)
    good = rows.drop(index=3)
    error = (good["estimate"] - 2).to_numpy()
    assert one.n == n - 1
    assert one.coverage == np.mean(np.abs(error) <= half)
    middle = np.abs((one.low + one.high) / 2)
    assert (np.diff(middle) > 0).all()  # equal SEs: |z| rises with the distance
    np.testing.assert_allclose(one.high - one.low, 2 * half)
    np.testing.assert_array_equal(one.covers, middle <= half)
    assert one.centiles.size == 100
    assert middle[49] == np.sort(np.abs(error))[int(49.5 * (n - 1) / 100)]


def test_intervals_are_normal_unless_t_is_asked_for():
    rows = pd.DataFrame({"se": [1.0, 2.0], "n_top": [3, 21]})
    np.testing.assert_allclose(half_widths(rows, 0.95, "normal"), [1.959964, 3.919928], rtol=1e-6)
    np.testing.assert_allclose(half_widths(rows, 0.95, "t"), [4.302653, 4.171927], rtol=1e-6)


def test_zips_are_of_fixed_effects_and_of_the_worst_scenarios(large):
    pictures = zip_pictures(large)
    assert [one.name for one in pictures] == ["zip-1-intercept", "zip-2-x", "zip-3-z"]
    chosen = [one.name for one in chosen_scenarios(large, "x")]
    departures = {
        one.name: max(
            abs(large.measured(one.name, a, "x", "coverage").estimate - 0.9) for a in large.analyses
        )
        for one in large.scenarios
    }
    assert len(chosen) == 4
    rest = [value for name, value in departures.items() if name not in chosen]
    assert min(departures[name] for name in chosen) >= max(rest)
    assert "4 of 12 scenarios" in pictures[1].caption


def test_every_scenario_begins_a_new_line_of_zips(large):
    narrow = ET.fromstring(zip_pictures(large)[1].narrow)
    heights = {}
    for text in narrow.iter("text"):
        heights.setdefault(text.text, []).append((float(text.get("y")), float(text.get("x"))))
    first = heights["unweighted"]
    assert len(first) == 4
    assert len({x for _, x in first}) == 1  # leftmost in each
    assert [y for y, _ in first] == sorted({y for y, _ in first})
    assert min(x for places in heights.values() for _, x in places) >= 0


def test_loops_run_over_the_factorial_with_the_last_factor_innermost(large, small):
    factors, scenarios = looped(large)
    assert factors == ("strength", "informative", "size")
    values = [tuple(one.parameters[name] for name in factors) for one in scenarios]
    assert values[:4] == [(0, "top", 5), (0, "top", 10), (0, "top", 20), (0, "bottom", 5)]
    assert [one.name for one in nested_loop_pictures(large)] == ["loop-bias", "loop-coverage"]
    assert nested_loop_pictures(small) == []


def test_a_loop_has_a_step_for_every_scenario(large):
    wide = str(nested_loop_pictures(large)[1].wide)
    style = "fill:none;stroke:var(--analysis-1);stroke-width:1.5"
    (data,) = re.findall(rf'<path d="([^"]*)" style="{re.escape(style)}"', wide)
    assert data.count("M") == len(large.parameters)
    # two ends of each of twelve steps
    assert len(re.findall("[MLHV]", data)) == 2 * 12 * len(large.parameters)


def test_a_loop_says_the_value_of_what_lies_beyond_its_scale(large):
    wide = str(nested_loop_pictures(large)[0].wide)
    last = looped(large)[1][-1].name
    value = large.measured(last, "total", "x", "bias").estimate
    assert f">{large.labels['total']} {value:.2g}</text>" in wide
    others = large.measured(last, "unweighted", "x", "bias").estimate
    assert f">{large.labels['unweighted']} {others:.2g}</text>" not in wide
    width = float(re.search(r'viewBox="0 0 (\S+) ', wide)[1])
    for place, text in re.findall(r'<text x="(\S+)"[^>]*>([^<]* \d[^<]*)</text>', wide):
        if text.startswith(large.labels["total"]):
            assert float(place) + 72 * text_width(text, 7.5) < width


@pytest.mark.parametrize("name", ["se_beta_model", "se_beta_sandwich", "se_variance_sandwich"])
def test_quantities_of_an_audit_have_words(name):
    study = {**example.large_study(), "replicates": 5, "factors": {"strength": [0]}}
    audit = example.audit(study, n=1).assign(quantity=name)
    lines = audit_lines(view_of(study, audit=audit))
    assert {one.quantity[:6] for one in lines} == {"SE of "}


def test_labels_are_moved_apart_within_bounds():
    places = [0.1, 0.11, 0.12, 0.9, 0.95]
    found = spread_out(places, 0.1, 0.0, 1.0)
    assert (np.diff(found) >= 0.1 - 1e-12).all()
    assert max(found) <= 1.0
    assert min(found) >= 0.0
    assert spread_out([0.2, 0.5], 0.1, 0, 1) == [0.2, 0.5]
    assert spread_out([], 0.1, 0, 1) == []


def test_estimates_are_shown_against_constant_and_varying_targets(small, large):
    (one,) = estimate_pictures(small)
    assert one.caption.startswith("Estimates; the upright line is the target")
    assert ">estimate</text>" in one.wide
    many = estimate_pictures(large)
    assert len(many) == len(large.parameters)
    assert "minus targets" in many[0].caption
    assert ">estimate − target</text>" in many[0].wide


def test_the_agreement_counts_fits_and_names_the_worst():
    study = example.large_study()
    study["replicates"] = 5
    audit = example.audit(study)
    audit["ok"] = audit["ok"].astype("boolean")
    audit.loc[7, ["digits", "ok"]] = [2.25, False]
    # another number of that fit and quantity agrees
    audit = pd.concat([audit, audit.iloc[[7]].assign(name="z", digits=9.0, ok=True)])
    audit = audit.reset_index(drop=True)
    status = {"tier": "status", "quantity": "status", "name": "failed", "message": "no R"}
    last = {**audit.iloc[0].to_dict(), **status, "digits": np.nan, "ok": False}
    audit = pd.concat([audit, pd.DataFrame([last])], ignore_index=True)
    view = view_of(study, audit=audit)
    worst = audit.loc[7]
    lines = {(one.engine, one.tier, one.quantity): one for one in audit_lines(view)}
    line = lines["lme4", "each at its own optimum", "deviance"]
    assert (line.fewest, line.outside) == (2.25, 1)
    assert line.where == f"{worst['scenario']}, replicate {worst['replicate']}, unweighted, x"
    assert line.replicates == 12 * 4
    assert sum(one.outside for one in lines.values()) == int((~audit["ok"][:-1]).sum())
    assert audit_messages(view) == [("lme4", "failed: no R", 1)]
    (picture,) = agreement_pictures(view)
    assert "var(--bad)" in picture.wide
    (picture,) = agreement_pictures(view_of(study, audit=audit.assign(ok=True)))
    assert "var(--bad)" not in picture.wide
    # verdicts read from CSV are text
    again = view_of(study, audit=audit.assign(ok=audit["ok"].astype(str).replace("<NA>", np.nan)))
    assert audit_lines(again) == audit_lines(view)


def test_every_number_of_an_audit_is_counted_once():
    study = {**example.large_study(), "replicates": 5, "factors": {"strength": [0]}}
    audit = example.audit(study)
    audit = audit[audit["analysis"].isin(["unweighted", "total"])].reset_index(drop=True)
    audit["ok"] = audit["ok"].astype("boolean")
    ours = audit["engine"] == "lme4"
    audit.loc[ours, "ok"] = True
    first = audit.index[ours][:6]
    audit.loc[first[:3], "ok"] = False
    audit.loc[first[0], "digits"] = np.nan  # ours is missing: differs all the same
    audit.loc[first[3:5], "ok"] = pd.NA
    audit.loc[first[5], ["ok", "digits"]] = [pd.NA, np.nan]
    status = {"tier": "status", "quantity": "status", "name": "failed", "digits": np.nan}
    last = {**audit.iloc[0].to_dict(), **status, "replicate": 9, "ok": False}
    audit = pd.concat([audit, pd.DataFrame([last])], ignore_index=True)
    n = int(ours.sum())
    for frame in (audit, audit.assign(ok=audit["ok"].astype(str).replace("<NA>", np.nan))):
        counted = audit_counts(view_of(study, audit=frame))
        assert [one.engine for one in counted] == ["lme4", "lme4, weighted", "all engines"]
        one, other, every = counted
        assert one == AuditCount("lme4", 4, n, n - 6, 3, 2, 1, 1)
        assert every.numbers == n + other.numbers == len(audit) - 1
        assert every.silent == 1
    assert audit_counts(view_of(study, audit=audit[:0])) == []


def test_no_audit_is_no_figure(small):
    assert agreement_pictures(small) == []
    assert audit_lines(small) == []


def test_a_file_stands_by_itself(small):
    text = standalone(bias_pictures(small)[0].wide)
    root = ET.fromstring(text.encode())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "var(" not in text
    assert root.get("width", "").endswith("pt")


def test_a_scale_clips_and_ticks_within():
    scale = Scale(0.0, 10.0, 1.0, 2.0)
    assert scale(5.0) == 1.5
    assert (scale.clip(-3), scale.clip(30)) == (1.0, 2.0)
    ticks = scale.ticks(5)
    assert ticks == [0, 2, 4, 6, 8, 10]
    assert not scale.holds(10.1)


@pytest.mark.parametrize("theme", [0, 1, 2])
def test_colours_of_analyses_stand_out_in_every_theme(theme):
    def themes(name):
        text = (files("wemix_ref.report") / "templates" / name).read_text(encoding="utf-8")
        blocks = re.findall(r":root \{(.*?)\}", text, re.DOTALL)
        return [dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]+);", block)) for block in blocks]

    paper = themes("style.css")[theme]["paper"]
    colours = themes("study.css.j2")[theme]
    assert len(colours) == len(set(colours.values())) == len(PALETTE)
    for name, colour in colours.items():
        assert contrast(colour, paper) >= 3.0, name
