"""What a run is of, and a step from some of its files to others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wemix_ref.cases import Case, load_cases
from wemix_ref.simulate.study import Study, load_studies
from wemix_ref.stamps import Stamper

__all__ = ["Run", "Step", "run_of"]


@dataclass(frozen=True)
class Step:
    """One step from files of a run to others.

    Attributes
    ----------
    what : a name for messages.
    inputs : paths from the project's root.
    outputs : paths from the root; one that ends in ``/`` is a folder.
    make : writes the outputs below a directory that stands for ``results``; what came from steps
        before is read there, what is raw in the run's own results.
    conditional : outputs are there only when all is as it must be.
    rule : whose stamp the outputs carry, see `wemix_ref.stamps.CODE`; empty: they carry none.
    """

    what: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    make: Callable[[Path], None]
    conditional: bool = False
    rule: str = ""


@dataclass(frozen=True)
class Run:
    """What a run is of.

    Attributes
    ----------
    project : its root; `results` : where its files lie.
    config : the workflow's configuration.
    cases : every case; `chosen` those of the run.
    studies : every study by name, small versions too; `chosen_studies` those of the run.
    """

    project: Path
    results: Path
    config: Mapping[str, Any]
    cases: Mapping[str, Case]
    chosen: tuple[str, ...]
    studies: Mapping[str, Study]
    chosen_studies: tuple[str, ...]

    @property
    def resources(self) -> Path:
        """Directory of the data."""
        return self.project / self.config["resources"]

    @property
    def tolerances(self) -> Path:
        """File of the tolerances."""
        return self.project / self.config["tolerances"]

    def stamper(self, out: Path, rule: str) -> Stamper:
        """Stamps files below `out`; such as are made again keep the versions that are stated."""
        roots = ((out, "results/"), (self.results, "results/"), (self.project, ""))
        return Stamper(rule, roots, None if out == self.results else self.results)

    def name(self, path: Path) -> str:
        """Path from the root."""
        return path.relative_to(self.project).as_posix()


def run_of(project: Path, results: Path, config: Mapping[str, Any]) -> Run:
    """Read what a configuration asks for.

    Parameters
    ----------
    project : directory of ``config/`` and ``resources/``.
    results : where the run's files lie.
    config : as ``config/config.yaml`` holds it.
    """
    cases = load_cases(
        project / config["cases"]["directory"], resources=project / config["resources"]
    )
    place = project / config["studies"]["directory"]
    studies = load_studies(place, chunk=config["studies"]["chunk"]) if place.is_dir() else {}
    return Run(
        project,
        results,
        config,
        cases,
        tuple(config["cases"]["only"] or cases),
        studies,
        tuple(config["studies"]["only"] or studies),
    )
