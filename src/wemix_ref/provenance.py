"""What a run was made with and from: one file of versions, platform, and hashes of every file.

Nothing in it tells when or in which directory a run was made, so the same run gives the same bytes.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import wemix_ref
from wemix_ref.derived import steps
from wemix_ref.derived_run import Run, Step, run_of
from wemix_ref.errors import CaseError
from wemix_ref.files import write_json
from wemix_ref.git_state import git_state
from wemix_ref.installed import r_versions

__all__ = [
    "SCHEMA",
    "THREADS",
    "hashes_of",
    "made_with",
    "read_provenance",
    "write_provenance",
]

SCHEMA = "wemix-ref/provenance/1"
#: What decides how many threads a library of linear algebra starts.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
_SWITCHES = ("WEMIX_REF_NO_R", "WEMIX_REF_NUMBA", "NUMBA_NUM_THREADS", *THREADS)
# of these only whether they are set: their values are paths
_PLACES = ("WEMIX_REF_DATA", "R_LIBS", "R_LIBS_USER")
_PACKAGES = (
    "numpy", "scipy", "pandas", "numba", "llvmlite", "pyarrow", "matplotlib", "jinja2",
    "jsonschema", "pyyaml", "rpy2", "snakemake", "statsmodels",
)  # fmt: skip
_LOCKS = ("requirements.lock", "requirements-cluster.lock")


def made_with(project: Path) -> dict[str, Any]:
    """Return what results are made with here: versions, R, locks, commit, platform, BLAS, switches.

    Parameters
    ----------
    project : the checkout's root.
    """
    return {
        "versions": _versions(),
        "r": r_versions(),
        "locks": {name: _sha256(project / name) for name in _LOCKS if (project / name).is_file()},
        "git": git_state(project),
        "platform": {
            "system": platform.system(),
            "machine": platform.machine(),
            "libc": " ".join(platform.libc_ver()).strip(),
        },
        "blas": _blas(),
        "numba": _numba(),
        "environment": {name: os.environ[name] for name in _SWITCHES if name in os.environ}
        | {name: "set" for name in _PLACES if os.environ.get(name)},
    }


def _versions() -> dict[str, str]:
    found = {"wemix_ref": wemix_ref.__version__, "Python": platform.python_version()}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _blas() -> dict[str, Any]:
    """NumPy's BLAS: name, version, kernels for this processor; threads are in the environment."""
    import numpy as np

    built: Any = np.show_config(mode="dicts")
    blas = built["Build Dependencies"]["blas"]
    found: dict[str, Any] = {"name": blas["name"], "version": blas["version"]}
    place = Path(np.__file__).parents[1] / "numpy.libs"
    for path in sorted(place.glob("*openblas*")):
        with suppress(OSError, AttributeError):
            library = ctypes.CDLL(str(path))
            core = library.scipy_openblas_get_corename64_
            core.restype = ctypes.c_char_p
            found["kernels"] = core().decode()
    found["vectors"] = list(built["SIMD Extensions"].get("found", []))
    return found


def _numba() -> str | None:
    """Version of what compiles the loops; None where they run by NumPy."""
    from wemix_ref.compiled import HAVE_NUMBA

    return version("numba") if HAVE_NUMBA() else None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def hashes_of(run: Run, listed: Iterable[Step]) -> list[dict[str, Any]]:
    """Return for each step the hashes of its inputs and outputs as they are now.

    A file that is not there has the hash None. Steps whose outputs depend on a verdict are left
    out: these files are there or not by what the others hold.
    """
    known: dict[str, str | None] = {}

    def hashed(names: Iterable[str]) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        for name in names:
            path = _place(run, name)
            if name.endswith("/"):
                inside = sorted(p for p in path.glob("*") if p.is_file() and p.name[0] != ".")
                found |= hashed(f"{name}{one.name}" for one in inside)
                continue
            if name not in known:
                known[name] = _sha256(path) if path.is_file() else None
            found[name] = known[name]
        return found

    return [
        {"made": one.what, "from": hashed(one.inputs), "files": hashed(one.outputs)}
        for one in listed
        if not one.conditional
    ]


def _place(run: Run, name: str) -> Path:
    first, _, rest = name.partition("/")
    return run.results / rest if first == "results" else run.project / name


def write_provenance(
    path: Path,
    project: Path,
    config: Mapping[str, Any],
    here: Mapping[str, Any],
    *,
    cases: bool,
    studies: Iterable[str],
) -> None:
    """Write the provenance of a run whose files are there.

    Parameters
    ----------
    path : the JSON file.
    project : the root, with ``results/``.
    config : the workflow's configuration.
    here : what `made_with` gives.
    cases : whether cases and the report are of it.
    studies : names of the studies that are.
    """
    run = run_of(project, project / "results", config)
    names = list(studies)
    listed = hashes_of(run, steps(run, cases=cases, studies=names))
    about = {"cases": cases, "studies": names, "config": dict(config)}
    write_json(path, {"schema": SCHEMA, **about, "made_with": dict(here), "steps": listed})


def read_provenance(path: Path) -> dict[str, Any]:
    """Read what `write_provenance` wrote.

    Raises
    ------
    CaseError
        If the file is something else.
    """
    import json

    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CaseError(f"{path} must be the provenance of a run: JSON; {error}.") from error
    wanted = {"schema", "cases", "studies", "config", "made_with", "steps"}
    if not isinstance(content, dict) or set(content) != wanted or content["schema"] != SCHEMA:
        raise CaseError(
            f"{path} must be the provenance of a run, schema {SCHEMA}, with the keys "
            f"{', '.join(sorted(wanted))}. Run the workflow again."
        )
    return content
