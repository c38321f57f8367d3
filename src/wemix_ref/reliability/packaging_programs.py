"""Programs that a user of the installed package might run; each prints one JSON object."""

from __future__ import annotations

__all__ = ["CONSUMER", "FIT", "IMPORTS", "PLOT", "REFUSED", "STUDY", "example_csv"]

#: The weighted three-level model with every recipe of standard errors.
FIT = """
import json, sys, warnings
import pandas as pd
import wemix_ref
from wemix_ref import mix
from wemix_ref.inference import RECIPES

warnings.simplefilter("error")
data = pd.read_csv(sys.argv[1])
fit = mix("y ~ x + (1|school/class)", data, weights=["w1", "w2", "w3"])
told = {"converged": fit.converged, "theta": list(map(float, fit.theta)), "deviance": fit.deviance,
        "beta": list(map(float, fit.params)), "sigma": fit.sigma}
for recipe in RECIPES:
    one = fit.with_se(recipe)
    told["se " + recipe] = [float(v) for v in one.bse]
print(json.dumps({"told": told, "file": wemix_ref.__file__, "version": wemix_ref.__version__}))
"""

#: Import every module of the package, one after the other.
IMPORTS = """
import importlib, json, pkgutil, sys
import wemix_ref

good, missing, wrong = [], {}, {}
for found in pkgutil.walk_packages(wemix_ref.__path__, "wemix_ref."):
    if found.name.rpartition(".")[2] == "__main__":
        continue
    try:
        importlib.import_module(found.name)
    except ModuleNotFoundError as error:
        missing[found.name] = error.name
    except Exception as error:
        wrong[found.name] = repr(error)
    else:
        good.append(found.name)
print(json.dumps({"good": len(good), "missing": missing, "wrong": wrong, "path": sys.path}))
"""

#: A picture, and a table of another library, where what they need is missing.
PLOT = """
import json, sys
import pandas as pd
from wemix_ref import mix

fit = mix("y ~ x + (1|school)", pd.read_csv(sys.argv[1]))
try:
    fit.plot_residuals()
except ImportError as error:
    print(json.dumps({"told": str(error)}))
"""

#: Commands one after the other, each as a process of its own would run it.
REFUSED = """
import contextlib, io, json, sys
from wemix_ref.cli import main

told = []
for words in json.loads(sys.argv[2]):
    out = io.StringIO()
    with contextlib.redirect_stderr(out):
        code = main(words)
    told.append([code, out.getvalue().strip().splitlines()])
print(json.dumps(told))
"""

STUDY = """
title: Installed
aims: To be read.
seed: 1
replicates: 2
population:
  levels: {school: {size: 20}, student: {size: 5}}
  model:
    response: y
    fixed: {"(Intercept)": 1}
    random: {school: {sd: 1}}
    residual: {sd: 1}
sampling: {school: {method: srs, size: 8}, student: {method: srs, size: 3}}
model: y ~ 1 + (1 | school)
analyses: {weighted: {weights: all}}
"""

#: Code against the package's types; a line that ends with ``# wrong`` must be an error, no other.
CONSUMER = '''\
"""Uses of the package as its documentation has them, and wrong ones."""

from pathlib import Path

import numpy as np
import pandas as pd

import wemix_ref
from wemix_ref import FittedModel, ModelError, gls, mix, mix_many, scale_weights

data = pd.DataFrame({"y": [1.0, 2.0], "x": [0.0, 1.0], "school": ["a", "b"], "w": [1.0, 2.0]})
fit: FittedModel = mix("y ~ x + (1|school)", data, weights=["w", "w"], se="stata")
again: FittedModel = fit.with_se("gllamm")
params: pd.Series = fit.params
converged: bool = fit.converged
deviance: float = fit.deviance
theta: pd.Series = fit.theta
vector: np.ndarray = fit.theta.to_numpy()
version: str = wemix_ref.__version__
reml: FittedModel = mix("y ~ x + (1|school)", data, reml=True)
summary: str = str(fit)
try:
    mix("y ~", data)
except ModelError as error:
    told: str = str(error)

mix("y ~ x + (1|school)", data, se=1)  # wrong
mix(1, data)  # wrong
mix("y ~ x + (1|school)", data, weight=["w", "w"])  # wrong
mix("y ~ x + (1|school)", data, reml="yes")  # wrong
mix("y ~ x + (1|school)")  # wrong
fit.with_se(3)  # wrong
fit.parameters  # wrong
count: int = fit.deviance  # wrong
wemix_ref.mixed("y ~ x + (1|school)", data)  # wrong
path: Path = fit.params  # wrong
'''


def example_csv() -> str:
    """Return data of three levels with weights: numbers of a formula, nothing drawn."""
    lines = ["y,x,class,school,w1,w2,w3"]
    for row in range(12 * 3 * 6):
        school, group = row // 18, row // 6
        x = (row * 37 % 101) / 50 - 1
        u, v = (school * 29 % 12) / 4 - 1.4, (group * 23 % 36) / 30 - 0.6
        y = 1 + 0.5 * x + u + v + (row * 61 % 97) / 60 - 0.8
        weights = f"{24 + row % 5 + school % 3},{6 + group % 4},{2 + school % 3}"
        lines.append(f"{y:.6f},{x:.6f},c{group},s{school},{weights}")
    return "\n".join(lines) + "\n"
