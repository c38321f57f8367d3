"""How far a printed median may be from ours: as far above as below."""

from __future__ import annotations

import pytest

from wemix_ref.simulate.published import LIMIT, PrintedMedian


@pytest.mark.parametrize(
    ("z", "agrees"),
    [
        (0.0, True),
        (LIMIT, True),
        (-LIMIT, True),
        (LIMIT + 1e-9, False),
        (-LIMIT - 1e-9, False),
        (None, None),
    ],
)
def test_the_limit_holds_on_both_sides(z, agrees):
    assert LIMIT == 4.0
    median = PrintedMedian("row", "column", "a", "x", "0.5", 0.5, 0.1, z)
    assert median.agrees is agrees
