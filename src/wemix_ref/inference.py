"""Standard errors by every published recipe, from one set of scores and one Hessian.

H and B are those of beta, theta and sigma together (information.py); a subscript takes a sub-block.
K is the number of top groups, t stands for all of theta and sigma.

=========  ===========================  ===============================================  =========
recipe     beta                         theta, sigma                                     times
=========  ===========================  ===============================================  =========
"wemix"    H_bb^-1 B_bb H_bb^-1         per level l, over (theta_l, sigma):              K/(K-1)
                                        H_ll^-1 B_ll H_ll^-1; sigma's from level 2
"stata"    as "wemix"                   [H^-1]_tt B_tt [H^-1]_tt                         K/(K-1)
"gllamm"   [H^-1 B H^-1]_bb             [H^-1 B H^-1]_tt                                 K/(K-1)
"sas"      [H^-1 B H^-1]_bb             [H^-1 B H^-1]_tt                                 1
"mplus"    the same as "sas"
"model"    sigma^2 F_xx^-1              [H^-1]_tt                                        1
=========  ===========================  ===============================================  =========

"wemix" is the paper's (eqs. 108, 109, 113, where J lacks the outer product); Stata's is that of
`mixed` with pweights, SAS's that of GLIMMIX with EMPIRICAL=CLASSICAL, Mplus's its MLR.

On the boundary the scores of a zero column of Lambda vanish in every group. A variance of zero has
no standard error; the other parameters are taken given the boundary. A direction in which the
log-likelihood is flat has none either: what depends on it is NaN, never a pseudo-inverse's number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wemix_ref.components import Component
from wemix_ref.covariance import CovarianceMap
from wemix_ref.deviance import Criterion, Evaluation
from wemix_ref.errors import ModelError, OptionError
from wemix_ref.information import JointInformation

__all__ = ["RECIPES", "Inference", "check_recipe", "infer"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

RECIPES = ("wemix", "stata", "gllamm", "sas", "mplus", "model")

#: Eigenvalues of a scaled Hessian below this share of the largest one count as zero: the analytic
#: Hessian is good to about 1e-12, and a direction that flat carries no information.
FLAT = 1e-9

AT_BOUNDARY = "the variance is at its boundary, zero, where a standard error is not defined"
NOT_IDENTIFIED = "the data do not identify it: the log-likelihood is flat in its direction"
NOT_CONCAVE = "the log-likelihood is not concave at this theta"
UNDER_REML = (
    "under REML only the fixed effects have a standard error here; fit by ML for those of variances"
)


@dataclass(frozen=True)
class Bread:
    """Inverse of a block of H on the directions that carry information.

    Attributes
    ----------
    where : (size,) positions of the block in (beta, theta, sigma).
    inverse : (size, size). flat : (size, k) orthonormal basis of the flat directions, scaled.
    scale : (size,) square roots of the diagonal of the block.
    concave : whether every other direction is one of a maximum.
    """

    where: Ints
    inverse: Array
    flat: Array
    scale: Array
    concave: bool

    @classmethod
    def of(cls, H: Array, where: Ints) -> Bread:
        """Invert the block of H at the positions `where`."""
        block = H[np.ix_(where, where)]
        scale = np.sqrt(np.abs(np.diag(block)))
        scale[scale == 0] = 1.0
        values, vectors = np.linalg.eigh(block / np.outer(scale, scale))
        flat = np.abs(values) <= FLAT * float(np.abs(values).max(initial=0.0))
        kept = vectors[:, ~flat]
        inverse = (kept / values[~flat]) @ kept.T / np.outer(scale, scale)
        return cls(where, inverse, vectors[:, flat], scale, bool(np.all(values[~flat] > 0)))

    def estimable(self, gradient: Array) -> bool:
        """Whether a function with this gradient over `where` does not depend on what is flat."""
        scaled = gradient / self.scale
        size = float(np.linalg.norm(scaled))
        return size > 0 and float(np.linalg.norm(self.flat.T @ scaled)) <= 1e-6 * size


@dataclass(frozen=True)
class _Part:
    """Covariance of some parameters by one recipe, with the bread it came from."""

    bread: Bread
    covariance: Array

    def gradient(self, whole: Array) -> Array:
        return np.asarray(whole[self.bread.where])


@dataclass(frozen=True)
class Inference:
    """Standard errors by one recipe.

    Attributes
    ----------
    recipe : one of `RECIPES`.
    cov_beta : (p, p).
    se_components : standard error of each component's vcov, NaN where it is not defined.
    reasons : per component, why it is NaN; None where it is not.
    information : None under REML.
    """

    recipe: str
    cov_beta: Array
    se_components: tuple[float, ...]
    reasons: tuple[str | None, ...]
    information: JointInformation | None
    _by_level: dict[int, _Part] | None = None
    _covariance: CovarianceMap | None = None

    @cached_property
    def cov_all(self) -> Array | None:
        """Covariance over (beta, theta, sigma), (p + n_theta + 1, p + n_theta + 1).

        NaN for what is on the boundary or not identified, zero between blocks of which the recipe
        says nothing. Under "wemix" sigma stands in the block of level 2. None under REML.
        """
        if self.information is None:
            return None
        assert self._by_level is not None
        assert self._covariance is not None
        return _whole(
            self.cov_beta, self._by_level, self.information, self._covariance, self.recipe
        )

    def cov_of(self, gradients: Array, level: int) -> Array:
        """Covariance of functions of the (theta_l, sigma) of one level, or of all of theta.

        Parameters
        ----------
        gradients : (q, n_theta + 1) derivatives in (theta, sigma).
        level : the level that they are of; recipes other than "wemix" have one block for all.
        """
        assert self._by_level is not None
        assert self.information is not None
        part = self._by_level[level]
        p = self.information.p
        local = np.hstack([np.zeros((gradients.shape[0], p)), gradients])[:, part.bread.where]
        return np.asarray(local @ part.covariance @ local.T)


def check_recipe(recipe: object, reml: bool) -> None:
    """Refuse an unknown recipe, and a sandwich under REML.

    Raises
    ------
    OptionError
        Unknown recipe.
    ModelError
        A recipe other than "model" under REML.
    """
    if recipe not in RECIPES:
        raise OptionError(
            f"se must be one of {', '.join(repr(name) for name in RECIPES)}, or None; "
            f"found {recipe!r}."
        )
    if reml and recipe != "model":
        raise ModelError(
            f'under REML the only standard errors are the model\'s; found se="{recipe}". '
            'Pass se="model", or reml=False for a sandwich.'
        )


def infer(
    criterion: Criterion, at: Evaluation, parts: Sequence[Component], recipe: str
) -> Inference:
    """Standard errors of the fixed effects and of the variance components.

    Parameters
    ----------
    criterion, at : the model and the point; theta's zero columns are whole.
    parts : components at that point.
    recipe : one of `RECIPES`.

    Raises
    ------
    OptionError, ModelError
        See `check_recipe`.
    """
    check_recipe(recipe, criterion.reml)
    root = criterion.data.coordinates.covariance_root
    model_cov = at.profile.sigma2 * root @ at.profile.F_xx_inv @ root.T
    if criterion.reml:
        nan = tuple(float("nan") for _ in parts)
        return Inference(recipe, model_cov, nan, tuple(UNDER_REML for _ in parts), None)
    information = JointInformation.at(criterion, at)
    covariance = criterion.covariance
    active = ~covariance.zero_columns(at.theta)
    blocks = _blocks(information, covariance, active, recipe)
    cov_beta = _cov_beta(information, model_cov, blocks, recipe)
    errors = [_error(part, blocks[max(part.level, 2)], information.p) for part in parts]
    return Inference(
        recipe,
        cov_beta,
        tuple(error for error, _ in errors),
        tuple(reason for _, reason in errors),
        information,
        blocks,
        covariance,
    )


def _blocks(
    information: JointInformation,
    covariance: CovarianceMap,
    active: NDArray[np.bool_],
    recipe: str,
) -> dict[int, _Part]:
    """Covariance of the variance parameters, by level: one and the same but under "wemix"."""
    p, n_theta = information.p, covariance.n_theta
    free = np.flatnonzero(np.concatenate([np.ones(p, dtype=bool), active, [True]]))
    S, kappa = information.scores, information.kappa
    out = {}
    if recipe == "wemix":
        for level in covariance.levels:
            mine = np.arange(level.slice.start, level.slice.stop)
            bread = Bread.of(information.H, p + np.append(mine[active[mine]], n_theta))
            half = S[:, bread.where] @ bread.inverse
            out[level.number] = _Part(bread, kappa * half.T @ half)
        return out
    bread = Bread.of(information.H, free)
    if recipe == "model":
        whole = bread.inverse
    elif recipe == "stata":
        t = free >= p
        half = S[:, free[t]] @ bread.inverse[np.ix_(t, t)]
        whole = np.zeros_like(bread.inverse)
        whole[np.ix_(t, t)] = kappa * half.T @ half
    else:
        half = S[:, free] @ bread.inverse
        whole = (kappa if recipe == "gllamm" else 1.0) * half.T @ half
    return dict.fromkeys((level.number for level in covariance.levels), _Part(bread, whole))


def _cov_beta(
    information: JointInformation, model_cov: Array, blocks: dict[int, _Part], recipe: str
) -> Array:
    p = information.p
    if recipe == "model":
        return model_cov
    if recipe in ("wemix", "stata"):
        half = information.scores[:, :p] @ model_cov
        return np.asarray(information.kappa * half.T @ half)
    if not blocks[2].bread.concave:  # theta away from a maximum: the joint inverse means nothing
        return np.full((p, p), np.nan)
    return np.asarray(blocks[2].covariance[:p, :p])


def _error(part: Component, block: _Part, p: int) -> tuple[float, str | None]:
    """Standard error of a component, or NaN with the reason."""
    if part.on_boundary:
        return float("nan"), AT_BOUNDARY
    gradient = block.gradient(np.concatenate([np.zeros(p), part.gradient]))
    variance = float(gradient @ block.covariance @ gradient)
    if not block.bread.estimable(gradient):
        return float("nan"), NOT_IDENTIFIED
    if not block.bread.concave or variance < 0:
        return float("nan"), NOT_CONCAVE
    return float(np.sqrt(variance)), None


def _whole(
    cov_beta: Array,
    blocks: dict[int, _Part],
    information: JointInformation,
    covariance: CovarianceMap,
    recipe: str,
) -> Array:
    """Covariance over (beta, theta, sigma), with NaN for what has none."""
    p, size = information.p, information.H.shape[0]
    out = np.zeros((size, size))
    for number in sorted(blocks, reverse=True):  # level 2 last: sigma's is its own
        part = blocks[number]
        out[np.ix_(part.bread.where, part.bread.where)] = part.covariance
    if recipe == "wemix":
        for level in covariance.levels[1:]:
            mine = p + np.arange(level.slice.start, level.slice.stop)
            out[mine, -1] = out[-1, mine] = 0.0
    if recipe in ("wemix", "stata", "model"):
        out[:p, p:] = out[p:, :p] = 0.0
    out[:p, :p] = cov_beta
    known = np.zeros(size, dtype=bool)
    known[:p] = True
    for part in blocks.values():
        for k, position in enumerate(part.bread.where):
            unit = np.eye(part.bread.where.size)[k]
            known[position] = position < p or (part.bread.concave and part.bread.estimable(unit))
    out[~known, :] = np.nan
    out[:, ~known] = np.nan
    return out
