"""What a design was built from, so that it can be built again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

__all__ = ["Source"]


@dataclass(frozen=True)
class Source:
    """The data as given and the centring asked for; all else stands in the design.

    Attributes
    ----------
    data : a copy of the columns used, every row, before centring.
    center_group, center_grand : as given.
    """

    data: pd.DataFrame
    center_group: dict[str, str] | None
    center_grand: str | None

    @classmethod
    def of(
        cls,
        data: pd.DataFrame,
        columns: Sequence[str | None],
        center_group: Mapping[str, str] | None,
        center_grand: str | None,
    ) -> Source:
        """Copy the columns used, each once."""
        names = list(dict.fromkeys(name for name in columns if name is not None))
        return cls(
            data[names].copy(),
            dict(center_group) if isinstance(center_group, Mapping) else None,
            center_grand,
        )
