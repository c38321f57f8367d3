"""What the catalogue of Snakemake workflows asks of a repository, checked on files alone.

The catalogue takes a repository in where its README names Snakemake and a workflow, and where its
``workflow/`` has a ``Snakefile`` and ``rules/`` with files that end on ``.smk``. Usage is shown
where ``config/README.md`` and ``.snakemake-workflow-catalog.yml`` are; of that file it reads
``usage`` with ``mandatory-flags`` (``desc``, ``flags``), ``software-stack-deployment`` (which of
conda and apptainer work) and ``report``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["CATALOGUE_FILE", "catalogue_faults"]

CATALOGUE_FILE = ".snakemake-workflow-catalog.yml"

_DEPLOYMENTS = {"conda", "apptainer", "apptainer+conda", "singularity", "singularity+conda"}


def catalogue_faults(root: Path) -> list[str]:
    """Return what a repository lacks to be taken in and to be shown with its usage.

    Parameters
    ----------
    root : of the checkout.
    """
    faults = []
    readme = _text(root / "README.md").lower()
    faults += [
        f"README.md must say {word!r}" for word in ("snakemake", "workflow") if word not in readme
    ]
    if not (root / "workflow" / "Snakefile").is_file():
        faults.append("workflow/Snakefile must be there: beside a workflow/ no other is looked for")
    if not any((root / "workflow" / "rules").glob("*.smk")):
        faults.append("workflow/rules must hold files that end on .smk")
    if not _text(root / "config" / "README.md").strip():
        faults.append("config/README.md must say how the workflow is configured")
    if not (root / CATALOGUE_FILE).is_file():
        return [*faults, f"{CATALOGUE_FILE} must be there"]
    return faults + _file_faults(root / CATALOGUE_FILE)


def _file_faults(path: Path) -> list[str]:
    from wemix_ref.errors import CaseError
    from wemix_ref.strict_yaml import read_yaml

    try:
        content = read_yaml(path)
    except CaseError as error:
        return [str(error)]
    if not isinstance(content, dict) or set(content) != {"usage"}:
        return [f"{CATALOGUE_FILE} must hold usage and nothing else"]
    usage = content["usage"]
    if not isinstance(usage, dict):
        return [f"{CATALOGUE_FILE}: usage must be a mapping"]
    faults = []
    if unknown := set(usage) - {"mandatory-flags", "software-stack-deployment", "report"}:
        faults.append(f"usage: {', '.join(sorted(map(str, unknown)))} is read by nothing")
    faults += _flags(usage.get("mandatory-flags", {"desc": "", "flags": ""}))
    deployment = usage.get("software-stack-deployment")
    if not isinstance(deployment, dict) or not deployment:
        faults.append("usage: software-stack-deployment must say whether conda and apptainer work")
    else:
        faults += [
            f"software-stack-deployment: {name} must be one of {', '.join(sorted(_DEPLOYMENTS))}, "
            "true or false"
            for name, works in deployment.items()
            if name not in _DEPLOYMENTS or not isinstance(works, bool)
        ]
    if not isinstance(usage.get("report", False), bool):
        faults.append("usage: report must be true or false")
    return faults


def _flags(flags: Any) -> list[str]:  # noqa: ANN401
    if not isinstance(flags, dict) or set(flags) != {"desc", "flags"}:
        return ["usage: mandatory-flags must have desc and flags"]
    given = flags["flags"]
    listed = isinstance(given, list) and all(isinstance(one, str) for one in given)
    if not (isinstance(flags["desc"], str) and (isinstance(given, str) or listed)):
        return ["mandatory-flags: desc must be text; flags text, or a list of texts"]
    return []


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
