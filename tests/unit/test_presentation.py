"""Summary, broom.mixed's tables, intervals and p values, and lme4's names."""

from __future__ import annotations

import warnings
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from tests.identities.conftest import simulate
from wemix_ref import FittedModel, mix
from wemix_ref.errors import DataError, ModelError, OptionError, SingularFitWarning
from wemix_ref.lme4_names import GETME_NAMES

WEIGHTS = ["w1", "w2", "w3"]
FORMULA = "y ~ x + z + (x|g3) + (1|g2)"


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return simulate(2, n_top=25)


@pytest.fixture(scope="module")
def fit(data: pd.DataFrame) -> FittedModel:
    return mix(FORMULA, data, WEIGHTS)


@pytest.fixture(scope="module")
def plain(data: pd.DataFrame) -> FittedModel:
    return mix(FORMULA, data)


@pytest.fixture(scope="module")
def reml(data: pd.DataFrame) -> FittedModel:
    return mix(FORMULA, data, reml=True)


# -- summary ---------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Texts of cells and paragraphs; fails on tags that are not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.texts: list[str] = []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.seen.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())


def test_summary_is_text_and_html_of_the_same_words(fit: FittedModel) -> None:
    summary = fit.summary()
    assert isinstance(summary, str)
    assert repr(summary) == str(summary) == str(fit)
    page = Page(summary._repr_html_())
    assert fit._repr_html_() == summary._repr_html_()
    assert page.seen == {"div", "p", "br", "table", "caption", "thead", "tbody", "tr", "th", "td"}
    words = " ".join(page.texts).replace(":", "").split()
    assert words == str(summary).replace(":", "").split()
    for title in ("Scaled residuals", "Random effects", "Fixed effects", "Sampling weights"):
        assert title in summary


def test_html_is_escaped(data: pd.DataFrame) -> None:
    odd = data.rename(columns={"x": "<script>alert(1)</script>", "g3": 'a"b&c'})
    fit = mix('y ~ `<script>alert(1)</script>` + (1|`a"b&c`)', odd)
    html = fit._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "a&quot;b&amp;c" in html
    assert "script" not in Page(html).seen


def test_digits_of_the_summary(fit: FittedModel) -> None:
    assert f"{fit.params['x']:.7f}" in fit.summary(7)
    assert f"{fit.tvalues['x']:.6f}" in fit.summary(t_digits=6)
    for digits in (-1, 18, 2.0, True, "4"):
        with pytest.raises(OptionError, match="digits must be"):
            fit.summary(digits)


# -- intervals and p values ------------------------------------------------------------------------


def test_normal_intervals(fit: FittedModel) -> None:
    table = fit.conf_int()
    half = 1.959963984540054 * fit.bse
    assert list(table.columns) == ["low", "high"]
    np.testing.assert_allclose(table["low"], fit.params - half, rtol=1e-14)
    np.testing.assert_allclose(table["high"], fit.params + half, rtol=1e-14)
    assert table.attrs["reference"] == "normal"


def test_t_intervals_take_their_df_from_groups_or_the_user(fit: FittedModel) -> None:
    K = fit.ngroups["g3"]
    q = scipy.stats.t.ppf(0.95, K - 1)
    by_groups = fit.conf_int(0.9, "t")
    np.testing.assert_allclose(by_groups["high"] - fit.params, q * fit.bse, rtol=1e-12)
    pd.testing.assert_frame_equal(by_groups, fit.conf_int(0.9, "t", df="groups"))
    pd.testing.assert_frame_equal(by_groups, fit.conf_int(0.9, "t", df=K - 1))
    assert by_groups.attrs["reference"] == f"t with {K - 1} degrees of freedom"
    wider = fit.conf_int(0.9, method="t", df=3.5)
    assert (wider["high"] > by_groups["high"]).all()
    assert (fit.conf_int(0.9)["high"] < by_groups["high"]).all()


def test_intervals_follow_the_recipe(fit: FittedModel) -> None:
    other = fit.with_se("sas")
    width = other.conf_int()["high"] - other.conf_int()["low"]
    np.testing.assert_allclose(width, 2 * 1.959963984540054 * other.bse, rtol=1e-12)
    assert not np.allclose(width, fit.conf_int()["high"] - fit.conf_int()["low"], rtol=1e-6)


