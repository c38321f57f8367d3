"""What a hunt found, written down: the run as JSON, and a directory for each case."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from wemix_ref.files import write_json, write_text
from wemix_ref.hunt.identities import IDENTITIES
from wemix_ref.hunt.model import Model
from wemix_ref.hunt.r_script import r_script
from wemix_ref.hunt.search import Case, Hunt

__all__ = ["SCHEMA", "case_content", "file_hunt", "run_content"]

SCHEMA = "wemix-ref/hunt/1"
_FIRST, _SECOND = "first.csv", "second.csv"


def run_content(run: Hunt, versions: dict[str, str]) -> dict[str, Any]:
    """The run as plain values: the same for the same seed, engine and versions.

    Parameters
    ----------
    run : Hunt
    versions : dict
        Of the software that answered.
    """
    return {
        "schema": SCHEMA,
        "engine": run.engine,
        "versions": versions,
        "seed": run.seed,
        "n": run.n,
        "each": run.each,
        "counts": {name: dict(sorted(counts.items())) for name, counts in run.counts.items()},
        "models_with_differences": sorted({k for case in run.cases for k in case.numbers}),
        "cases": {
            name: case_content(case, rows=True)
            for name, case in zip(_names(run), run.cases, strict=True)
        },
    }


def case_content(case: Case, *, rows: bool) -> dict[str, Any]:
    """One case as plain values.

    Parameters
    ----------
    rows : bool
        Whether its data are among them.
    """
    pair = case.pair
    return {
        "known_as": case.known or None,
        "kind": case.verdict.kind,
        "identity": pair.identity,
        "states": IDENTITIES[pair.identity].says,
        "needs": list(case.needs),
        "models": list(case.numbers),
        "first": _model_content(pair.first, rows),
        "second": _model_content(pair.second, rows),
        "expected_of_the_second": _plain(asdict(pair.expected)),
        "differences": [asdict(difference) for difference in case.verdict.differences],
        "message": case.verdict.message,
    }


def _model_content(model: Model, rows: bool) -> dict[str, Any]:
    content = {
        "formula": model.formula,
        "weights": None if model.weights is None else list(model.weights),
        "conditional_weights": model.conditional,
        "levels": model.levels,
        "n_rows": len(model.data),
        "theta": model.common_theta(),
    }
    return content | ({"data": csv_text(model.data)} if rows else {})


def csv_text(data: pd.DataFrame) -> str:
    """Data as a CSV file has them, numbers with all their digits, texts in quotes."""
    return data.to_csv(index=False, quoting=2, lineterminator="\n")


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value.item() if hasattr(value, "item") else value


def _names(run: Hunt) -> list[str]:
    """A name for each case: its number and cause."""
    return [
        f"{number:02d}-{case.known or case.pair.identity}".replace(" ", "-")
        for number, case in enumerate(run.cases, start=1)
    ]


def file_hunt(run: Hunt, directory: Path, versions: dict[str, str]) -> list[Path]:
    """Write ``hunt.json`` and a directory for each case.

    A case has ``case.yaml`` (what was fitted, expected and got), ``first.csv`` and ``second.csv``,
    and for engines of R ``show.R``, which needs nothing but R and the package.

    Parameters
    ----------
    run : Hunt
    directory : pathlib.Path
        Made where it is not there. Files of the same names are replaced, others left.
    versions : dict
        Of the software that answered.

    Returns
    -------
    list of pathlib.Path
        The cases' directories.
    """
    import yaml

    places = [directory / name for name in _names(run)]
    for place, case in zip(places, run.cases, strict=True):
        content = case_content(case, rows=False)
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
        write_text(place / _FIRST, csv_text(case.pair.first.data))
        write_text(place / _SECOND, csv_text(case.pair.second.data))
        script = r_script(run.engine, case.pair, (_FIRST, _SECOND), case.verdict.kind)
        if script is not None:
            write_text(place / "show.R", script)
        write_text(place / "case.yaml", text)
    write_json(directory / "hunt.json", run_content(run, versions))
    return places
