"""Tables and reports of a run made again from its raw files, and held against what is there."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wemix_ref.derived import steps
from wemix_ref.derived_run import Run, Step, run_of
from wemix_ref.errors import DataError, WemixRefError
from wemix_ref.file_differences import MOST, Difference, file_differences, json_differences
from wemix_ref.provenance import hashes_of, made_with, read_provenance
from wemix_ref.stamps import SIDECAR, read_stamp, software_here

__all__ = ["Verification", "verify"]

PROVENANCE = ("provenance.json", "studies/provenance.json")
_MADE_AGAIN = "what can be made again"
_NOTHING = "nothing"


@dataclass(frozen=True)
class Verification:
    """What came of it.

    Attributes
    ----------
    files : derived files that were made again.
    raw : raw files that they were made from.
    differences : what is not as it must be.
    notes : with what else the run was made than what is here; bits may depend on it.
    """

    files: tuple[str, ...]
    raw: tuple[str, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether everything is as it must be."""
        return not self.differences


def verify(results: Path, project: Path | None = None) -> Verification:
    """Make tables and reports again, elsewhere, and compare; nothing of the results is changed.

    Parameters
    ----------
    results : directory of a finished run.
    project : root of the checkout with its ``config/`` and ``resources/``; None: the directory that
        holds the results.

    Raises
    ------
    DataError
        If there is no such directory, or no run in it.
    """
    results = Path(results).resolve()
    project = results.parent if project is None else Path(project).resolve()
    if not results.is_dir():
        raise DataError(f"{results} must be the directory of a run's results; there is none.")
    run, told = _run(project, results)
    listed = _steps(run)
    differences: list[Difference] = []
    with tempfile.TemporaryDirectory(prefix="wemix-ref-verify-") as place:
        made = Path(place) / "results"
        made.mkdir()
        for step in listed:
            differences += _made(run, step, made)
        expected = {
            path.relative_to(made).as_posix(): path
            for top in made.iterdir()
            if not top.is_symlink()
            for path in sorted(top.rglob("*") if top.is_dir() else [top])
            if path.is_file()
        }
        for name, path in sorted(expected.items()):
            found = results / name
            if found.is_file():
                differences += file_differences(name, found, path)
            else:
                differences.append(Difference(name, "", _NOTHING, "the file"))
        failed = {one.file for one in differences if one.expected == _MADE_AGAIN}
        raw = _raw(listed, expected)
        differences += _surplus(run, {*expected, *raw, *failed})
    for name, content in told.items():
        differences += _hashes(run, name, content)
    notes = [line for content in told.values() for line in _notes(project, content)]
    notes += _of_stamps(results, listed, expected)
    order = sorted(dict.fromkeys(differences), key=lambda one: one.file)
    return Verification(tuple(sorted(expected)), tuple(sorted(raw)), tuple(order), tuple(notes))


def _run(project: Path, results: Path) -> tuple[Run, dict[str, dict[str, Any]]]:
    """Read what the run was of: from its provenance, else from the configuration."""
    from wemix_ref.strict_yaml import read_yaml

    told = {
        name: read_provenance(results / name) for name in PROVENANCE if (results / name).is_file()
    }
    config: Any
    if told:
        config = next(iter(told.values()))["config"]
    else:
        path = project / "config" / "config.yaml"
        if not path.is_file():
            raise DataError(
                f"{results} must have provenance.json or lie beside config/config.yaml; found "
                "neither. Name the checkout by --project."
            )
        config = read_yaml(path)
    return run_of(project, results, config), told


def _steps(run: Run) -> list[Step]:
    """Steps of what is there; of a run of cases or studies that began everything must be there."""
    cases = any((run.results / name).exists() for name in ("comparisons", "tables", "report"))
    place = run.results / "studies"
    studies = [name for name in run.studies if (place / name).is_dir()]
    found = steps(run, cases=cases, studies=studies)
    if not found:
        raise DataError(
            f"{run.results} must hold the results of a run; found neither cases nor studies of "
            "the configuration. Run the workflow first."
        )
    return found


