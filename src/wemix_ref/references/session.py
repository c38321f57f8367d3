"""What R runs on."""

from __future__ import annotations

from wemix_ref.engines.r_process import R_DIRECTORY, call_r
from wemix_ref.engines.r_values import text

__all__ = ["PACKAGES", "r_session"]

#: R packages whose versions are told, where they are installed.
PACKAGES = ("lme4", "Matrix", "WeMix", "minqa", "nloptr", "Rcpp", "RcppEigen")


def r_session(timeout: float = 120.0) -> dict[str, str]:
    """Ask R for its version, platform, BLAS, LAPACK, collation and packages.

    Returns
    -------
    dict
        Name to text, each of one line; empty where R does not answer.
    """
    scripts = [R_DIRECTORY / "common.R", R_DIRECTORY / "session.R"]
    reply = call_r(scripts, "session", {"packages": text(*PACKAGES)}, timeout=timeout)
    if reply.status != "ok" or reply.value is None:
        return {}
    return {name: str(value[0]) for name, value in reply.value.items()}
