"""A study's file in words: design, model and methods, references to parameters told apart."""

from __future__ import annotations

import html
import re

import pytest
from markupsafe import Markup

from tests.unit import study_example as example
from tests.unit.study_files import TINY, written
from wemix_ref.inference import RECIPES
from wemix_ref.report.studies import describe, wording
from wemix_ref.report.studies.distributions import distribution_words, quantity, rescaled_words
from wemix_ref.report.studies.equations import model_equations
from wemix_ref.report.studies.references import References
from wemix_ref.scaling import METHODS as SCALINGS
from wemix_ref.simulate import draws
from wemix_ref.simulate.analyses import USES
from wemix_ref.simulate.distributions import COVARIATES, STANDARDISED
from wemix_ref.simulate.sampling_spec import METHODS
from wemix_ref.simulate.streams import RStream
from wemix_ref.simulate.study import load_study


def plain(markup):
    return html.unescape(re.sub(r"<[^>]+>", "", str(markup)))


def test_equations_have_indices_slopes_and_distributions():
    population = {
        "levels": {"school": {}, "teacher": {}, "student": {}},
        "covariates": {"x": {"level": "student"}, "z": {"level": "school"}},
        "model": {
            "response": "y",
            "fixed": {"(Intercept)": 0, "x": -0.5, "x:z": "a * 2", "z": 1.0},
            "random": {
                "school": {"sd": 2, "recycle": 5},
                "teacher": {"terms": ["(Intercept)", "x"], "sd": [1, 0.5], "correlation": 0.3},
            },
            "residual": {"sd": "exp(z)", "distribution": "t", "df": 5},
        },
    }
    lines = list(map(plain, model_equations(population)))
    first = "yijk = 0 − 0.5 xijk + (a * 2) xijk zk + zk + uschool, k + uteacher, jk + "
    first += "uteacher x, jk xijk + eijk"
    assert lines == [
        first,
        "uschool, k ~ normal, mean 0, SD 2; only 5 values are drawn and repeated over the groups",
        "(uteacher, jk, uteacher x, jk) ~ normal, mean 0, SD 1 and 0.5, correlation 0.3",
        "eijk ~ Student’s t (degrees of freedom 5), scaled to mean 0, SD exp(z)",
    ]


def test_methods_say_weights_scaling_and_recipes():
    text = {
        "model": "y ~ 1 + (1|school)",
        "analyses": {
            "reml": {"reml": True, "residual_variance": "ml"},
            "some": {"weights": ["student"], "scale": ["size", "gk"], "se": ["sas", "mplus"]},
            "p": {"weights": "precision", "model": "y ~ x + (1|school)", "engine": "lme4"},
        },
    }
    reml, some, p = describe.analysis_lines(text)
    assert reml.method == "REML, residual variance r²/n"
    assert reml.scale == ()
    assert some.weights == "conditional weights of student; others are one"
    assert [one.partition(":")[0] for one in some.scale] == ["size", "gk"]
    assert [one.partition(":")[0] for one in some.se] == ["sas", "mplus"]
    assert some.method == "maximum pseudo-likelihood"
    assert (p.engine, plain(p.model)) == ("lme4", "y ~ x + (1|school)")
    assert p.weights.startswith("precision: ")


def test_coefficients_of_zero_stand_in_the_equation():
    population = {
        **example.POPULATION,
        "model": {
            **example.POPULATION["model"],
            "fixed": {"(Intercept)": 0, "x": 0.0, "z": "0", "x:z": -0.0},
        },
    }
    first = plain(model_equations(population)[0])
    assert first.startswith("yij = 0 + 0 xij + 0 zj + 0 xij zj + uschool, j")


