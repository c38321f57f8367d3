"""Pictures: what is drawn is what was computed, and nothing outside the picture changes."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from tests.identities.conftest import simulate
from wemix_ref import mix
from wemix_ref.errors import OptionError
from wemix_ref.plots import matrices
from wemix_ref.plots.diagnostics import normal_quantiles, running_means
from wemix_ref.results import FittedModel

pytest.importorskip("matplotlib", reason="pictures need matplotlib, an optional dependency")
from matplotlib.figure import Figure

FORMULA = "y ~ x + z + (x|g3) + (1|g2:g3)"


@cache
def fitted(weighted: bool = True, formula: str = FORMULA) -> FittedModel:
    data = simulate(7, n_top=20).sample(frac=1.0, random_state=3)
    return mix(formula, data, ["w1", "w2", "w3"] if weighted else None)


def texts(ax) -> str:
    legend = ax.get_legend()
    found = [ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()]
    return " | ".join(found + ([t.get_text() for t in legend.get_texts()] if legend else []))


def line(ax, label: str) -> np.ndarray:
    (found,) = [one for one in ax.get_lines() if one.get_label() == label]
    return found.get_xydata()


def dots(ax) -> np.ndarray:
    (found,) = [one for one in ax.get_lines() if one.get_marker() == "o"]
    return found.get_xydata()


# -- matplotlib ------------------------------------------------------------------------------------


def test_nothing_global_changes_and_no_display_is_needed() -> None:
    code = """
import sys
from tests.identities.conftest import simulate
from wemix_ref import mix
fit = mix("y ~ x + (1|g2)", simulate(1, levels=2))
assert not [name for name in sys.modules if name.startswith("matplotlib")]
import matplotlib
def settings():  # asking for the backend would choose one
    return {key: matplotlib.rcParams[key] for key in matplotlib.rcParams if key != "backend"}
before = settings()
for ax in (fit.plot_matrix("V"), fit.plot_qq(), *fit.plot_caterpillar(), *fit.plot_profile()):
    ax.figure.savefig("/dev/null", format="png")
