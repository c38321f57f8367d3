"""Statements about one model that need more than its data written otherwise.

Those that are only another way to write a model are in :mod:`wemix_ref.hunt.identities`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref import paper
from wemix_ref.compiled import HAVE_NUMBA
from wemix_ref.design import Design, build_design
from wemix_ref.fit import fit_design, fit_designs
from wemix_ref.hunt.model import Model, conditional_weights, group_codes
from wemix_ref.hunt.models import stream
from wemix_ref.information import JointInformation
from wemix_ref.least_squares import gls
from wemix_ref.newton import CONVERGED
from wemix_ref.reliability.designs import Wide, design_of, random_shape
from wemix_ref.reliability.gaps import EPS, Gap, relative, same_point, size_of
from wemix_ref.results import FittedModel
from wemix_ref.scaling import METHODS

__all__ = ["CHECKS", "Check", "design", "lower"]

Array = NDArray[np.float64]

#: What a deviance may be above another's at the minimum, relative to the size of its terms.
OPTIMUM = 1e-10
#: Two ways of one algebra, relative.
SAME_ALGEBRA = 1e-12
#: Rounding errors of a sum of some hundred terms, in units of EPS.
_SUMS = 1000.0
_KEY = 7


@dataclass(frozen=True)
class Check:
    """One statement.

    Attributes
    ----------
    name, says : what it states, short and in words.
    why : where its tolerance comes from.
    applies : whether it says anything of a model.
    gaps : model and random numbers -> how far each quantity is off.
    """

    name: str
    says: str
    why: str
    applies: Callable[[Wide], bool]
    gaps: Callable[[Wide, np.random.Generator], Iterator[Gap]]

    def put_to(self, model: Wide) -> list[Gap]:
        """Put a model to it; what is drawn depends on the model's number alone."""
        return list(self.gaps(model, stream(model.seed, model.number, _KEY)))


def design(model: Model) -> Design:
    """The model's arrays."""
    weights = None if model.weights is None else list(model.weights)
    return build_design(model.formula, model.data, weights, conditional_weights=model.conditional)


def common(fit: FittedModel, model: Wide) -> FittedModel:
    """The fit at the theta of the model's form."""
    return fit.at(np.array(model.common_theta()))


def lower(one: FittedModel, other: FittedModel) -> Gap:
    """How far apart two minima of one deviance are."""
    return Gap("D at the optimum", abs(one.deviance - other.deviance) / size_of(one), OPTIMUM)


def always(_: Wide) -> bool:
    """Say yes: of every model."""
    return True


# -- the same algebra by other ways ----------------------------------------------------------------


def _paper(model: Wide, _: np.random.Generator) -> Iterator[Gap]:
    fit = common(fit_design(design(model)), model)
    plain = paper.evaluate(fit.design, fit.theta.to_numpy())
    yield Gap("D", abs(fit.deviance - plain.deviance) / size_of(fit), SAME_ALGEBRA)
    room = SAME_ALGEBRA + _SUMS * EPS * _condition(fit)
    yield Gap("sigma", abs(fit.sigma / plain.sigma - 1.0), room)
    size = np.abs(plain.beta) + fit.with_recipe("model").bse.to_numpy()
    yield Gap("beta", relative(fit.params, plain.beta, size), room)


def _condition(fit: FittedModel) -> float:
    """Condition of the working covariance times that of X, both with columns of length one."""
    V = fit.V("working").toarray()
    root = np.sqrt(np.diag(V))
    V = V / np.outer(root, root)
    X = np.linalg.solve(np.linalg.cholesky(V), fit.design.X / root[:, None])
    X = X / np.linalg.norm(X, axis=0)
    return float(np.linalg.cond(V) * np.linalg.cond(X))


def _gls(model: Wide, _: np.random.Generator) -> Iterator[Gap]:
    fit = common(fit_design(design(model), se="model"), model)
    room = SAME_ALGEBRA + _SUMS * EPS * _condition(fit)
    beta, covariance = gls(fit.X, fit.V("working"), fit.design.y)
    size = np.abs(beta) + fit.bse.to_numpy()
    yield Gap("beta", relative(fit.params, beta, size), room)
    se = np.sqrt(np.diag(covariance))
    yield Gap("SE of beta", relative(fit.bse, se, se), room)


@contextmanager
def _without_numba() -> Iterator[None]:
    before = os.environ.get("WEMIX_REF_NUMBA")
    os.environ["WEMIX_REF_NUMBA"] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ["WEMIX_REF_NUMBA"]
        else:
            os.environ["WEMIX_REF_NUMBA"] = before


def _compiled(model: Wide, _: np.random.Generator) -> Iterator[Gap]:
    fit = fit_design(design(model))
    loops = common(fit, model)
    gradient = loops._criterion.gradient(loops._at)
    loops.bse, loops.variance_components  # noqa: B018  (kept by the fit, made by the loops)
    with _without_numba():
        other = fit_design(design(model))
        matrices = common(other, model)
        yield from same_point(loops, matrices)
        found = matrices._criterion.gradient(matrices._at)
        room = SAME_ALGEBRA + _SUMS * EPS * _condition(loops)
        yield Gap("gradient", relative(gradient, found, size_of(loops)), room)
        yield lower(fit, other)