@pytest.mark.parametrize("name", list(COVARIATES))
def test_every_distribution_of_covariates_has_words_for_every_option(name):
    options = COVARIATES[name].options
    numbers = {option: 3 + k for k, option in enumerate(options)}
    told = plain(distribution_words({"distribution": name, "level": "school", **numbers}))
    for number in numbers.values():
        assert len(re.findall(rf"\b{number}\b", told)) == 1, told
    # an option that is a parameter of the same name is not a word said twice
    named = distribution_words({"distribution": name, **{o: o for o in options}})
    for option in options:
        assert str(named).count(f"<code>{option}</code>") == 1
    assert not re.search(r"\b(\w+) \1\b", plain(named)), named
    # what is left out is said with its default, but for a minimum that does nothing
    given = {o: 7 for o, default in options.items() if default is None}
    left_out = plain(distribution_words({"distribution": name, **given}))
    for option, default in options.items():
        shown = 7 if default is None else default
        assert f"{shown:g}" in left_out or option == "minimum"


@pytest.mark.parametrize("name", list(STANDARDISED))
def test_every_distribution_of_effects_has_words_for_every_option(name):
    options = STANDARDISED[name].options
    spread = Markup("mean 0, SD 2")
    one = {"distribution": name, "sd": 2, **{o: f"0.{k + 3}" for k, o in enumerate(options)}}
    told = plain(rescaled_words(one, spread))
    for k, _ in enumerate(options):
        assert told.count(f"0.{k + 3}") == 1
    assert told.endswith("mean 0, SD 2")
    named = plain(rescaled_words({"distribution": name, **{o: o for o in options}}, spread))
    assert not re.search(r"\b(\w+) \1\b", named), named


def test_distributions_read_as_sentences_do():
    def told(**one):
        return plain(distribution_words(one))

    assert told(distribution="normal") == "normal, mean 0, SD 1"
    assert told(distribution="gamma", shape="shape") == "gamma, shape = shape, scale 1"
    assert told(distribution="uniform", high="a * 2") == "uniform from 0 to a * 2"
    assert (
        told(distribution="integers", low=1, high=6) == "equally likely whole numbers from 1 to 6"
    )
    assert told(distribution="bernoulli", p=0.5) == "Bernoulli, 1 with probability 0.5"
    assert told(distribution="poisson", mean=-1.5e-7) == "Poisson, mean −1.5e−07"
    lognormal = "log-normal, mean of the logarithm 0, SD of the logarithm 0.4"
    assert told(distribution="lognormal", sdlog=0.4) == lognormal
    gamma = rescaled_words({"distribution": "gamma", "shape": "shape"}, Markup("mean 0, SD 1"))
    assert plain(gamma) == "gamma (shape = shape), shifted and scaled to mean 0, SD 1"
    assert quantity("<b>") == Markup("<code>&lt;b&gt;</code>")


def test_values_repeated_over_units_are_told():
    one = {"level": "school", "distribution": "normal", "recycle": 5}
    (line,) = describe.variables({"covariates": {"q": one}})
    assert line.how == "normal, mean 0, SD 1; only 5 values, repeated over the units"


REFERRING = {
    "population": {
        "levels": {"school": {"size": "$schools"}, "student": {"size": 20}},
        "covariates": {"x": {"level": "student", "distribution": "$drawn"}},
        "model": {
            "response": "y",
            "fixed": {"(Intercept)": 1, "x": "$effect"},
            "random": {"school": {"sd": "$spread", "distribution": "$tails", "df": 5}},
            "residual": {"sd": 1},
        },
    },
    "sampling": {
        "school": {"method": "$scheme", "size": "$taken", "measure": "$by"},
        "student": {"method": "srs", "size": 5},
    },
    "model": "y ~ x + (1 | school)",
    "analyses": {"a": {"weights": "all", "reml": "$reml", "se": "$recipe", "scale": ["gk"]}},
}
CONSTANT = {"schools": 200, "drawn": "normal", "spread": 0.5, "by": "exp(u_school)", "reml": False}
CONSTANT |= {"taken": 10, "effect": 0.5, "tails": "normal", "scheme": "sampford", "recipe": "sas"}


def referring(*settings):
    return References(REFERRING, [{**CONSTANT, **one} for one in settings], ["scheme", "taken"])


