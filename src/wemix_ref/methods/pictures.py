"""V by group, and pictures of a fitted model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wemix_ref import marginal
from wemix_ref.fitted import Fitted

__all__ = ["Pictures"]


class Pictures(Fitted):
    """V by group, and pictures of a fitted model."""

    def V_by_group(
        self, kind: str = "marginal", groups: Sequence[object] | None = None
    ) -> Iterator[marginal.VBlock]:
        """Covariance of y a top group at a time, for data whose V is too large to form.

        Parameters
        ----------
        kind : "marginal" or "working", as in :meth:`V`.
        groups : ids of top groups, in the order wanted; None for all, in the order of their labels.

        Yields
        ------
        VBlock
            ``(label, rows, block)``: the group's id, positions of its rows in the data's order, and
            V of these rows, dense. :func:`wemix_ref.gls` takes the blocks of all groups in place
            of V.

        Raises
        ------
        OptionError
            A kind or a group that is not known.
        """
        return marginal.V_by_group(self.design, self._at.theta, self.sigma, kind, groups)
