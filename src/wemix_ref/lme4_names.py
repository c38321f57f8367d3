"""Parts of a fitted model by the names that lme4's getME and VarCorr give them.

Everything with one entry a term is in the order of ``cnms``, that of Z's columns. lme4 1.1-31 gives
``mmList``, ``p_i`` and ``m_i`` in the formula's order, and multiplies the two orders in ``q_i``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.errors import OptionError
from wemix_ref.lazily import Lazy

if TYPE_CHECKING:
    from wemix_ref.covariance import Block
    from wemix_ref.design import Level
    from wemix_ref.fitted import Fitted

if TYPE_CHECKING:
    import scipy.sparse as sp
else:
    sp = Lazy("scipy.sparse")

__all__ = ["GETME_NAMES", "VarCorr", "get_me", "var_corr"]

Array = NDArray[np.float64]


class VarCorr(dict[str, pd.DataFrame]):
    """Covariance matrix of each random term, by lme4's name, with the residual's ``sigma``.

    A second term on the same factor ``g`` is ``g.1``. Variances, on the data's scale.

    Attributes
    ----------
    sigma : residual standard deviation.
    """

    def __init__(self, matrices: dict[str, pd.DataFrame], sigma: float) -> None:
        super().__init__(matrices)
        self.sigma = sigma

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self), self.sigma)

    def stddev(self, term: str) -> pd.Series:
        """Standard deviations of one term."""
        matrix = self[term]
        return pd.Series(np.sqrt(np.diag(matrix)), index=matrix.index, name="stddev")

    def correlation(self, term: str) -> pd.DataFrame:
        """Correlations of one term; NaN with a variance of zero."""
        sd = self.stddev(term).to_numpy()
        with np.errstate(divide="ignore", invalid="ignore"):
            values = self[term].to_numpy() / np.outer(sd, sd)
        return pd.DataFrame(values, index=self[term].index, columns=self[term].columns)

    def __repr__(self) -> str:
        lines = []
        for term in self:
            lines.append(f"{term}: standard deviations")
            lines.append(self.stddev(term).to_string())
            if len(self[term]) > 1:
                lines.append("correlations")
                lines.append(self.correlation(term).to_string())
        return "\n".join([*lines, f"Residual: {self.sigma:.6g}"])


def _terms(fit: Fitted) -> list[tuple[str, Level, Block, int]]:
    """Name, level, block and the level's position of each random term, in lme4's order."""
    out: list[tuple[str, Level, Block, int]] = []
    design = fit.design
    for position, (level, mine) in enumerate(
        zip(design.levels, design.covariance.levels, strict=True)
    ):
        for number, block in enumerate(mine.blocks):
            name = f"{level.name}.{number}" if number else level.name
            out.append((name, level, block, position))
    return out


def var_corr(fit: Fitted) -> VarCorr:
    """Covariance matrices of the random terms."""
    theta, sigma = fit.theta.to_numpy(), fit.sigma
    matrices = {}
    for name, _, block, _ in _terms(fit):
        L = block.Lambda(theta)
        names = list(block.names)
        matrices[name] = pd.DataFrame(sigma**2 * L @ L.T, index=names, columns=names)
    return VarCorr(matrices, sigma)


def _stacked(fit: Fitted, per_level: list[Array]) -> Array:
    """One vector in the order of Z's columns: term by term, then group by group."""
    return np.concatenate(
        [per_level[position][:, block.rows].ravel() for _, _, block, position in _terms(fit)]
    )


def _Lambda(fit: Fitted) -> sp.csr_array:
    theta = fit.theta.to_numpy()
    parts = [
        sp.kron(sp.eye_array(level.n_groups), block.Lambda(theta), format="csr")
        for _, level, block, _ in _terms(fit)
    ]
    return sp.csr_array(sp.block_diag(parts, format="csr"))


def _Ztlist(fit: Fitted) -> dict[str, sp.csr_array]:
    Z, start, out = sp.csc_array(fit.Z()), 0, {}
    for name, level, block, _ in _terms(fit):
        for k, coefficient in enumerate(block.names):
            columns = start + k + block.size * np.arange(level.n_groups)
            key = f"{level.name}.{coefficient}"
            out[f"{name}.{coefficient}" if key in out else key] = sp.csr_array(Z[:, columns].T)
        start += block.size * level.n_groups
    return out


def _Tlist(fit: Fitted) -> dict[str, Array]:
    theta = fit.theta.to_numpy()
    return {name: block.Lambda(theta) for name, _, block, _ in _terms(fit)}