def test_a_reference_that_never_varies_is_its_value():
    refers = referring({})
    assert refers.names == ()
    school, _ = refers.told(describe.stages)
    assert (school.method, school.source) == wording.METHODS["sampford"]
    assert (school.settings[0], school.through) == (
        ("size", "10"),
        "may be informative: depends on u_school",
    )
    assert plain(refers.symbolically(model_equations, REFERRING["population"])[0]) == (
        "yij = 1 + 0.5 xij + uschool, j + eij"
    )


def test_a_reference_that_varies_is_told_with_every_value_and_every_citation():
    refers = referring({"scheme": "systematic", "taken": 20}, {"scheme": "sampford"})
    school, student = refers.told(describe.stages)
    assert student.method == wording.METHODS["srs"][0]
    by = ", by scenario factor scheme"
    assert plain(school.method) == (
        f"systematic sampling (systematic) or Sampford’s design (sampford){by}"
    )
    assert "Madow 1949" in school.source
    assert "Sampford 1967" in school.source
    both = referring(*({"scheme": s, "taken": n} for s in ("srs", "poisson") for n in (5, 10, 20)))
    school, _ = both.told(describe.stages)
    assert plain(school.settings[0][1]) == "5, 10 or 20, by scenario factor taken"
    assert plain(school.method).endswith(by)
    assert "$" not in plain(school)


def test_what_is_informative_is_told_by_the_values_of_the_reference():
    refers = referring({"by": "x_bar"}, {"by": "exp(u_school)"})
    (school, _) = refers.told(describe.stages)
    assert plain(school.through) == (
        "not informative (x_bar) or may be informative: depends on u_school (exp(u_school)), by "
        "scenario parameter by"
    )


def test_references_in_methods_levels_and_variables_are_told():
    refers = referring(
        {"reml": True, "schools": 100, "drawn": "uniform", "recipe": "wemix"},
        {"reml": False, "schools": 100, "drawn": "normal"},
    )
    (line,) = refers.told(describe.analysis_lines)
    assert line.method == "maximum pseudo-likelihood"
    assert "sandwich as WeMix computes it (wemix) or sas: sandwich as SAS" in plain(line.se[0])
    school, _ = refers.told(lambda one: describe.levels(one["population"]))
    assert school.size == "100"
    (x,) = refers.told(lambda one: describe.variables(one["population"]))
    assert plain(x.how).startswith("uniform from 0 to 1 (uniform) or normal, mean 0, SD 1 (normal)")
    plainly = {**REFERRING, "analyses": {"a": {"reml": "$reml"}}}
    (line,) = References(plainly, [{**CONSTANT, "reml": r} for r in (True, False)], ()).told(
        describe.analysis_lines
    )
    method = "REML (true) or maximum likelihood (false), by scenario parameter reml"
    assert plain(line.method) == method


def test_a_text_that_two_references_decide_names_both():
    text = {
        **REFERRING,
        "nonresponse": {"student": {"probability": "$p", "adjust": "$how"}},
    }
    settings = [{"p": p, "how": how} for p, how in ((0.5, "none"), (0.9, "exact"))]
    refers = References(text, [{**CONSTANT, **one} for one in settings], ("p", "how"))
    ((level, told, _),) = refers.told(describe.adjustments)
    assert level == "student"
    assert "probability 0.5; weights are not adjusted or nonresponse" in plain(told)
    assert plain(told).endswith("divided by the response probability, by scenario: p, how")


def test_numbers_within_a_sentence_are_told_where_they_stand():
    trimming = {"student": {"times_median": "$cut", "redistribute": True}}
    settings = [{**CONSTANT, "cut": cut} for cut in (1.5, 100)]
    refers = References({**REFERRING, "trimming": trimming}, settings, ("cut",))
    ((_, told, _),) = refers.told(describe.adjustments)
    assert plain(told) == (
        "trimming: conditional weights are cut at 1.5 or 100 (by scenario factor cut) times their "
        "median; the excess is spread over the others"
    )
    covariate = {"level": "student", "distribution": "normal", "mean": "$m", "sd": "a < 2"}
    population = {**REFERRING["population"], "covariates": {"x": covariate}}
    settings = [{**CONSTANT, "m": m} for m in (0, -1)]
    refers = References({**REFERRING, "population": population}, settings)
    (x,) = refers.told(lambda one: describe.variables(one["population"]))
    assert x.how == Markup(
        "normal, mean 0 or −1 (by scenario parameter <code>m</code>), SD = <code>a &lt; 2</code>"
    )


