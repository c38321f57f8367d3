"""Command line: fit a file, compare a case, list recipes, cases and engines."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wemix_ref import __version__
from wemix_ref.cli_compile import add_compile
from wemix_ref.cli_divergences import add_divergences
from wemix_ref.cli_fit import add_fit
from wemix_ref.cli_hunt import add_hunt
from wemix_ref.cli_options import seconds
from wemix_ref.cli_references import add_references
from wemix_ref.cli_reliability import add_reliability
from wemix_ref.cli_study import add_study
from wemix_ref.cli_text import columns, json_text, one_line
from wemix_ref.cli_verify import add_verify
from wemix_ref.errors import WemixRefError
from wemix_ref.extras import how_to_install
from wemix_ref.inference import RECIPES
from wemix_ref.places import need_checkout

__all__ = ["main"]

#: Exit codes.
AGREES, DIFFERS, WRONG_INPUT = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : the words after the command; None takes the process's own.

    Returns
    -------
    int
        0 when all is well; 1 when a comparison differs, an engine failed, or a fit did not
        converge; 2 when the input or the command itself is wrong, or standard output is closed.
        Errors are one message.
    """
    if sys.stderr is None:  # closed: there is nobody to tell
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - stays open
    if sys.stdout is None:
        # before anything is read or written: the next file that opens would have its number
        sys.stderr.write(
            "wemix-ref: standard output must be open; it is closed. Send it to a file, or to "
            f"{os.devnull}.\n"
        )
        return WRONG_INPUT
    parsed = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names in scripts that the terminal lacks
            stream.reconfigure(errors="backslashreplace")
    try:
        if needing := getattr(parsed, "checkout", ""):
            need_checkout(f"wemix-ref {needing}")
        well = parsed.run(parsed)
        sys.stdout.flush()  # a full disk is told of here, not as the process ends
        return AGREES if well else DIFFERS
    except WemixRefError as error:
        sys.stderr.write(f"wemix-ref: {one_line(error)}\n")
        return WRONG_INPUT
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] == "wemix_ref":
            raise
        sys.stderr.write(
            f"wemix-ref: this command needs {error.name}, which is not installed. "
            f"{how_to_install(str(error.name))}\n"
        )
        return WRONG_INPUT
    except BrokenPipeError:
        _let_go()
        return AGREES
    except OSError as error:  # a full disk, a place that went away while the command ran
        if error.filename is None and error.strerror is None:
            raise
        _let_go()
        place = "" if error.filename is None else f"{error.filename}: "
        sys.stderr.write(f"wemix-ref: a file cannot be read or written: {place}{error.strerror}\n")
        return WRONG_INPUT


def _let_go() -> None:
    """Drop what standard output does not take, or Python tries again, aloud, as it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wemix-ref",
        description="Weighted linear mixed models, held against R.",
        epilog="Exit codes: 0 well; 1 something differs or failed; 2 wrong input.",
    )
    parser.add_argument("--version", action="version", version=f"wemix-ref {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    add_fit(commands)

    recipes = commands.add_parser("recipes", help="list the recipes of standard errors")
    recipes.add_argument("--json", action="store_true", help="print as JSON")
    recipes.set_defaults(run=_recipes)

    compare = commands.add_parser("compare", help="fit a case by its engines and compare")
    compare.add_argument("case", type=Path, help="a case file, such as config/cases/NAME.yaml")
    compare.add_argument(
        "--time-limit", type=seconds, default=300.0, metavar="SECONDS", help="for R; 300"
    )
    compare.add_argument("--json", action="store_true", help="print the whole comparison")
    compare.set_defaults(run=_compare, checkout="compare")

    cases = commands.add_parser("cases", help="list the cases")
    cases.add_argument("--json", action="store_true", help="print as JSON")
    cases.set_defaults(run=_cases, checkout="cases")

    add_study(commands)

    add_divergences(commands)

    add_hunt(commands)

    add_references(commands)

    add_reliability(commands)

    add_verify(commands)

    add_compile(commands)

    engines = commands.add_parser("engines", help="list the engines that can run here")
    engines.add_argument("--json", action="store_true", help="print as JSON")
    engines.set_defaults(run=_engines)
    return parser


def _recipes(parsed: argparse.Namespace) -> bool:
    from wemix_ref.summary import RECIPE_TITLES

    listed = {name: RECIPE_TITLES[name] for name in RECIPES}
    sys.stdout.write(json_text(listed) if parsed.json else columns(list(listed.items())))
    return True


def _compare(parsed: argparse.Namespace) -> bool:
    from wemix_ref.cases import load_case
    from wemix_ref.compare import compare_case
    from wemix_ref.engines import get_engine
    from wemix_ref.overview import failures, verdict_table
    from wemix_ref.tolerances import load_tolerances

    case = load_case(parsed.case)
    thetas: dict[str, list[float]] = {}
    if case.printed_theta is not None:
        thetas["printed"] = [float(text) for text in case.printed_theta.values()]
    results = {}
    for name in ["python", *(name for name in case.engines if name != "python")]:
        sys.stderr.write(f"wemix-ref: {case.name} by {name}\n")
        problem = case.problem(name)
        results[name] = get_engine(name).fit(problem, thetas, timeout=parsed.time_limit)
        optimum = results["python"].record["optimum"]
        if optimum is not None:
            thetas = {"python-optimum": optimum["theta"]["values"], **thetas}
    twin = None
    if case.same_answer_as is not None:
        other = load_case(parsed.case.with_name(f"{case.same_answer_as}.yaml"))
        twin = get_engine("python").fit(other.problem(), {}, timeout=parsed.time_limit).record
    comparison = compare_case(
        case,
        case.problem(),
        {name: result.record for name, result in results.items()},
        {name: result.matrices for name, result in results.items()},
        load_tolerances(),
        twin,
    )
    wrong = failures([comparison])
    told = "".join(f"{line}\n" for line in wrong)
    sys.stdout.write(json_text(comparison) if parsed.json else verdict_table([comparison]) + told)
    return not wrong


def _cases(parsed: argparse.Namespace) -> bool:
    from wemix_ref.cases import load_cases

    listed = {case.name: case.title for case in load_cases().values()}
    sys.stdout.write(json_text(listed) if parsed.json else columns(list(listed.items())))
    return True


def _engines(parsed: argparse.Namespace) -> bool:
    import platform

    from wemix_ref.engines import ENGINE_NAMES, get_engine
    from wemix_ref.installed import optional_versions, r_versions

    versions = {"python": {"Python": platform.python_version(), "wemix_ref": __version__}}
    in_r = r_versions()
    for name in ("lme4", "lme4-weighted", "wemix"):
        wanted = ("R", "lme4", "Matrix", *(("WeMix",) if name == "wemix" else ()))
        versions[name] = {package: in_r[package] for package in wanted if package in in_r}
    versions["statsmodels"] = optional_versions()
    listed: dict[str, dict[str, Any]] = {}
    for name in ENGINE_NAMES:
        found = get_engine(name).availability()
        about = versions.get(name, {}) if found.available else {}
        listed[name] = {"available": found.available, "reason": found.reason, "versions": about}
    if parsed.json:
        sys.stdout.write(json_text(listed))
        return True
    rows = [
        (
            name,
            "available" if about["available"] else "not available",
            about["reason"] or ", ".join(" ".join(pair) for pair in about["versions"].items()),
        )
        for name, about in listed.items()
    ]
    sys.stdout.write(columns(rows))
    return True


if __name__ == "__main__":
    sys.exit(main())
