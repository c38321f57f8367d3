"""Which libraries and which R are here: R is asked once, without starting it inside Python."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from wemix_ref.engines.r_process import r_availability

__all__ = [
    "LIBRARIES",
    "R_PACKAGES",
    "library_versions",
    "loops_version",
    "optional_versions",
    "r_versions",
]

#: Libraries whose versions may change the last bits of a draw or of a fit.
LIBRARIES = ("numpy", "scipy")

#: Libraries of an engine of their own.
OPTIONAL = ("statsmodels",)

R_PACKAGES = ("lme4", "Matrix", "WeMix", "lavaan")

_ASK = """
cat("R ", paste(R.version$major, R.version$minor, sep = "."), "\\n", sep = "")
for (p in c({packages})) if (nzchar(system.file(package = p)))
    cat(p, " ", as.character(packageVersion(p)), "\\n", sep = "")
"""


def library_versions() -> dict[str, str]:
    """Return the versions of `LIBRARIES`, by name."""
    return {name: version(name) for name in LIBRARIES}


def loops_version() -> str:
    """Return the version of numba where it compiles the loops, else "none": last bits differ."""
    from wemix_ref.compiled import HAVE_NUMBA

    return version("numba") if HAVE_NUMBA() else "none"


def optional_versions() -> dict[str, str]:
    """Return the versions of the libraries that only some engine needs, those that are here."""
    found = {}
    for name in OPTIONAL:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def r_versions() -> dict[str, str]:
    """Return the versions of R and of the packages that engines use.

    Returns
    -------
    dict
        By name, packages that are not installed left out; empty where there is no R, where R does
        not run, or while ``WEMIX_REF_NO_R`` turns it off.
    """
    if not r_availability().available:
        return {}
    from rpy2 import situation

    home = situation.get_r_home()
    return dict(_versions_of(home, os.environ.get("R_LIBS", ""))) if home else {}


@cache
def _versions_of(home: str, _libraries: str) -> dict[str, str]:
    """Ask an R once; where its packages lie is in the environment."""
    ask = _ASK.format(packages=", ".join(f'"{name}"' for name in R_PACKAGES))
    command = [str(Path(home) / "bin" / "R"), "--no-echo", "--no-save", "--no-restore", "-e", ask]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    if answer.returncode != 0:
        return {}
    lines = [line.split(" ", 1) for line in answer.stdout.splitlines()]
    known = ("R", *R_PACKAGES)
    return {pair[0]: pair[1] for pair in lines if len(pair) == 2 and pair[0] in known}
