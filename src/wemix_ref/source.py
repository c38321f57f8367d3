"""What a design was built from, so that it can be built again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from wemix_ref.table import Table

__all__ = ["Source"]


@dataclass(frozen=True)
class Source:
    """The data as given and the centring asked for; all else stands in the design.

    Attributes
    ----------
    table : the columns used, every row, before centring; what is done to the data frame that they
        came from does not change them.
    center_group, center_grand : as given.
    """

    table: Table
    center_group: dict[str, str] | None
    center_grand: str | None

    @cached_property
    def data(self) -> pd.DataFrame:
        """The columns as a data frame."""
        return pd.DataFrame(dict(self.table), index=self.table.index, copy=False)

    @classmethod
    def of(
        cls,
        table: Table,
        center_group: Mapping[str, str] | None,
        center_grand: str | None,
    ) -> Source:
        """Keep the columns used."""
        return cls(
            table,
            dict(center_group) if isinstance(center_group, Mapping) else None,
            center_grand,
        )