def _together(model: Wide, rng: np.random.Generator) -> Iterator[Gap]:
    designs = [design(model)]
    y = model.data[model.response].to_numpy()
    for _ in range(2):
        noisy = y + rng.normal(size=y.size) * np.std(y)
        designs.append(design(replace(model, data=model.data.assign(**{model.response: noisy}))))
    designs.append(design(design_of(random_shape(model.seed, 1))))
    for one, own in zip(fit_designs(designs), designs, strict=True):
        (alone,) = fit_designs([own])
        for name in ("deviance", "sigma", "theta", "params", "bse"):
            a, b = (np.asarray(getattr(fit, name), dtype=float) for fit in (one, alone))
            yield Gap(f"{name}, to the bit", 0.0 if np.array_equal(a, b, True) else np.inf, 0.0)
        yield lower(one, fit_design(own))


# -- derivatives -----------------------------------------------------------------------------------

#: Steps of differences, and weights of a derivative at steps 1, 2, 3: of order 4 and 6.
_STEP = 1e-3
_ORDER_4 = np.array([8.0, -1.0, 0.0]) / 12.0
_ORDER_6 = np.array([45.0, -9.0, 1.0]) / 60.0


def _gradient(model: Wide, _: np.random.Generator) -> Iterator[Gap]:
    fit = common(fit_design(design(model)), model)
    criterion, theta = fit._criterion, fit.theta.to_numpy()
    gradient, (hessian, _dFv) = criterion.gradient(fit._at), criterion.hessian(fit._at)
    size = size_of(fit)
    # that of the gradient grows with the condition: the Hessian itself keeps digits that its
    # differences lose, as arithmetic of 50 digits shows
    rounding = 2.0 * np.abs(_ORDER_6).sum() * EPS * size / _STEP
    rounding *= np.array([_SUMS, _SUMS + _condition(fit)])
    for k in range(theta.size):
        values, slopes = [], []
        for m in (1, 2, 3):
            up, down = theta.copy(), theta.copy()
            up[k] += m * _STEP
            down[k] -= m * _STEP
            above, below = criterion.evaluate(up), criterion.evaluate(down)
            values.append(above.deviance - below.deviance)
            slopes.append(criterion.gradient(above) - criterion.gradient(below))
        for name, exact, differences, lost in (
            ("gradient", gradient[k], np.array(values), rounding[0]),
            ("Hessian", hessian[k], np.array(slopes), rounding[1]),
        ):
            four, six = (order @ differences / _STEP for order in (_ORDER_4, _ORDER_6))
            # what the order-6 formula leaves out is less than where the two differ
            allowed = (np.max(np.abs(six - four)) + lost) / size
            yield Gap(name, float(np.max(np.abs(six - exact))) / size, float(allowed))


def _scores(model: Wide, _: np.random.Generator) -> Iterator[Gap]:
    fit = fit_design(design(model))
    for where, one in (("", common(fit, model)), (" at the optimum", fit)):
        joint = JointInformation.at(one._criterion, one._at)
        total, sizes = joint.scores.sum(axis=0), np.abs(joint.scores).sum(axis=0)
        others = [*range(joint.p), -1]
        room = 1e-10 + _SUMS * EPS * _condition(one)
        found = relative(total[others], np.zeros(len(others)), sizes[others])
        yield Gap(f"beta, sigma{where}", found, room)
        sums = abs(joint.log_likelihoods.sum() - one.llf) / size_of(one)
        yield Gap(f"sum of log-likelihoods{where}", sums, SAME_ALGEBRA)
    if not fit.singular:
        gradient = fit._criterion.gradient(fit._at)
        hessian = fit._criterion.hessian(fit._at)[0]
        promise = abs(float(gradient @ np.linalg.solve(hessian, gradient))) / 2.0
        # what a step promises is told apart from rounding down to that times the condition
        room = CONVERGED + EPS * _condition(fit)
        yield Gap("theta at the optimum", promise / size_of(fit), room)


# -- the same model by another formula or option -------------------------------------------------


def _recombine(model: Wide, rng: np.random.Generator) -> Iterator[Gap]:
    k = len(model.covariates)
    C = rng.normal(size=(k, k)) + 2.0 * np.eye(k)
    columns = model.data[list(model.covariates)].to_numpy() @ C + rng.normal(size=k)
    names = tuple(f"mixed{j}" for j in range(k))
    data = model.data.assign(**dict(zip(names, columns.T, strict=True)))
    fit = fit_design(design(model))
    other = fit_design(design(replace(model, data=data, fixed=names)))
    one, two = common(fit, model), common(other, model)
    M = np.linalg.lstsq(one.design.X, two.design.X, rcond=None)[0]
    room = 1e-10 * float(np.linalg.cond(C)) * max(1.0, float(np.linalg.cond(M)))
    yield Gap("D", abs(one.deviance - two.deviance) / size_of(one), OPTIMUM)
    yield Gap("sigma", abs(two.sigma / one.sigma - 1.0), room)
    beta = one.params.to_numpy()
    se = one.with_recipe("model").bse.to_numpy()
    size = np.abs(beta) + se + np.abs(M) @ np.abs(two.params.to_numpy())
    yield Gap("beta", relative(M @ two.params.to_numpy(), beta, size), room)
    covariance = M @ two.cov_params().to_numpy() @ M.T
    scale = np.outer(one.bse, one.bse)
    terms = np.abs(M) @ np.abs(two.cov_params().to_numpy()) @ np.abs(M.T)
    found = relative(covariance, one.cov_params().to_numpy(), scale + terms)
    yield Gap("covariance of beta", found, room)
    yield lower(fit, other)