def _mmList(fit: Fitted) -> dict[str, pd.DataFrame]:
    return {
        name: pd.DataFrame(level.Z[:, block.rows], fit.design.index, list(block.names))
        for name, level, block, _ in _terms(fit)
    }


def _Gp(fit: Fitted) -> NDArray[np.intp]:
    sizes = [block.size * level.n_groups for _, level, block, _ in _terms(fit)]
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)


def _Lind(fit: Fitted) -> NDArray[np.intp]:
    """Element of theta, counted from 0, of each stored element of Lambdat, column by column."""
    parts = []
    for _, level, block, _ in _terms(fit):
        where = np.zeros((block.size, block.size), dtype=np.intp)
        where[block.triangle] = block.start + np.arange(block.n_theta)
        parts.append(np.tile(where[np.tril_indices(block.size)], level.n_groups))
    return np.concatenate(parts)


def _lower(fit: Fitted) -> pd.Series:
    bound = []
    for _, _, block, _ in _terms(fit):
        rows, columns = block.triangle
        bound += np.where(rows == columns, 0.0, -np.inf).tolist()
    return pd.Series(bound, index=fit.theta.index, name="lower")


def _per_term(count: Callable[[Level, Block], int]) -> Callable[[Fitted], pd.Series]:
    def counts(fit: Fitted) -> pd.Series:
        return pd.Series({name: count(level, block) for name, level, block, _ in _terms(fit)})

    return counts


_GETTERS: dict[str, Callable[[Any], Any]] = {
    "A": lambda fit: sp.csr_array((fit.Z() @ _Lambda(fit)).T),
    "Gp": _Gp,
    "Lambda": _Lambda,
    "Lambdat": lambda fit: sp.csr_array(_Lambda(fit).T),
    "Lind": _Lind,
    "N": lambda fit: fit.nobs,
    "REML": lambda fit: fit.design.X.shape[1] if fit.reml else 0,
    "Tlist": _Tlist,
    "X": lambda fit: pd.DataFrame(fit.design.X, fit.design.index, list(fit.design.x_names)),
    "Z": lambda fit: fit.Z(),
    "Zt": lambda fit: sp.csr_array(fit.Z().T),
    "Ztlist": _Ztlist,
    "b": lambda fit: _stacked(fit, fit._modes),
    "beta": lambda fit: fit.params.to_numpy().copy(),
    "cnms": lambda fit: {name: list(block.names) for name, _, block, _ in _terms(fit)},
    "fixef": lambda fit: fit.params.copy(),
    "flist": lambda fit: {level.name: level.labels[level.codes] for level in fit.design.levels},
    "is_REML": lambda fit: fit.reml,
    "k": lambda fit: len(_terms(fit)),
    "l_i": lambda fit: pd.Series(fit.ngroups),
    "lower": _lower,
    "m": lambda fit: fit.theta.size,
    "m_i": _per_term(lambda _, block: block.n_theta),
    "mmList": _mmList,
    "mu": lambda fit: fit.fittedvalues.to_numpy().copy(),
    "n": lambda fit: fit.nobs,
    "n_rfacs": lambda fit: len(fit.design.levels),
    "n_rtrms": lambda fit: len(_terms(fit)),
    "offset": lambda fit: fit.design.offset.copy(),
    "p": lambda fit: fit.design.X.shape[1],
    "p_i": _per_term(lambda _, block: block.size),
    "q": lambda fit: int(_Gp(fit)[-1]),
    "q_i": _per_term(lambda level, block: level.n_groups * block.size),
    "sigma": lambda fit: fit.sigma,
    "theta": lambda fit: fit.theta.copy(),
    "u": lambda fit: _stacked(fit, fit._spherical_modes),
    "y": lambda fit: fit.design.y + fit.design.offset,
}

#: Names that `get_me` knows.
GETME_NAMES = tuple(_GETTERS)


def get_me(fit: Fitted, name: str) -> Any:  # noqa: ANN401
    """Part of a fitted model by lme4's name.

    Raises
    ------
    OptionError
        A name that is not known here; the message lists those that are.
    """
    getter = _GETTERS.get(name) if isinstance(name, str) else None
    if getter is None:
        raise OptionError(
            f"getME knows {', '.join(GETME_NAMES)}; found {name!r}. What else lme4 has belongs to "
            "its own algorithm."
        )
    return getter(fit)
