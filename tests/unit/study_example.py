"""Made-up studies for the tests of the report: random replicates, measures by plain formulas."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from scipy.stats import norm

FIXED = ["(Intercept)", "x", "z"]
PARAMETERS = [*FIXED, "var school (Intercept)", "sigma2"]
TRUTH = dict(zip(PARAMETERS, (0.0, 0.5, 1.0, 1.0, 2.25), strict=True))

POPULATION = {
    "levels": {
        "school": {"size": 200},
        "student": {"size": {"distribution": "poisson", "mean": 20, "minimum": 2}},
    },
    "covariates": {
        "x": {"level": "student", "distribution": "normal", "mean": 0, "sd": 1},
        "z": {"level": "school", "expression": "mean(x)"},
        "region": {"level": "school", "expression": "index % 4"},
    },
    "model": {
        "response": "y",
        "fixed": {"(Intercept)": 0, "x": 0.5, "z": 1.0},
        "random": {"school": {"sd": 1}},
        "residual": {"sd": 1.5, "distribution": "t", "df": 5},
    },
}
SAMPLING = {
    "school": {
        "method": "sampford",
        "size": 10,
        "measure": "exp(strength * u_school)",
        "strata": "region",
    },
    "student": {"method": "poisson", "probability": "expit(-1 + strength * e)"},
}
ANALYSES = {
    "unweighted": {"model": "y ~ x + z + (1|school)"},
    "all": {"weights": "all", "scale": ["size", "effective"], "label": "all weights"},
    "total": {"weights": "total"},
    "level-1": {"weights": "level-1"},
}


def small_study():
    return {
        "title": "Two analyses & one scenario",
        "aims": "To see whether weights help.",
        "seed": 7,
        "replicates": 300,
        "parameters": {"strength": 0.5},
        "population": POPULATION,
        "sampling": SAMPLING,
        "model": "y ~ x + z + (1|school)",
        "analyses": {"unweighted": {}, "all": {"weights": "all"}},
    }


def large_study():
    return {
        **small_study(),
        "title": "Informative sampling over a factorial",
        "notes": "An invented study.",
        "sources": ["Nobody (2000)"],
        "factors": {"strength": [0, 0.5], "informative": ["top", "bottom"], "size": [5, 10, 20]},
        "analyses": ANALYSES,
        "nonresponse": {"student": {"probability": "expit(1 - e)", "adjust": "region"}},
        "trimming": {"student": {"quantile": 0.95, "redistribute": True}},
        "target": {"kind": "population", "reml": True, "residual_variance": "ml"},
        "interval": {"level": 0.9, "distribution": "t"},
        "audit": {"replicates": 4},
    }


def scenario_names(study):
    factors = study.get("factors", {})
    return [
        "_".join(f"{k}-{v}" for k, v in zip(factors, values, strict=True)) or "main"
        for values in itertools.product(*factors.values())
    ]


def analysis_names(study):
    names = []
    for name, one in study["analyses"].items():
        scales = one.get("scale")
        names += [f"{name}-{s}" for s in scales] if isinstance(scales, list) else [name]
    return names


def replicates(study, scenario, n=None, parameters=PARAMETERS):
    """Rows of one scenario: later analyses are more biased, one fit in a hundred fails."""
    rng = np.random.default_rng([study["seed"], scenario])
    n = study["replicates"] if n is None else n
    varying = study.get("target", {}).get("kind") == "population"
    name = scenario_names(study)[scenario]
    common = rng.normal(size=(n, len(parameters)))
    targets = np.array([TRUTH[p] for p in parameters]) + varying * 0.05 * rng.normal(
        size=(n, len(parameters))
    )
    frames = []
    for k, analysis in enumerate(analysis_names(study)):
        se = (0.1 + 0.02 * k) * np.exp(0.1 * rng.normal(size=(n, len(parameters))))
        bias = (0.02 * k if k < 3 else 1.5) * (1 + scenario % 3) * np.arange(len(parameters))
        noise = np.sqrt(0.7) * common + np.sqrt(0.3) * rng.normal(size=common.shape)
        estimate = targets + bias * 0.3 + (0.1 + 0.025 * k) * noise
        failed = rng.random(n) < 0.01
        for r in range(n):
            base = {
                "scenario": name,
                "replicate": r,
                "analysis": analysis,
                "status": "failed" if failed[r] else "ok",
                "message": "the sample must have two schools" if failed[r] else "",
                "converged": None if failed[r] else True,
                "singular": None if failed[r] else bool(rng.random() < 0.05),
                "deviance": np.nan if failed[r] else 1000.0,
                "n": 200,
                "n_top": 10,
            }
            nothing = {"parameter": None, "estimate": np.nan, "se": np.nan, "target": np.nan}
            if failed[r]:
                frames.append({**base, **nothing})
                continue
            frames += [
                {
                    **base,
                    "parameter": p,
                    "estimate": estimate[r, j],
                    "se": se[r, j],
                    "target": targets[r, j],
                }
                for j, p in enumerate(parameters)
            ]
    return pd.DataFrame(frames)


def measures(rows, level=0.95):
    """Some measures by plain formulas; enough for a page."""
    out = []
    for (scenario, analysis), group in rows.groupby(["scenario", "analysis"], sort=True):
        for parameter, part in group.dropna(subset=["parameter"]).groupby("parameter", sort=False):
            d = (part["estimate"] - part["target"]).to_numpy()
            se, n = part["se"].to_numpy(), len(part)
            cover = (np.abs(d) <= norm.ppf((1 + level) / 2) * se).mean()
            sd = d.std(ddof=1)
            target = part["target"].mean()
            entries = {
                "mean_target": (target, part["target"].std() / n**0.5),
                "bias": (d.mean(), sd / n**0.5),
                "empirical_se": (sd, sd / (2 * (n - 1)) ** 0.5),
                "model_se": ((se**2).mean() ** 0.5, 0.0005),
                "relative_error_model_se": ((se**2).mean() ** 0.5 / sd - 1, 0.02),
                "median_error": (np.median(d), 1.25 * sd / n**0.5),
                "rmse": ((d**2).mean() ** 0.5, 0.003),
                "coverage": (cover, (cover * (1 - cover) / n) ** 0.5),
            }
            if target:
                entries["relative_bias"] = (d.mean() / target, sd / n**0.5 / abs(target))
            key = (scenario, analysis, parameter)
            out += [(*key, measure, *value, n) for measure, value in entries.items()]
        ok = group.drop_duplicates("replicate")["status"].eq("ok").mean()
        key = (scenario, analysis, "(fit)")
        out += [
            (*key, "failure_rate", 1 - ok, 0.005, 300),
            (*key, "convergence_rate", ok, 0.005, 300),
        ]
    columns = ["scenario", "analysis", "parameter", "measure", "estimate", "mcse", "n"]
    return pd.DataFrame(out, columns=columns)


def pairs(performance):
    """All pairs with the first analysis."""
    bias = performance[performance["measure"] == "bias"]
    first = bias["analysis"].iloc[0]
    out = bias[bias["analysis"] != first].assign(reference=first, measure="bias_difference")
    columns = ["scenario", "analysis", "reference", "parameter", "measure", "estimate", "mcse", "n"]
    return out[columns].reset_index(drop=True)


def audit(study, n=4):
    rng = np.random.default_rng(1)
    rows = []
    for scenario in scenario_names(study):
        for replicate, analysis in itertools.product(range(n), analysis_names(study)):
            for tier, centre, need in (("same-theta", 13.5, 11.0), ("own-optimum", 7.5, 5.0)):
                for quantity in ("beta", "se_beta", "variance_components", "deviance"):
                    digits = centre + rng.normal(scale=0.6)
                    rows.append(
                        {
                            "scenario": scenario,
                            "replicate": replicate,
                            "analysis": analysis,
                            "engine": "lme4" if analysis == "unweighted" else "lme4-weighted",
                            "tier": tier,
                            "quantity": quantity,
                            "name": "x",
                            "ours": 1.0,
                            "theirs": 1.0 + 10**-digits,
                            "digits": digits,
                            "required": need,
                            "ok": digits >= need,
                            "message": "",
                        }
                    )
    return pd.DataFrame(rows)


def everything(study, parameters=PARAMETERS):
    """Arguments of the report but for the name and the place."""
    names = scenario_names(study)
    rows = {name: replicates(study, k, parameters=parameters) for k, name in enumerate(names)}
    performance = pd.concat([measures(one) for one in rows.values()], ignore_index=True)
    return {
        "study_yaml": study,
        "performance": performance,
        "paired": pairs(performance),
        "rows_by_scenario": rows,
        "audit": audit(study) if "audit" in study else None,
    }