def _scaling(model: Wide, rng: np.random.Generator) -> Iterator[Gap]:
    scale = [str(rng.choice(METHODS)) for _ in model.groups]
    own = build_design(
        model.formula,
        model.data,
        list(model.weights or ()),
        conditional_weights=model.conditional,
        scale=scale,
    )
    w, codes = conditional_weights(model), group_codes(model)
    n = len(model.data)
    for step, method in enumerate(scale):
        unit = np.arange(n) if step == 0 else codes[:, step - 1]
        table = pd.DataFrame({"unit": unit, "parent": codes[:, step], "w": w[:, step]})
        members = table.drop_duplicates("unit").assign(w2=lambda t: t["w"] ** 2)
        sums = members.groupby("parent").agg(
            n=("w", "size"), w=("w", "sum"), w2=("w2", "sum"), mean=("w", "mean")
        )
        sums = sums.loc[codes[:, step]].reset_index(drop=True)
        if method == "size":
            w[:, step] *= sums["n"] / sums["w"]
        elif method == "effective":
            w[:, step] *= sums["w"] / sums["w2"]
        elif method == "gk":
            w[:, step] = 1.0
            w[:, step + 1] *= sums["mean"]
    by_hand = replace(model.with_weights(w), conditional=True)
    fit, other = fit_design(own), fit_design(design(by_hand))
    yield from same_point(common(fit, model), common(other, model))
    yield lower(fit, other)


def _centring(model: Wide, _: np.random.Generator) -> Iterator[Gap]:
    name, group = model.covariates[0], model.groups[-1]
    own = build_design(
        model.formula,
        model.data,
        None if model.weights is None else list(model.weights),
        conditional_weights=model.conditional,
        center_group={group: f"~{name}"},
    )
    omega, x = model.unconditional()[:, 0], model.data[name].to_numpy()
    code = group_codes(model)[:, -1]
    means = np.bincount(code, omega * x) / np.bincount(code, omega)
    centred = replace(model, data=model.data.assign(**{name: x - means[code]}))
    fit, other = fit_design(own), fit_design(design(centred))
    yield from same_point(common(fit, model), common(other, model))
    yield lower(fit, other)


def _centred(model: Wide) -> bool:
    return bool(model.covariates) and model.covariates[0] == "x"


#: By name.
CHECKS: Mapping[str, Check] = {
    check.name: check
    for check in (
        Check(
            "recombine",
            "X -> XC: the deviance, sigma and X beta the same, the covariance of beta with C",
            "rounding times the condition of C and of the map between the two X",
            lambda model: bool(model.covariates),
            _recombine,
        ),
        Check(
            "paper",
            "the paper's equations by QR of stacked rows are the recursion",
            "1e-12, and 1000 units of rounding times the condition of V_w and X",
            always,
            _paper,
        ),
        Check(
            "gls",
            "generalised least squares with V_w gives beta and its model covariance",
            "1e-12, and 1000 units of rounding times the condition of V_w and X",
            always,
            _gls,
        ),
        Check(
            "differences",
            "gradient and Hessian are differences of the deviance and of the gradient",
            "where formulas of order 4 and 6 differ, and 1000 units of rounding over the step "
            "1e-3; for the Hessian as many more as the condition of V_w and X",
            always,
            _gradient,
        ),
        Check(
            "scores",
            "scores of beta and sigma sum to zero everywhere, those of theta at the optimum; "
            "the groups' log-likelihoods to that of the fit",
            "rounding times the condition of V_w and X; of theta what the search promises besides",
            always,
            _scores,
        ),
        Check(
            "scaling",
            "a scaling is its definition done by hand",
            "those of a hunt at one theta",
            lambda model: model.weights is not None,
            _scaling,
        ),
        Check(
            "centring",
            "centring within groups is subtracting means weighted by omega",
            "those of a hunt at one theta",
            _centred,
            _centring,
        ),
        Check(
            "together",
            "many fits in one call are each alone, to the bit; and those of one call each",
            "none to the bit; 1e-10 of the deviance",
            always,
            _together,
        ),
        Check(
            "compiled",
            "compiled loops are matrices of NumPy",
            "those of a hunt at one theta; of the gradient 1e-12, and 1000 units of rounding times "
            "the condition of V_w and X",
            lambda _: HAVE_NUMBA(),
            _compiled,
        ),
    )
}
