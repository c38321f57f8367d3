"""One level's random effects integrated out of its groups, and the derivatives of that step.

Integrating a group's random effects out of the nested pseudo-likelihood (paper, eqs. 82-102) is one
block elimination. With T the group's cross-products of its own z with z and with the rest r (the
effects of the levels above, and the fixed part [X, y]),

    A = Lambda' T_zz Lambda + I = R'R,   B = R^-T Lambda' T_zr,

the group adds psi log det A to the deviance (psi unconditional), and psi B'B is taken off the
cross-products of the rest: psi/psi_k times its part off those of each group k above that it lies
in, psi times off F, those of [X, y] in sum.

Derivatives need no more of the fixed part than its products with a few vectors V = [.., (-b, 1)].
With C = [T_zz, T_z,above, T_z,fixed V] and U = A^-1 Lambda' C_zr, E = C_zr - C_zz Lambda U they run
from the top down on matrices G, the adjoints of what is left of C, over psi:

    dD/dLambda = sum 2 psi (C_zz Lambda A^-1 - E G U'),
    G of a group below = [-Lambda U; I] G [-Lambda U; I]' + Lambda A^-1 Lambda' on zz.

The last column of G holds the conditional modes: minus sigma^2 times it are the effects of the
groups above. Every step is there twice, as loops over groups (`elimination_loops.py`) and as matrix
products (`elimination_arrays.py`); the loops are taken where they can be compiled. The order of
the steps is `recursion_loops.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wemix_ref import elimination_arrays, elimination_loops
from wemix_ref.compiled import HAVE_NUMBA

__all__ = ["LevelState"]

Array = NDArray[np.float64]
Ints = NDArray[np.intp]


def _steps() -> Any:  # noqa: ANN401
    return elimination_loops if HAVE_NUMBA() else elimination_arrays


@dataclass(frozen=True)
class LevelState:
    """One level at theta, as derivatives need it.

    Attributes
    ----------
    Lam : (q, q) Lambda in the working coordinates of Z.
    C : (G, q, q + r). TL, A_inv : (G, q, q), C_zz Lambda and A^-1. U, E : (G, q, r).
    psi : (G,) unconditional weights.
    above : (K, r, r) adjoints G of the parents, one of them at the top.
    parent : (G,) zeros at the top.
    """

    Lam: Array
    C: Array
    TL: Array
    A_inv: Array
    U: Array
    E: Array
    psi: Array
    above: Array
    parent: Ints

    def gradient(self, bins: Ints, n_bins: int) -> Array:
        """dD/dLambda summed over the groups of each bin, (n_bins, q, q)."""
        out = np.zeros((n_bins, *self.Lam.shape))
        _steps().pull_back(
            self.TL, self.A_inv, self.U, self.E, self.above, self.parent, self.psi, bins, out
        )
        return out

    def curvature(self) -> Array:
        """DD / d(Lambda Lambda'), (q, q): sum of psi (C_zz - TL A^-1 TL' - E G E')."""
        out = np.zeros(self.Lam.shape)
        q = self.Lam.shape[0]
        T_zz = np.ascontiguousarray(self.C[:, :, :q])
        _steps().curvature(
            T_zz, self.TL, self.A_inv, self.E, self.above, self.parent, self.psi, out
        )
        return out
