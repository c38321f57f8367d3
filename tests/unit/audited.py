"""Answers that R might give to an audit, made from ours, for tests without R."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd

from wemix_ref.engines.protocol import FitResult, Problem
from wemix_ref.engines.record import new_record
from wemix_ref.simulate import audit as audit_module
from wemix_ref.simulate.audit import AuditProblem, audit
from wemix_ref.simulate.audit_numbers import AuditedFit

MODEL = "y ~ x + (1 | s/t)"


def data(seed=4, school=1.0):
    rng = np.random.default_rng(seed)
    s, t = np.repeat(np.arange(12), 12), np.repeat(np.arange(48), 3)
    frame = pd.DataFrame({"s": s, "t": t, "x": rng.normal(size=144)})
    effects = school * rng.normal(size=12)[s] + rng.normal(size=48)[t]
    if school == 0:
        effects = effects - pd.Series(effects).groupby(s).transform("mean").to_numpy()
    frame["y"] = frame["x"] + effects + rng.normal(size=144)
    if school == 0:
        frame["y"] -= frame.groupby("s")["y"].transform("mean")
        frame["x"] -= frame.groupby("s")["x"].transform("mean")
    w3 = rng.uniform(1, 3, 12)[s]
    w2 = w3 * rng.uniform(1, 3, 48)[t]
    return frame.assign(w1=w2 * rng.uniform(1, 3, 144), w2=w2, w3=w3)


def problem(weights=("w1", "w2", "w3"), frame=None, reml=False, **others):
    frame = data() if frame is None else frame
    weights = list(weights) if weights else None
    return Problem("made-up", MODEL, frame, weights, False, reml, None, None, "", **others)


def one(given, replicate=0, analysis="weighted"):
    return AuditProblem("plain", replicate, analysis, given)


def faithful(given, thetas, engine):
    """What R answers when it agrees to the last bit."""
    fit = AuditedFit.of(given)
    ((label, theta),) = thetas.items()
    point = fit.point(theta, "model")
    robust = not (given.precision_weights or given.reml)
    point["beta_refined"] = dict(point["beta"])
    if robust:
        sandwich = fit.point(theta, "wemix")
        point["recipes"] = {
            "wemix": {
                "se_beta": dict(sandwich["se_beta"]),
                "cov_beta": sandwich["cov_beta"],
                "se_variance_components": [r["se"] for r in sandwich["variance_components"]],
            }
        }
    for row in point["variance_components"]:
        row["se"] = None
    record = new_record(given, engine)
    record["at"] = [{"label": label, **point}]
    record["optimum"] = copy.deepcopy(
        {key: v for key, v in point.items() if key not in ("recipes", "beta_refined")}
    )
    return FitResult(record)


def audited_by(monkeypatch):
    """Return an audit by engines whose answers a function may change."""

    def run(problems, change=lambda _: None, engines=("lme4", "lme4-weighted"), **options):
        class Engine:
            def __init__(self, name):
                self.name = name

            def fit_many(self, asked, **_):
                results = [faithful(given, thetas, self.name) for given, thetas in asked]
                return [change(result.record) or result for result in results]

        monkeypatch.setattr(audit_module, "get_engine", Engine)
        return audit(problems, engines, **options)

    return run


def wrong(table):
    rows = table[table["ok"].eq(False).fillna(False)]
    return [tuple(row) for row in rows[["tier", "quantity", "name"]].to_numpy()]


def at(record):
    return record["at"][0]


def scaled(path, factor=1 + 1e-6):
    """Multiply one number of an answer."""

    def change(record):
        *way, last = path
        holder = record
        for step in way:
            holder = holder[step]
        holder[last] *= factor

    return change


HERE = ("at", 0)
SANDWICH = (*HERE, "recipes", "wemix")
