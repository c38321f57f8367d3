"""./workbench bench: which run it asks for."""

from __future__ import annotations

import pytest

from tests.unit.test_workbench import Checkout, checkout

__all__ = ["checkout"]


@pytest.mark.parametrize(
    ("given", "called"),
    [
        ([], "bench:--cores:all:--config:bench={mode: quick}:"),
        (["--quick"], "bench:--cores:all:--config:bench={mode: quick}:"),
        (["--full", "-c1"], "bench:-c1:--config:bench={mode: full}:"),
        (["--full", "--dry-run"], "bench:--cores:all:--dry-run:--config:bench={mode: full}:"),
    ],
)
def test_a_run_is_asked_of_snakemake(
    checkout: Checkout,
    given: list[str],
    called: str,
) -> None:
    done = checkout.call("bench", *given)
    assert done.returncode == 0, done.stderr
    assert f"snakemake:{called}" in done.stdout


def test_the_usage_tells_of_it(checkout: Checkout) -> None:
    assert "./workbench bench [--quick|--full]" in checkout.call("help").stdout
