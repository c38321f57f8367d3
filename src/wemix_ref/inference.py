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

All of it is done over (b, phi, sigma), the working coefficients of X and the triangles in bases
where the columns of Z are orthonormal (working.py): neither units nor origins play a part in what
is flat. beta and theta are linear in them, parameter for parameter and column for column, so every
recipe means the same there.

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
from wemix_ref.linalg import block_diag
from wemix_ref.working import working_criterion

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
    where : (size,) positions of the block in (b, phi, sigma).
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
        flat = np.abs(values) <= FLAT * float(np.abs(values).max())
        kept = vectors[:, ~flat]
        inverse = (kept / values[~flat]) @ kept.T / np.outer(scale, scale)
        return cls(where, inverse, vectors[:, flat], scale, bool(np.all(values[~flat] > 0)))

    def estimable(self, gradient: Array) -> bool:
        """Whether a function with this gradient over `where` does not depend on what is flat."""
        scaled = gradient / self.scale
        largest = float(np.abs(scaled).max())
        if largest == 0:
            return False
        scaled = scaled / largest
        size = float(np.linalg.norm(scaled))
        return float(np.linalg.norm(self.flat.T @ scaled)) <= 1e-6 * size


@dataclass(frozen=True)
class _Part:
    """Covariance of some parameters by one recipe, with the bread it came from."""

    bread: Bread
    covariance: Array


@dataclass(frozen=True)
class _Workings:
    """What standard errors are computed from.

    Attributes
    ----------
    information : over (b, phi, sigma).
    to_user : (size, size) the derivatives of (beta, theta, sigma) in (b, phi, sigma).
    parts : by level, one and the same but under "wemix".
    joint : over all of (phi, sigma) that is not on the boundary, b profiled out.
    """

    information: JointInformation
    to_user: Array
    parts: dict[int, _Part]
    joint: Bread

    def identified(self, gradient: Array) -> bool:
        """Whether the data tell a function of (theta, sigma), (n_theta + 1,) its derivatives.

        A block of one level holds the other levels fixed, and is not flat where a variance can be
        moved from one level to another.
        """
        p = self.information.p
        inner = gradient @ self.to_user[p:, p:]
        return self.joint.estimable(inner[self.joint.where])

    def gradients(self, gradients: Array, part: _Part) -> Array:
        """Derivatives over the block of a part from those in (theta, sigma), (..., n_theta + 1)."""
        p = self.information.p
        inner = gradients @ self.to_user[p:, p:]
        whole = np.concatenate([np.zeros((*inner.shape[:-1], p)), inner], axis=-1)
        return np.asarray(whole[..., part.bread.where])


@dataclass(frozen=True)
class Inference:
    """Standard errors by one recipe.

    Attributes
    ----------
    recipe : one of `RECIPES`.
    cov_beta : (p, p).
    se_components : standard error of each component's vcov, NaN where it is not defined.
    reasons : per component, why it is NaN; None where it is not.
    """

    recipe: str
    cov_beta: Array
    se_components: tuple[float, ...]
    reasons: tuple[str | None, ...]
    _workings: _Workings | None = None

    @cached_property
    def cov_all(self) -> Array | None:
        """Covariance over (beta, theta, sigma), (p + n_theta + 1, p + n_theta + 1).

        NaN for what is on the boundary or not identified, zero between blocks of which the recipe
        says nothing. Under "wemix" sigma stands in the block of level 2. None under REML.
        """
        if self._workings is None:
            return None
        return _whole(self.cov_beta, self._workings, self.recipe)

    def cov_of(self, gradients: Array, level: int) -> Array:
        """Covariance of functions of the (theta_l, sigma) of one level, or of all of theta.

        Parameters
        ----------
        gradients : (q, n_theta + 1) derivatives in (theta, sigma).
        level : the level that they are of; recipes other than "wemix" have one block for all.
        """
        assert self._workings is not None
        part = self._workings.parts[level]
        local = self._workings.gradients(gradients, part)
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
    cov_b = at.profile.sigma2 * at.profile.F_xx_inv
    if criterion.reml:
        nan = tuple(float("nan") for _ in parts)
        return Inference(recipe, root @ cov_b @ root.T, nan, tuple(UNDER_REML for _ in parts))
    working = working_criterion(criterion)
    information = JointInformation.inner(working, working.stated(at))
    active = ~criterion.covariance.zero_columns(at.theta)
    workings = _Workings(
        information,
        block_diag(root, working.jacobian, np.ones((1, 1))),
        _parts(information, working.covariance, active, recipe),
        _joint(information, cov_b, active),
    )
    inner = _cov_b(information, cov_b, workings.parts, recipe)
    errors = [_error(part, workings) for part in parts]
    return Inference(
        recipe,
        root @ inner @ root.T,
        tuple(error for error, _ in errors),
        tuple(reason for _, reason in errors),
        workings,
    )