def _made(run: Run, step: Step, out: Path) -> list[Difference]:
    """Make the outputs of a step; what it cannot be made from is named."""
    missing = [
        Difference(name.removeprefix("results/"), "", _NOTHING, "the file")
        for name in step.inputs
        if name.startswith("results/")
        and not (run.results / name.removeprefix("results/")).is_file()
        and not (out / name.removeprefix("results/")).is_file()
    ]
    if missing:
        return missing
    try:
        step.make(out)
    except (WemixRefError, OSError, LookupError, TypeError, ValueError) as error:
        why = " ".join(str(error).split())[:300]
        return [
            Difference(
                name.removeprefix("results/"),
                step.what,
                f"raw files that do not serve: {type(error).__name__}: {why}",
                _MADE_AGAIN,
            )
            for name in step.outputs
        ]
    return []


def _raw(listed: Sequence[Step], expected: Mapping[str, Path]) -> set[str]:
    names = {name for step in listed for name in step.inputs if name.startswith("results/")}
    return {name.removeprefix("results/") for name in names} - set(expected)


def _surplus(run: Run, known: set[str]) -> list[Difference]:
    """Files that no rule writes, or that a run with this outcome does not leave."""
    allowed = re.compile(_others(run))
    found = []
    for path in sorted(run.results.rglob("*")):
        name = path.relative_to(run.results).as_posix()
        if not path.is_file() or name in known or path.name == ".snakemake_timestamp":
            continue
        if not allowed.fullmatch(name) and not any(
            name.startswith(one) for one in known if one.endswith("/")
        ):
            found.append(Difference(name, "", "the file", _NOTHING))
    return found


def _others(run: Run) -> str:
    """Names of files that are raw, or tell of the run itself."""
    patterns = [
        r"README\.md", r"report\.html", r"(studies/)?provenance\.json", r"logs/.*",
        r"reliability/[a-z]+\.json", r"bench/(quick|full)/[a-z0-9-]+\.json",
    ]  # fmt: skip
    for case in run.cases.values():
        engines = "|".join(map(re.escape, case.engines))
        patterns += [
            rf"fits/{case.name}/({engines})\.(json|timing\.json|matrices\.parquet)",
            rf"prepared/{case.name}/(data\.csv|problem\.json)",
            rf"rebuilt/{case.dataset.name}\.json",
        ]
    for study in run.studies.values():
        scenarios = "|".join(map(re.escape, study.settings))
        patterns += [
            rf"studies/{study.name}/chunks/({scenarios})/\d{{7}}-\d{{7}}\.parquet",
            rf"studies/{study.name}/timing/({scenarios})/\d{{7}}-\d{{7}}\.json",
            rf"studies/{study.name}/audits/({scenarios})\.csv({re.escape(SIDECAR)})?",
        ]
    return "|".join(patterns)


def _hashes(run: Run, name: str, told: Mapping[str, Any]) -> list[Difference]:
    """Hold the hashes that a provenance states against the files."""
    unknown = [one for one in told["studies"] if one not in run.studies]
    if unknown:
        return [Difference(name, "studies", repr(unknown[0]), "a study of the configuration")]
    now = hashes_of(run, steps(run, cases=told["cases"], studies=told["studies"]))
    stated, found_now = ({one["made"]: one for one in part} for part in (told["steps"], now))
    places = list(json_differences(stated, found_now))
    found = [Difference(name, *place) for place in places[:MOST]]
    if len(places) > MOST:
        found.append(Difference(name, "in all", f"{len(places)} differences", "none"))
    return found


def _of_stamps(results: Path, listed: Sequence[Step], names: Iterable[str]) -> list[str]:
    """With what else than what is here stamps say that files were made."""
    rules = {
        output.removeprefix("results/"): step.rule for step in listed for output in step.outputs
    }
    found: dict[tuple[str, str, str], list[str]] = {}
    for name in sorted(names):
        rule = rules.get(name) or rules.get(f"{Path(name).parent.as_posix()}/")
        if not rule or name.endswith(SIDECAR):
            continue
        try:
            stated = read_stamp(results / name).software
        except DataError:
            continue  # it differs from what was made again, and is told so
        for key, was, now in json_differences(dict(stated), software_here(rule)):
            found.setdefault((key, was, now), []).append(name)
    return [
        f"{files[0]}{f' and {len(files) - 1} more' if files[1:] else ''}: made with {key}: {was}; "
        f"here: {now}"
        for (key, was, now), files in found.items()
    ]


def _notes(project: Path, told: Mapping[str, Any]) -> list[str]:
    here = made_with(project)
    return [
        f"made with {place}: {was}; here: {now}"
        for place, was, now in json_differences(told["made_with"], here)
    ]