def test_p_values(fit: FittedModel) -> None:
    t = np.abs(fit.tvalues)
    np.testing.assert_allclose(fit.pvalues, 2 * scipy.stats.norm.sf(t), rtol=1e-12)
    assert fit.pvalues.name == "pvalues"
    assert fit.pvalues.attrs["reference"] == "normal"
    by_t = fit.p_values("t", 7)
    np.testing.assert_allclose(by_t, 2 * scipy.stats.t.sf(t, 7), rtol=1e-12)
    assert by_t.attrs["reference"] == "t with 7 degrees of freedom"
    # an interval excludes zero just when p is below 1 - level
    table, p = fit.conf_int(0.9, "t", 7), fit.p_values("t", 7)
    assert ((table["low"] > 0) | (table["high"] < 0)).tolist() == (p < 0.1).tolist()
    F = fit.wald_test("x = 0", df=7)
    assert F.pvalue == pytest.approx(by_t["x"], rel=1e-10)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"level": 1.0}, "between 0 and 1"),
        ({"level": 0}, "between 0 and 1"),
        ({"level": 95}, "between 0 and 1"),
        ({"level": float("nan")}, "between 0 and 1"),
        ({"level": "0.95"}, "between 0 and 1"),
        ({"level": True}, "between 0 and 1"),
        ({"method": "profile"}, "method must be"),
        ({"df": 5}, 'belong to method="t"'),
        ({"method": "t", "df": 0}, "positive number"),
        ({"method": "t", "df": np.inf}, "positive number"),
        ({"method": "t", "df": float("nan")}, "positive number"),
        ({"method": "t", "df": "satterthwaite"}, "positive number"),
        ({"method": "t", "df": True}, "positive number"),
    ],
)
def test_other_intervals_are_refused(fit: FittedModel, options: dict, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        fit.conf_int(**options)


# -- tables ----------------------------------------------------------------------------------------

COLUMNS = ["effect", "group", "term", "estimate", "std.error", "statistic"]


def test_tidy_has_broom_mixeds_columns_and_rows(fit: FittedModel) -> None:
    table = fit.tidy()
    assert list(table.columns) == COLUMNS
    assert table[["effect", "group", "term"]].to_numpy().tolist() == [
        ["fixed", None, "(Intercept)"],
        ["fixed", None, "x"],
        ["fixed", None, "z"],
        ["ran_pars", "g2", "sd__(Intercept)"],
        ["ran_pars", "g3", "sd__(Intercept)"],
        ["ran_pars", "g3", "cor__(Intercept).x"],
        ["ran_pars", "g3", "sd__x"],
        ["ran_pars", "Residual", "sd__Observation"],
    ]
    components = fit.variance_components.set_index(["group", "var1", "var2"])
    np.testing.assert_allclose(table["estimate"][:3], fit.params)
    np.testing.assert_allclose(table["std.error"][:3], fit.bse)
    np.testing.assert_allclose(table["statistic"][:3], fit.tvalues)
    assert table["statistic"][3:].isna().all()
    assert table["estimate"][5] == components["sdcor"].iloc[3]
    np.testing.assert_allclose(table["estimate"][3:5], components["sdcor"].iloc[:2])
    pd.testing.assert_frame_equal(fit.tidy(effects="fixed"), table[:3])
    randoms = table[3:].reset_index(drop=True)
    pd.testing.assert_frame_equal(fit.tidy(effects="ran_pars"), randoms)


def test_tidy_on_the_scale_of_variances(fit: FittedModel) -> None:
    table = fit.tidy(effects="ran_pars", scales="vcov")
    assert table["term"].tolist() == [
        "var__(Intercept)",
        "var__(Intercept)",
        "cov__(Intercept).x",
        "var__x",
        "var__Observation",
    ]
    order = [0, 1, 3, 2, 4]
    components = fit.variance_components
    np.testing.assert_array_equal(table["estimate"], components["vcov"].iloc[order])
    np.testing.assert_array_equal(table["std.error"], components["se"].iloc[order])


@pytest.mark.parametrize("recipe", ["wemix", "stata", "model"])
def test_errors_of_deviations_and_correlations(fit: FittedModel, recipe: str) -> None:
    """Delta method again, by central differences in (theta, sigma) and `cov_params`."""
    other = fit.with_se(recipe)
    table = other.tidy(effects="ran_pars")
    names = [*fit.theta.index, "sigma"]
    V = other.cov_params("all").loc[names, names].to_numpy()
    start = np.append(fit.theta, fit.sigma)

    def of(point: np.ndarray) -> np.ndarray:
        t2, a, b, c = point[:4]
        sigma = point[4]
        sds = sigma * np.array([t2, a, np.hypot(b, c), 1.0])
        return np.array([sds[0], sds[1], b / np.hypot(b, c), sds[2], sds[3]])

    np.testing.assert_allclose(of(start), table["estimate"], rtol=1e-12)
    step = 1e-6
    J = np.column_stack(
        [(of(start + step * e) - of(start - step * e)) / (2 * step) for e in np.eye(5)]
    )
    expected = np.sqrt(np.diag(J @ V @ J.T))
    rows = [0, 1, 2, 3, 4]
    if recipe == "wemix":
        # each level has a block with sigma of its own; `cov_params` shows the lowest level's
        rows = [0, 2, 4]
    np.testing.assert_allclose(table["std.error"].iloc[rows], expected[rows], rtol=1e-7)


def test_tidy_with_intervals_and_p_values(fit: FittedModel) -> None:
    table = fit.tidy(True, 0.9, p_values=True, method="t")
    assert list(table.columns) == [*COLUMNS, "p.value", "conf.low", "conf.high"]
    expected = fit.conf_int(0.9, "t")
    np.testing.assert_allclose(table["conf.low"][:3], expected["low"])
    np.testing.assert_allclose(table["conf.high"][:3], expected["high"])
    np.testing.assert_allclose(table["p.value"][:3], fit.p_values("t"))
    assert table[["conf.low", "conf.high", "p.value"]][3:].isna().all(axis=None)
    for options, words in (
        ({"effects": "random"}, "effects must be"),
        ({"scales": "theta"}, "scales must be"),
        ({"conf_level": 95}, "between 0 and 1"),
        ({"method": "profile"}, "method must be"),
    ):
        with pytest.raises(OptionError, match=words):
            fit.tidy(**options)


def test_tidy_on_the_boundary_and_under_reml(data: pd.DataFrame, reml: FittedModel) -> None:
    flat = data.assign(y=np.tile([1.0, -1.0], len(data))[: len(data)] + data["x"])
    with pytest.warns(SingularFitWarning):
        singular = mix("y ~ x + (1|g2)", flat)
    table = singular.tidy(effects="ran_pars")
    assert table["estimate"][0] == pytest.approx(0.0, abs=1e-4)
    assert np.isnan(table["std.error"][0])
    assert np.isfinite(table["std.error"][1])
    assert reml.tidy(effects="ran_pars")["std.error"].isna().all()
    assert reml.tidy(effects="fixed")["std.error"].notna().all()


def test_terms_of_three_come_column_by_column(data: pd.DataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingularFitWarning)
        fit = mix("y ~ x + z + (x + z|g3)", data)
    table = fit.tidy(effects="ran_pars", scales="vcov")
    terms = table["term"].tolist()
    assert terms == [
        "var__(Intercept)", "cov__(Intercept).x", "cov__(Intercept).z",
        "var__x", "cov__x.z", "var__z", "var__Observation",
    ]  # fmt: skip
    matrix = fit.VarCorr["g3"].to_numpy()
    expected = matrix.T[np.triu_indices(3)]
    np.testing.assert_allclose(table["estimate"][:6], expected, rtol=1e-12)


def test_glance(plain: FittedModel, reml: FittedModel, fit: FittedModel) -> None:
    columns = ["nobs", "sigma", "logLik", "AIC", "BIC", "REMLcrit", "deviance", "df.residual"]
    for one in (plain, reml, fit):
        assert list(one.glance().columns) == columns
        assert len(one.glance()) == 1
    row = plain.glance().iloc[0]
    k = 3 + 4 + 1
    assert row["AIC"] == pytest.approx(plain.deviance + 2 * k, rel=1e-15)
    assert row["BIC"] == pytest.approx(plain.deviance + np.log(plain.nobs) * k, rel=1e-15)
    assert (row["nobs"], row["df.residual"]) == (plain.nobs, plain.nobs - k)
    assert np.isnan(row["REMLcrit"])
    assert row["deviance"] == plain.deviance
    under = reml.glance().iloc[0]
    assert np.isnan(under["deviance"])
    assert under["REMLcrit"] == reml.deviance
    assert reml.aic == under["AIC"] == reml.deviance + 2 * k


def test_criteria_of_a_weighted_fit_are_refused_with_the_reason(fit: FittedModel) -> None:
    table = fit.glance()
    assert table[["AIC", "BIC"]].isna().all(axis=None)
    assert "pseudo-likelihood" in table.attrs["reasons"]["AIC"]
    for name in ("aic", "bic"):
        with pytest.raises(ModelError, match="pseudo-likelihood"):
            getattr(fit, name)


def test_augment(data: pd.DataFrame) -> None:
    holed = data.assign(other=np.arange(len(data)))
    holed.loc[holed.index[3], "x"] = np.nan
    with pytest.warns(UserWarning, match="left out"):
        fit = mix("y ~ x + offset(z / 10) + (x|g3) + (1|g2)", holed, WEIGHTS)
    rows = fit.augment()
    kept = holed.drop(index=holed.index[3])
    assert rows.index.equals(kept.index)
    added = [".fitted", ".resid", ".fixed", ".mu", ".offset", ".weights"]
    assert list(rows.columns) == ["y", "x", "z", "g3", "g2", *WEIGHTS, *added]
    pd.testing.assert_series_equal(rows["y"], kept["y"])
    np.testing.assert_allclose(rows[".offset"], kept["z"] / 10)
    np.testing.assert_allclose(rows[".fitted"] + rows[".resid"], kept["y"], rtol=1e-12)
    fixed = fit.params["(Intercept)"] + fit.params["x"] * kept["x"] + kept["z"] / 10
    np.testing.assert_allclose(rows[".fixed"], fixed, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(rows[".weights"], kept["w1"])
    np.testing.assert_array_equal(rows[".mu"], rows[".fitted"])
    whole = fit.augment(holed)
    assert whole["other"].tolist() == kept["other"].tolist()
    pd.testing.assert_frame_equal(whole[added], rows[added])
    for wrong, words in (
        (kept, "row by row"),
        (holed[::-1], "row by row"),
        (holed.assign(**{".resid": 1.0}), "'.resid'"),
        ([1], "data must be"),
    ):
        with pytest.raises(DataError, match=words):
            fit.augment(wrong)


def test_augment_of_an_unweighted_fit_has_no_weights(plain: FittedModel) -> None:
    assert ".weights" not in plain.augment().columns


# -- lme4's names ----------------------------------------------------------------------------------


def test_short_names(fit: FittedModel) -> None:
    pd.testing.assert_series_equal(fit.fixef, fit.params, check_names=False)
    for name, table in fit.ranef.items():
        pd.testing.assert_frame_equal(table, fit.random_effects[name])


def test_getme_of_a_weighted_fit_holds_together(fit: FittedModel, data: pd.DataFrame) -> None:
    get = fit.getME
    np.testing.assert_allclose(get("Lambda") @ get("u"), get("b"), rtol=1e-12)
    fixed = get("X").to_numpy() @ get("beta") + get("offset")
    np.testing.assert_allclose(fixed + get("Z") @ get("b"), get("mu"), rtol=1e-11)
    np.testing.assert_array_equal(get("y"), data["y"])
    Lambdat = get("Lambdat").toarray()
    rows, columns = np.nonzero(Lambdat.T)  # row by row of Lambda is column by column of Lambdat
    np.testing.assert_array_equal(Lambdat[columns, rows], get("theta").to_numpy()[get("Lind")])
    assert get("Gp").tolist() == [0, get("l_i")["g2"], get("q")]
    assert get("cnms") == {"g2": ["(Intercept)"], "g3": ["(Intercept)", "x"]}
    assert get("flist")["g2"].tolist() == data["g2"].tolist()


def test_every_known_name_answers_and_an_unknown_one_lists_them(fit: FittedModel) -> None:
    for name in GETME_NAMES:
        assert fit.getME(name) is not None
    for wrong in ("RZX", "x", "", None, 3, []):
        with pytest.raises(OptionError, match=r"getME knows A, Gp, .*theta, u, y; found"):
            fit.getME(wrong)


def test_what_getme_gives_is_a_copy(fit: FittedModel) -> None:
    for name in ("theta", "beta", "fixef", "mu", "offset", "y"):
        before = np.array(fit.getME(name), copy=True)
        np.asarray(fit.getME(name))
        taken = fit.getME(name)
        taken[:] = -1.0
        np.testing.assert_array_equal(fit.getME(name), before)


def test_var_corr(fit: FittedModel) -> None:
    components = fit.VarCorr
    assert list(components) == ["g2", "g3"]
    assert components.sigma == fit.sigma
    table = fit.variance_components
    matrix = components["g3"]
    assert matrix.loc["x", "x"] == pytest.approx(table["vcov"][2], rel=1e-14)
    assert matrix.loc["(Intercept)", "x"] == pytest.approx(table["vcov"][3], rel=1e-14)
    assert components.stddev("g3")["x"] == pytest.approx(table["sdcor"][2], rel=1e-14)
    assert components.correlation("g3").iloc[0, 1] == pytest.approx(table["sdcor"][3], rel=1e-14)
    for word in ("g2", "g3", "(Intercept)", "correlations", "Residual"):
        assert word in repr(components)


def test_two_terms_on_one_factor_have_names_of_their_own(data: pd.DataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingularFitWarning)
        fit = mix("y ~ x + (x||g3)", data)
    assert list(fit.VarCorr) == ["g3", "g3.1"]
    assert fit.getME("cnms") == {"g3": ["(Intercept)"], "g3.1": ["x"]}
    assert fit.getME("l_i").to_dict() == {"g3": fit.ngroups["g3"]}