def _joint(information: JointInformation, cov_b: Array, active: NDArray[np.bool_]) -> Bread:
    H, p = information.H, information.p
    H_tb = H[p:, :p]
    return Bread.of(H[p:, p:] - H_tb @ cov_b @ H_tb.T, np.flatnonzero(np.append(active, True)))


def _parts(
    information: JointInformation,
    covariance: CovarianceMap,
    active: NDArray[np.bool_],
    recipe: str,
) -> dict[int, _Part]:
    """Covariance of the variance parameters, by level: one and the same but under "wemix"."""
    p, n_theta = information.p, covariance.n_theta
    free = np.append(np.arange(p), p + np.flatnonzero(np.append(active, True)))
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


def _cov_b(
    information: JointInformation, cov_b: Array, parts: dict[int, _Part], recipe: str
) -> Array:
    """Covariance of b; `cov_b` is the model's."""
    p = information.p
    if recipe == "model":
        return cov_b
    if recipe in ("wemix", "stata"):
        half = information.scores[:, :p] @ cov_b
        return np.asarray(information.kappa * half.T @ half)
    if not parts[2].bread.concave:  # theta away from a maximum: the joint inverse means nothing
        return np.full((p, p), np.nan)
    return np.asarray(parts[2].covariance[:p, :p])


def _error(part: Component, workings: _Workings) -> tuple[float, str | None]:
    """Standard error of a component, or NaN with the reason."""
    if part.on_boundary:
        return float("nan"), AT_BOUNDARY
    block = workings.parts[max(part.level, 2)]
    gradient = workings.gradients(part.gradient, block)
    if not block.bread.estimable(gradient) or not workings.identified(part.gradient):
        return float("nan"), NOT_IDENTIFIED
    error = _root_of_form(gradient, block.covariance)
    if not block.bread.concave or np.isnan(error):
        return float("nan"), NOT_CONCAVE
    return error, None


def _root_of_form(gradient: Array, covariance: Array) -> float:
    """Root of gradient' covariance gradient, of order y^4 itself and no double where its root is.

    NaN where the form is negative.
    """
    scale = np.sqrt(np.abs(np.diag(covariance)))
    along = gradient * scale
    size = float(np.abs(along).max())
    if size == 0:
        return 0.0
    scale = np.where(scale > 0, scale, 1.0)
    along = along / size
    relative = float(along @ (covariance / scale / scale[:, None]) @ along)
    return size * float(np.sqrt(relative)) if relative >= 0 else float("nan")


def _whole(cov_beta: Array, workings: _Workings, recipe: str) -> Array:
    """Covariance over (beta, theta, sigma), with NaN for what has none."""
    p, to_user = workings.information.p, workings.to_user
    out = np.zeros_like(to_user)
    known = np.zeros(len(out), dtype=bool)
    for number in sorted(workings.parts, reverse=True):  # level 2 last: sigma's is its own
        bread, covariance = workings.parts[number].bread, workings.parts[number].covariance
        here = bread.where
        to = to_user[np.ix_(here, here)]
        out[np.ix_(here, here)] = to @ covariance @ to.T
        told = [bread.estimable(row) for row in to]
        known[here] = bread.concave & np.array(told)
        if recipe == "wemix" and number > 2:
            out[-1, :] = out[:, -1] = 0.0
    known[p:] &= [workings.identified(row) for row in np.eye(len(out) - p)]
    known[:p] = True
    if recipe == "model":
        out[:p] = out[:, :p] = 0.0
    out[:p, :p] = cov_beta
    out[~known, :] = np.nan
    out[:, ~known] = np.nan
    return out
