"""What is said of a program in a divergence; names alone, which whoever shows them may import."""

from __future__ import annotations

__all__ = [
    "ANOTHER_MODEL",
    "ANOTHER_MODEL_RECORDED",
    "DIVERGES",
    "DIVERGES_RECORDED",
    "FIXED",
    "FIXED_RECORDED",
    "MEANING",
    "NOT_JUDGED",
    "NOT_RUN",
    "PROGRAMS",
]

#: In the order in which they are shown.
PROGRAMS = ("WeMix", "lme4", "lavaan")

DIVERGES = "R diverges"
FIXED = "fixed upstream"
#: The program's answer is right for a model that is not the one that users may take it for.
ANOTHER_MODEL = "another model"
#: The same, of an answer that was recorded: the program is not here, the oracles are.
DIVERGES_RECORDED = "R diverges (recorded)"
FIXED_RECORDED = "fixed upstream (recorded)"
ANOTHER_MODEL_RECORDED = "another model (recorded)"
#: There is neither a live nor a recorded answer.
NOT_RUN = "not run"
#: There is an answer, and no oracle that could tell whether it is right.
NOT_JUDGED = "not judged"

MEANING = {
    DIVERGES: "run now; its answer is not the right one",
    FIXED: "run now; this version gives the right answer",
    ANOTHER_MODEL: "run now; its answer is right, of another model than the one asked for here",
    DIVERGES_RECORDED: "not run now; the recorded answer is not what an oracle run now says is "
    "right",
    FIXED_RECORDED: "not run now; the recorded answer is what the oracles run now say is right",
    ANOTHER_MODEL_RECORDED: "not run now; the recorded answer is right, of another model than the "
    "one asked for here",
    NOT_RUN: "not run now, and no answer was recorded",
    NOT_JUDGED: "there is an answer, and no oracle that could be asked",
}
