"""What the sampling weights are like."""

from __future__ import annotations

import pandas as pd

from wemix_ref.fitted import Fitted
from wemix_ref.weight_summary import weight_summaries

__all__ = ["Weighting"]


class Weighting(Fitted):
    """What the sampling weights are like."""

    def weight_summary(self) -> pd.DataFrame:
        """Weights per level as they entered the fit, after ``use`` and ``scale``.

        Returns
        -------
        DataFrame
            Indexed by ``level`` (1 for the rows) and ``kind`` ("unconditional", "conditional"),
            with ``group`` ("rows" at level 1), ``column`` (None where there is none), ``n`` (units
            at the level, groups counted once), ``sum``, ``min``, ``max``, ``effective_n``
            ((sum w)^2 / sum w^2) and ``design_effect`` (n over it, Kish 1965). In an unweighted fit
            all weights are 1.
        """
        rows = [
            (s.level, s.kind, s.group, s.column, s.n, s.total, s.least, s.most, s.effective,
             s.design_effect)
            for s in weight_summaries(self.design)
        ]  # fmt: skip
        frame = pd.DataFrame(
            rows,
            columns=[
                "level", "kind", "group", "column", "n", "sum", "min", "max", "effective_n",
                "design_effect",
            ],
        )  # fmt: skip
        frame["column"] = frame["column"].astype(object).where(frame["column"].notna(), None)
        return frame.set_index(["level", "kind"])
