"""Versions of what answers in a hunt."""

from __future__ import annotations

import platform

import wemix_ref
from wemix_ref.installed import OPTIONAL, library_versions, optional_versions, r_versions

__all__ = ["versions_of"]

_R_PACKAGES = {
    "lme4": ("R", "lme4", "Matrix"),
    "lme4-weighted": ("R", "lme4", "Matrix"),
    "wemix": ("R", "lme4", "Matrix", "WeMix"),
}


def versions_of(engine: str) -> dict[str, str]:
    """Return the versions of an engine's software, and of this package, by name."""
    own = {"wemix_ref": wemix_ref.__version__}
    if engine in _R_PACKAGES:
        found = r_versions()
        return own | {name: found[name] for name in _R_PACKAGES[engine] if name in found}
    libraries = library_versions()
    if engine in OPTIONAL:
        libraries |= optional_versions()
    return own | {"Python": platform.python_version(), **libraries}
