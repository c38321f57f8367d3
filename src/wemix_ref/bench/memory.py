"""Memory of this process, as Linux counts it; other systems tell the largest only."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from pathlib import Path

__all__ = ["forget_peak", "peak_bytes", "resident_bytes"]

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def _field(name: str) -> int | None:
    """A size of ``/proc/self/status`` in bytes; None where there is none."""
    with suppress(OSError, ValueError):
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return None


def _largest() -> int:
    # kilobytes, but bytes on macOS; on Linux it is inherited through exec, hence VmHWM first
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == "darwin" else 1024
    )


def resident_bytes() -> int:
    """What this process holds now."""
    found = _field("VmRSS")
    return _largest() if found is None else found


def peak_bytes() -> int:
    """The most that this process held since its start or since `forget_peak`."""
    found = _field("VmHWM")
    return _largest() if found is None else found


def forget_peak() -> bool:
    """Let the largest memory count from now on; False where the system cannot do that."""
    try:
        _CLEAR.write_text("5", encoding="ascii")
    except OSError:
        return False
    return True
