"""Run in a process of its own: fits and a small study, told by the bits of their numbers.

Called as ``python -m wemix_ref.reliability.bits_worker REQUEST``, JSON with ``seed``, ``models``,
``way`` (a name of `WAYS`), ``study`` (a file, or null) and
``chunk`` (replicates of a job, or null). Prints one JSON line: every number of every fit, as the
hexadecimal text of its double, by model and kind; and a hash of the study's rows.
"""

from __future__ import annotations

import hashlib
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from wemix_ref.design import Design, build_design
from wemix_ref.fit import fit_design, fit_designs
from wemix_ref.results import FittedModel

__all__ = ["WAYS", "data_of", "numbers_of", "run"]

#: How the models of a set are fitted.
WAYS = (
    "alone",
    "reversed",
    "twice",
    "together",
    "together-reversed",
    "one-search",
    "rows-permuted",
)


def data_of(seed: int, number: int) -> tuple[str, pd.DataFrame, list[str] | None]:
    """Formula, data and weights of a model: three shapes in turn, sizes drawn."""
    rng = np.random.default_rng([seed, number])
    n_schools, shape = int(rng.integers(5, 30)), number % 3
    sizes = rng.integers(1, 12, n_schools)
    school = np.repeat(np.arange(n_schools), sizes)
    n = school.size
    teacher = school * 100 + rng.integers(0, 3, n)
    x = rng.standard_normal(n)
    effect, slope = rng.standard_normal(n_schools), 0.5 * rng.standard_normal(n_schools)
    y = 1.0 + 0.5 * x + effect[school] + slope[school] * x + rng.standard_normal(n)
    data = pd.DataFrame({"y": y, "x": x, "school": school, "teacher": teacher})
    data["w1"] = rng.uniform(0.5, 3.0, n)
    data["w2"] = rng.uniform(0.5, 3.0, n_schools)[school]
    if shape == 0:
        return "y ~ x + (1 | school)", data, ["w1", "w2"]
    if shape == 1:
        return "y ~ x + (x | school)", data, ["w1", "w2"]
    return "y ~ x + (1 | school/teacher)", data, None


def _design(seed: int, number: int, *, permuted: bool) -> Design:
    formula, data, weights = data_of(seed, number)
    if permuted:
        data = data.sample(frac=1.0, random_state=number)
    return build_design(formula, data, weights)


def numbers_of(fit: FittedModel) -> dict[str, list[str]]:
    """Every number that a fit states, by kind, as text that tells every bit."""
    effects = [table.sort_index().to_numpy().ravel() for table in fit.random_effects.values()]
    components = fit.variance_components
    kinds = {
        "deviance": [fit.deviance],
        "sigma": [fit.sigma],
        "theta": fit.theta,
        "beta": fit.params,
        "standard errors": fit.bse,
        "variances": components["vcov"],
        "their standard errors": components["se"],
        "random effects": np.concatenate(effects),
    }
    return {
        kind: [float(value).hex() for value in np.asarray(part, dtype=float)]
        for kind, part in kinds.items()
    }


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Do what a request asks."""
    seed, way = request["seed"], request["way"]
    order = list(range(request["models"]))
    if way.endswith("reversed"):
        order.reverse()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        designs = [_design(seed, number, permuted=way == "rows-permuted") for number in order]
        if way == "one-search":
            fits = [fit_design(design) for design in designs]
        elif way.startswith("together"):
            fits = fit_designs(designs)
        else:
            fits = [fit for design in designs for fit in fit_designs([design])]
        if way == "twice":
            fits = [fit for design in designs for fit in fit_designs([design])]
        told = {str(number): numbers_of(fit) for number, fit in zip(order, fits, strict=True)}
        return {"fits": told, "study": _study(request)}


def _study(request: dict[str, Any]) -> str | None:
    """Hash of the rows of a study's replicates, sorted, however they were cut into jobs."""
    if request["study"] is None:
        return None
    from wemix_ref.simulate.replicates import run_replicates
    from wemix_ref.simulate.storage import COLUMNS
    from wemix_ref.simulate.study import load_study

    study = load_study(Path(request["study"]))
    digest = hashlib.sha256()
    for scenario in study.scenarios:
        order = list(range(study.replicates))
        if request["way"].endswith("reversed"):
            order.reverse()
        chunk = request["chunk"] or len(order)
        parts = [
            run_replicates(study, scenario, order[at : at + chunk])
            for at in range(0, len(order), chunk)
        ]
        rows = pd.concat(parts, ignore_index=True)
        rows = rows.sort_values("replicate", kind="stable", ignore_index=True)
        for name in COLUMNS:
            cells = (v.hex() if isinstance(v, float) else repr(v) for v in rows[name].tolist())
            digest.update("\n".join([name, *cells]).encode())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(json.loads(sys.argv[1]))) + "\n")
