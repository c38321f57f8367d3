"""A page for each divergence, as one would send it to the package's maintainers: Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from wemix_ref.divergences.specs import DivergenceSpec
from wemix_ref.divergences.states import MEANING
from wemix_ref.divergences.words import number_text, says_who, shown_answer, version_text

__all__ = ["page", "r_script"]


def page(spec: DivergenceSpec, result: Mapping[str, Any]) -> str:
    """Write the page of a divergence.

    Parameters
    ----------
    spec : the divergence.
    result : what `wemix_ref.divergences.demonstrate.demonstrate` gives.
    """
    side, answer = shown_answer(result)
    state = f"**{result['state']}**: {MEANING[result['state']]}."
    if result["reason"]:
        state += f" ({_inline(result['reason'])})"
    parts = [
        f"# {spec.program}: {_inline(spec.title)}",
        state,
        f"**When.** {_inline(spec.trigger)}",
        f"**What happens.** {_inline(spec.happens)}",
        f"**What is right.** {_inline(spec.right)}",
    ]
    if spec.way_round:
        parts.append(f"**Meanwhile.** {_inline(spec.way_round)}")
    parts += ["## Data and script", _fenced(r_script(spec), "r"), "## Got"]
    parts += _got(answer, side)
    parts += ["## Expected", _numbers(result, side), "## What says so", _oracles(result)]
    return "\n\n".join(parts) + "\n"


def r_script(spec: DivergenceSpec) -> str:
    """Return the whole script, data in it, as anybody can run it."""
    quoted = spec.csv.replace("\\", "\\\\").replace('"', '\\"')
    return (
        f"library({spec.program})\n"
        'invisible(Sys.setlocale("LC_COLLATE", "C"))\n'
        f'data <- read.csv(text = "{quoted}")\n'
        "\n"
        f"{spec.script}"
    )


def _got(answer: Mapping[str, Any] | None, side: str) -> list[str]:
    if answer is None:
        return ["No answer was recorded."]
    how = "Run now with" if side == "live" else "Recorded with"
    printed = answer["printed"]
    if answer["error"]:
        printed = f"{printed}\nError: {answer['error']}".strip("\n")
    parts = [f"{how} {version_text(answer)}; text sorted as in `{answer['collation']}`."]
    parts.append(_fenced(printed, "text"))
    if answer["told"]:
        parts.append("Warnings and messages:")
        parts.append("\n".join(f"- {_inline(line)}" for line in answer["told"]))
    return parts


def _numbers(result: Mapping[str, Any], side: str) -> str:
    rows = [
        (
            number["name"],
            number_text(number[side]),
            number_text(number["right"]),
            says_who(result, number),
            number_text(number["ours"]),
            {True: "yes", False: "no", None: "–"}[number[f"{side}_agrees"]],
        )
        for number in result["numbers"]
    ]
    return _table(("number", "got", "expected", "by", "wemix_ref", "right"), rows)


def _oracles(result: Mapping[str, Any]) -> str:
    rows = []
    # JSON does not keep the order of names; the page of a record is that of the result itself
    places = {number["name"]: at for at, number in enumerate(result["numbers"])}
    for oracle in result["oracles"]:
        ordered = sorted(oracle["values"].items(), key=lambda item: places[item[0]])
        values = "; ".join(f"{n}: {number_text(v)}" for n, v in ordered)
        versions = ", ".join(" ".join(pair) for pair in sorted(oracle["versions"].items()))
        ran = values if oracle["status"] == "ok" else f"{oracle['status']}: {oracle['message']}"
        rows.append((oracle["title"] + (f" ({versions})" if versions else ""), oracle["why"], ran))
    return _table(("oracle", "why it knows", "gives"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [list(head), ["---"] * len(head), *([_inline(cell) for cell in row] for row in rows)]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _inline(text: str) -> str:
    """Return text on one line, in which no letter but the backquote is Markdown or HTML."""
    flat = " ".join(text.split())
    parts = re.split(r"(`[^`]*`)", flat)
    return "".join(
        part if part.startswith("`") and part.endswith("`") and len(part) > 1 else _escaped(part)
        for part in parts
    )


def _escaped(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]#])", r"\\\1", text)


def _fenced(text: str, language: str) -> str:
    """Return text in a fence longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
