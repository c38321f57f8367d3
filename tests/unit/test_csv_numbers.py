"""Numbers of a CSV file are the doubles nearest to their texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from wemix_ref.cli_read import read_data
from wemix_ref.csv_numbers import read_csv

if TYPE_CHECKING:
    from pathlib import Path

VALUES = np.random.default_rng(1).normal(size=4000)


def written(path: Path, separator: str) -> Path:
    lines = [f"{value!r}{separator}{k}{separator}" for k, value in enumerate(VALUES.tolist())]
    lines[7] = f"{VALUES.tolist()[7]!r}{separator}7{separator}0.1"
    path.write_text("\n".join([separator.join("ykz"), *lines]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("separator", [",", ";", "::"])
def test_every_number_is_read_to_its_last_bit(tmp_path: Path, separator: str) -> None:
    path = written(tmp_path / "a.csv", separator)
    engine = "c" if len(separator) == 1 else "python"
    for frame in (
        read_csv(path, sep=separator, engine=engine),
        read_data(path, [], separator),
    ):
        np.testing.assert_array_equal(frame["y"], VALUES)
        assert frame["k"].tolist() == list(range(4000))
        assert frame["z"].notna().sum() == 1
        assert frame["z"][7] == 0.1