assert settings() == before
assert "matplotlib.pyplot" not in sys.modules
"""
    env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    env.pop("MPLBACKEND", None)
    run = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    "draw",
    [
        lambda fit: fit.plot_matrix("V"),
        lambda fit: fit.plot_residuals(),
        lambda fit: fit.plot_qq(),
        lambda fit: fit.plot_random_effects_qq(),
        lambda fit: fit.plot_caterpillar(),
        lambda fit: fit.plot_profile(),
    ],
)
def test_a_missing_matplotlib_is_named_with_what_to_install(draw, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'wemix-ref\[workbench\]'"):
        draw(fitted())


def words(svg: Path) -> list[str]:
    return [t.text for t in ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_figures_of_the_documentation_are_made_by_their_script(
    tmp_path: Path, project_root: Path
) -> None:
    script = project_root / "docs" / "figures.py"
    run = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    made = sorted(tmp_path.iterdir())
    assert [path.name for path in made] == [p.name for p in sorted(script.parent.glob("*.svg"))]
    for path in made:
        # the compressed image inside depends on matplotlib's version, titles and ticks do not
        assert words(path) == words(script.parent / path.name)
        assert len(words(path)) > 20
        assert path.name in (script.parent / path.with_suffix(".md").name).read_text("utf-8")


# -- Z, G, V ---------------------------------------------------------------------------------------


def image(ax) -> np.ndarray:
    (found,) = ax.get_images()
    low, high = found.get_clim()
    assert low == -high, "zero must have the middle colour"
    assert found.get_cmap()(0.5)[:3] == pytest.approx((0.97, 0.97, 0.97), abs=0.02)
    return np.asarray(found.get_array())


@pytest.mark.parametrize("kind", ["marginal", "working"])
def test_heat_map_shows_v_of_the_rows_asked_for(kind: str) -> None:
    fit = fitted()
    V = fit.V(kind).toarray()
    np.testing.assert_allclose(image(fit.plot_matrix("V", kind=kind)), V, rtol=1e-12)
    rows = [40, 3, 17, 5]
    ax = fit.plot_matrix("V", kind=kind, rows=rows)
    np.testing.assert_allclose(image(ax), V[np.ix_(rows, rows)], rtol=1e-12)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["40", "3", "17", "5"]
    group = fit.design.levels[-1].labels[2]
    chosen = np.flatnonzero(fit.design.levels[-1].codes == 2)
    ax = fit.plot_matrix("V", kind=kind, group=group)
    np.testing.assert_allclose(image(ax), V[np.ix_(chosen, chosen)], rtol=1e-12)
    assert ("model-implied" if kind == "marginal" else "working") in texts(ax)
    bar = ax.figure.axes[-1]
    assert bar.get_ylabel() == "covariance (unit of y, squared)"
    assert ax.get_aspect() == 1.0


def test_heat_maps_of_z_and_g_show_the_effects_of_a_group() -> None:
    fit = fitted()
    Z, G = fit.Z().toarray(), fit.G().toarray()
    np.testing.assert_array_equal(image(fit.plot_matrix("Z", rows=slice(0, 12))), Z[:12])
    np.testing.assert_allclose(image(fit.plot_matrix("G")), G, rtol=1e-12)
    np.testing.assert_allclose(image(fit.plot_matrix("G", rows=[2, 0])), G[[2, 0]][:, [2, 0]])
    label = fit.design.levels[-1].labels[1]
    rows = np.flatnonzero(fit.design.levels[-1].codes == 1)
    acting = np.flatnonzero(np.any(Z[rows] != 0, axis=0))
    assert 2 < acting.size < Z.shape[1]
    np.testing.assert_array_equal(image(fit.plot_matrix("Z", group=label)), Z[rows][:, acting])
    ax = fit.plot_matrix("G", group=label)
    np.testing.assert_allclose(image(ax), G[acting][:, acting], rtol=1e-12)
    names = [tick.get_text() for tick in ax.get_xticklabels()]
    assert names[-2:] == [f"{label} (Intercept)", f"{label} x"]
    lower = fit.design.levels[0]
    ax = fit.plot_matrix("V", group=lower.labels[4], level=lower.name)
    assert image(ax).shape == ((lower.codes == 4).sum(),) * 2


def test_entries_that_share_a_cell_show_the_largest(monkeypatch) -> None:
    monkeypatch.setattr(matrices, "MOST_CELLS", 3)
    values = np.zeros((7, 5))
    values[2, 1], values[3, 4], values[6, 2] = -4.0, 2.0, 1.0
    expected = [[-4.0, 0.0, 0.0], [0.0, 0.0, 2.0], [0.0, 1.0, 0.0]]
    np.testing.assert_array_equal(matrices._pooled(values), expected)


def test_pictures_go_where_they_are_told() -> None:
    fit = fitted()
    figure = Figure()
    axes = figure.subplots(1, 3)
    assert fit.plot_matrix("V", rows=[0, 1], ax=axes[0]) is axes[0]
    assert fit.plot_qq(ax=axes[1]) is axes[1]
    assert fit.plot_caterpillar(axes=axes) == tuple(axes)
    with pytest.raises(OptionError, match="axes must be 3, one a picture; found 2"):
        fit.plot_random_effects_qq(axes=axes[:2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("R", {}), '"Z", "G" or "V"'),
        (("V", {"kind": "w"}), "kind must be"),
        (("G", {"kind": "working"}), "one of V"),
        (("V", {"rows": [0, -1]}), r"1 do not \(first: -1\)"),
        (("Z", {"rows": []}), "at least one"),
        (("V", {"rows": [0.5]}), "slice or a list of positions"),
        (("G", {"rows": [10_000]}), "first: 10000"),
        (("V", {"group": "nobody"}), "an id of 'g3'; found 'nobody'"),
        (("V", {"group": 1, "rows": [1]}), "pass one of them"),
        (("V", {"level": "g3"}), "pass group as well"),
        (("V", {"group": 1, "level": "g9"}), "level must be one of"),
    ],
)
def test_plot_matrix_refuses(arguments, message) -> None:
    matrix, rest = arguments
    with pytest.raises(OptionError, match=message):
        fitted().plot_matrix(matrix, **rest)


def test_a_picture_of_too_many_entries_is_refused_before_it_is_made() -> None:
    rng = np.random.default_rng(1)
    g = np.repeat(np.arange(500), 5)
    y = rng.normal(size=500)[g] + rng.normal(size=2500)
    fit = mix("y ~ 1 + (1|g)", pd.DataFrame({"y": y, "g": g}))
    with pytest.raises(OptionError, match=r"2500 x 2500\. Pass rows= or group="):
        fit.plot_matrix("V")
    assert image(fit.plot_matrix("V", group=7)).shape == (5, 5)


# -- residuals and random effects ------------------------------------------------------------------


def test_residuals_are_drawn_against_fitted_values_with_weighted_means() -> None:
    fit = fitted()
    ax = fit.plot_residuals()
    np.testing.assert_array_equal(dots(ax), np.column_stack([fit.fittedvalues, fit.resid]))
    means = line(ax, "weighted mean of neighbouring rows")
    order = np.argsort(fit.fittedvalues.to_numpy())
    first = np.array_split(order, 20)[0]
    w = fit.design.omega[first]
    assert means[0, 1] == pytest.approx(w @ fit.resid.to_numpy()[first] / w.sum())
    assert "unit of y" in texts(ax)


def test_few_rows_share_one_mean() -> None:
    x, y = running_means(np.arange(3.0), np.array([1.0, 2.0, 6.0]), np.array([1.0, 1.0, 2.0]))
    np.testing.assert_allclose([x, y], [[1.25], [3.75]])


def test_quantiles_are_those_of_replicated_units() -> None:
    values, w = np.array([3.0, -1.0, 0.5]), np.array([2.0, 1.0, 3.0])
    ordered, quantile, probability = normal_quantiles(values, w)
    np.testing.assert_array_equal(ordered, [-1.0, 0.5, 3.0])
    copies = (np.arange(6) + 0.5) / 6
    np.testing.assert_allclose(probability, [copies[0], copies[1:4].mean(), copies[4:].mean()])
    np.testing.assert_allclose(quantile, scipy.stats.norm.ppf(probability))
    _, _, equal = normal_quantiles(values, np.full(3, 7.0))
    np.testing.assert_allclose(equal, [1 / 6, 3 / 6, 5 / 6])


def test_qq_of_residuals_and_of_each_random_effect() -> None:
    fit = fitted()
    ax = fit.plot_qq()
    np.testing.assert_allclose(dots(ax)[:, 1], np.sort(fit.resid / fit.sigma))
    assert "by weight" in texts(ax)
    assert "by weight" not in texts(fitted(False).plot_qq())
    axes = fit.plot_random_effects_qq()
    assert [ax.get_title(loc="left") for ax in axes] == [
        "g2:g3: (Intercept)",
        "g3: (Intercept)",
        "g3: x",
    ]
    np.testing.assert_allclose(dots(axes[2])[:, 1], np.sort(fit.random_effects["g3"]["x"]))
    (one,) = fit.plot_random_effects_qq("g3", "x")
    np.testing.assert_array_equal(dots(one), dots(axes[2]))


def test_line_goes_through_the_quartiles_of_a_normal_sample() -> None:
    fit = fitted(False)
    ends = line(fit.plot_qq(), "line through quartiles")
    slope = np.diff(ends[:, 1])[0] / np.diff(ends[:, 0])[0]
    quartiles = np.quantile(fit.resid / fit.sigma, [0.25, 0.75], method="hazen")
    assert slope == pytest.approx(np.diff(quartiles)[0] / (2 * scipy.stats.norm.ppf(0.75)))


@pytest.mark.parametrize("weighted", [False, True])
def test_caterpillar_shows_modes_with_their_standard_errors(weighted: bool) -> None:
    fit = fitted(weighted)
    (ax,) = fit.plot_caterpillar("g3", "x", level=0.9)
    modes = fit.random_effects["g3"]["x"].sort_values()
    se = fit.random_effects_se["g3"]["x"].loc[modes.index]
    half = scipy.stats.norm.ppf(0.95) * se
    segments = np.concatenate([c.lines[2][0].get_segments() for c in ax.containers])
    segments = segments[np.argsort(segments[:, 0, 1])]
    np.testing.assert_allclose(segments[:, 0, 0], modes - half, rtol=1e-10)
    np.testing.assert_allclose(segments[:, 1, 0], modes + half, rtol=1e-10)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [str(g) for g in modes.index]
    coloured = {c.get_label(): len(c.lines[2][0].get_segments()) for c in ax.containers}
    assert coloured.get("leaves 0 out", 0) == int((modes.abs() > half).sum())
    assert "90 % interval" in texts(ax)


def test_effects_that_do_not_exist_are_refused() -> None:
    with pytest.raises(OptionError, match=r"g3: \(Intercept\), g3: x\); found group='g2'"):
        fitted().plot_caterpillar("g2")
    with pytest.raises(OptionError, match="level must lie between 0 and 1"):
        fitted().plot_caterpillar(level=95)


# -- profile ---------------------------------------------------------------------------------------


def is_dotted(one) -> bool:
    return one.get_linestyle() == ":" and len(one.get_ydata()) > 0


def test_profiles_of_a_weighted_fit_draw_no_cut_off() -> None:
    weighted, plain = fitted(True).plot_profile()[0], fitted(False).plot_profile()[0]
    assert "pseudo-deviance" in texts(weighted)
    assert "chi-square cut-offs\ndo not apply" in texts(weighted)
    assert "cut-off" in texts(plain)
    assert "pseudo" not in texts(plain)
    cut = [one.get_ydata()[0] for one in plain.get_lines() if is_dotted(one)]
    z = scipy.stats.norm.ppf(0.975)
    assert any(value == pytest.approx(z) for value in cut)
    assert any(value == pytest.approx(-z) for value in cut)
    assert not [one for one in weighted.get_lines() if is_dotted(one)]


def test_profiles_as_deviance_and_under_reml() -> None:
    fit = fitted(False)
    (ax,) = fit.plot_profile("g3.x", scale="deviance")
    table = fit.profile_theta("g3.x")
    drawn = next(one for one in ax.get_lines() if one.get_marker() == ".").get_xydata()
    np.testing.assert_allclose(drawn, table[["value", "deviance"]])
    data = simulate(7, n_top=20)
    reml = mix("y ~ x + (1|g3)", data, reml=True)
    (ax,) = reml.plot_profile(scale="deviance")
    assert ax.get_ylabel() == "REML criterion"


def test_plot_profile_refuses() -> None:
    with pytest.raises(OptionError, match='"zeta" or "deviance"'):
        fitted().plot_profile(scale="root")
    with pytest.raises(OptionError, match="level must lie"):
        fitted().plot_profile(level=1)
