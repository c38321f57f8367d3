"""R asked now: the script of a divergence, as it stands, in R's own process."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wemix_ref.divergences.specs import DivergenceSpec
from wemix_ref.engines.r_process import R_DIRECTORY, call_r
from wemix_ref.engines.r_values import text
from wemix_ref.errors import EngineError

__all__ = ["PACKAGES", "LiveAnswer", "ask"]

SCRIPT = Path(__file__).resolve().parent / "r" / "demonstrate.R"

#: What R loads for each program; the last is the program itself.
PACKAGES = {"WeMix": ("lme4", "Matrix", "WeMix"), "lme4": ("Matrix", "lme4"), "lavaan": ("lavaan",)}


@dataclass(frozen=True)
class LiveAnswer:
    """What R said.

    Attributes
    ----------
    ran : whether the script ran, to its end or to an error in it.
    reason : why it did not; empty otherwise.
    versions : of R and the packages.
    collation : the locale that R sorts text by; some answers depend on it.
    values : name to number; None where R gave NA.
    printed, told, error : what it printed, its warnings and messages, the error that ended it.
    """

    ran: bool
    reason: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    collation: str = ""
    values: dict[str, float | None] = field(default_factory=dict)
    printed: str = ""
    told: list[str] = field(default_factory=list)
    error: str = ""

    def plain(self) -> dict[str, Any]:
        """Return what a record holds of it."""
        return {
            "versions": self.versions,
            "collation": self.collation,
            "values": self.values,
            "printed": self.printed,
            "told": self.told,
            "error": self.error,
        }


def ask(spec: DivergenceSpec, timeout: float) -> LiveAnswer:
    """Run the script of a divergence in R.

    Parameters
    ----------
    spec : the divergence; R is given its data as text and reads it as a user would.
    timeout : seconds that R may take.

    Returns
    -------
    LiveAnswer
        R or a package that is not there, a crash and the end of the time limit are reasons; an
        error in the script is an answer.

    Raises
    ------
    EngineError
        If R was killed from outside, which is no answer.
    """
    arguments = {
        "script": text(str(spec.script_path)),
        "csv": text(spec.csv),
        "packages": text(*PACKAGES[spec.program]),
    }
    scripts = [R_DIRECTORY / "common.R", SCRIPT]
    reply = call_r(scripts, "demonstrate", arguments, timeout=timeout)
    if reply.killed:
        raise EngineError(
            f"R must come to its end on the divergence {spec.id}; {reply.message}. Nothing of it "
            "is kept: run again where R is let work and has memory."
        )
    if reply.value is None:
        return LiveAnswer(False, reply.message)
    value = reply.value
    pairs = zip(value["names"], value["values"], strict=True)
    return LiveAnswer(
        True,
        "",
        {name: version[0] for name, version in value["versions"].items()},
        value["collation"][0],
        {name: None if math.isnan(number) else number for name, number in pairs},
        "\n".join(value["printed"]),
        list(value["told"]),
        value["error"][0],
    )