def test_texts_that_are_joined_are_escaped_once():
    settings = [{**CONSTANT, "n": n} for n in (1, 2)]
    refers = References({**REFERRING, "noise": {"school": {"cv": "$n"}}}, settings)
    told = refers.told(lambda one: f"a & b {one['noise']['school']['cv']}")
    assert str(told).startswith("a &amp; b 1 or 2 (by")
    told = refers.told(lambda one: Markup("a &amp; b {}").format(one["noise"]["school"]["cv"]))
    assert str(told).startswith("a &amp; b 1 or 2 (by")


def test_references_in_the_equation_are_names_and_their_values_follow():
    refers = referring({"effect": 0, "spread": 1, "tails": "t"}, {})
    population = REFERRING["population"]
    first, effects, _ = map(plain, refers.symbolically(model_equations, population))
    assert first == "yij = 1 + effect xij + uschool, j + eij"
    assert effects == (
        "uschool, j ~ Student’s t (degrees of freedom 5), scaled to mean 0, SD spread (t) or "
        "uschool, j ~ normal, mean 0, SD spread (normal), by scenario parameter tails"
    )
    assert [plain(one) for one in refers.varying_within(population["model"])] == [
        "effect is 0 or 0.5, by scenario",
        "spread is 1 or 0.5, by scenario",
        "tails is t or normal, by scenario",
    ]


def test_every_sampling_method_and_use_of_weights_has_words():
    assert set(wording.METHODS) == set(METHODS)
    assert set(wording.WEIGHTS) == set(USES)
    assert set(wording.SCALINGS) == set(SCALINGS)
    assert set(wording.RECIPES) == set(RECIPES)
    for name, (title, source) in wording.METHODS.items():
        for word in METHODS[name].source.replace(" and ", " & ").split():
            assert word in source, name
        assert ("random size" in source) != METHODS[name].fixed, name
        assert title
    distinct = [title for title, _ in wording.METHODS.values()]
    assert len(set(distinct)) == len(distinct)


@pytest.mark.parametrize("kind", ["superpopulation", "finite"])
def test_the_seeds_told_are_those_that_are_set(kind, tmp_path, monkeypatch):
    population = {**TINY["population"], "kind": kind}
    study = load_study(written(tmp_path, generator={"R": 50}, population=population))
    set_ = []
    monkeypatch.setattr(draws, "RStream", lambda seed: set_.append(seed) or RStream(seed))
    draws.Draws(study, study.scenarios[0]).draw(3)
    told = re.findall(r"set\.seed\(([^)]*)\)", describe.generator(study.content))
    assert sorted(set_) == ([50, 54] if kind == "finite" else [53])
    assert told == (["50", "50 + r + 1"] if kind == "finite" else ["50 + r"])
    for word in told:
        assert sum(int(k) for k in word.replace("r", "3").split(" + ")) in set_


def test_the_population_that_is_the_target_is_the_one_there_is():
    text = {"population": {}, "model": "y ~ 1", "target": {"kind": "population"}}
    of_each = "fitted to the whole population of the replicate by maximum likelihood, unweighted"
    assert describe.target_text(text) == f"the model y ~ 1 {of_each}"
    text["population"] = {"kind": "finite"}
    assert describe.target_text(text) == f"the model y ~ 1 {of_each}".replace(
        "population of the replicate", "finite population"
    )
    assert "the population’s on seed" in describe.generator(text)
    assert "the population" not in describe.generator({"population": {}})
