"""Command line: fit a CSV, compare a case, list cases and engines."""

from __future__ import annotations

import argparse
import io
import json
import math
import sys
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wemix_ref import __version__
from wemix_ref.errors import OptionError, WemixRefError, WemixRefWarning
from wemix_ref.inference import RECIPES

if TYPE_CHECKING:
    from wemix_ref.results import FittedModel

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
        converge; 2 when the input or the command itself is wrong. Errors are one message.
    """
    parsed = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names in scripts that the terminal lacks
            stream.reconfigure(errors="backslashreplace")
    try:
        return int(parsed.run(parsed))
    except WemixRefError as error:
        sys.stderr.write(f"wemix-ref: {error}\n")
        return WRONG_INPUT
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] == "wemix_ref":
            raise
        sys.stderr.write(
            f"wemix-ref: this command needs the workbench's packages; {error.name} is not "
            "installed. Install them with: python -m pip install '.[workbench]'\n"
        )
        return WRONG_INPUT
    except BrokenPipeError:
        sys.stderr.close()
        return AGREES


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wemix-ref",
        description="Weighted linear mixed models, held against R.",
        epilog="Exit codes: 0 well; 1 something differs or failed; 2 wrong input.",
    )
    parser.add_argument("--version", action="version", version=f"wemix-ref {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    fit = commands.add_parser("fit", help="fit a model to a CSV file and print its summary")
    fit.add_argument("formula", help="lme4's syntax, such as 'y ~ x + (1|school)'")
    fit.add_argument("data", type=Path, help="CSV file with a header, one row per unit")
    fit.add_argument(
        "--weights",
        nargs="+",
        metavar="COLUMN",
        help="weight columns, level 1 first; blanks or commas between them",
    )
    fit.add_argument(
        "--conditional-weights",
        action="store_true",
        help="each weight is conditional on the unit above being selected",
    )
    fit.add_argument(
        "--scale",
        nargs="+",
        default=["none"],
        metavar="METHOD",
        help="scaling of the weights: none, size, effective or gk; one for all, or one for each "
        "step from level 1 up",
    )
    fit.add_argument("--reml", action="store_true", help="REML in place of ML; without weights")
    fit.add_argument("--se", choices=RECIPES, help="recipe of the standard errors")
    fit.add_argument(
        "--center-group",
        action="append",
        default=[],
        metavar="GROUP=~X+Z",
        help="centre columns within the groups of a factor; may be given again",
    )
    fit.add_argument("--center-grand", metavar="~X+Z", help="centre columns over all rows")
    fit.add_argument("--sep", default=",", help="what separates the columns of the file")
    fit.add_argument(
        "--text",
        nargs="+",
        metavar="COLUMN",
        default=[],
        help="columns to read as text, whatever they look like (ids such as 007)",
    )
    fit.add_argument("--json", action="store_true", help="print numbers as JSON")
    fit.set_defaults(run=_fit)

    compare = commands.add_parser("compare", help="fit a case by its engines and compare")
    compare.add_argument("case", type=Path, help="a case file, such as config/cases/NAME.yaml")
    compare.add_argument(
        "--time-limit", type=float, default=300.0, metavar="SECONDS", help="for R; 300"
    )
    compare.add_argument("--json", action="store_true", help="print the whole comparison")
    compare.set_defaults(run=_compare)

    cases = commands.add_parser("cases", help="list the cases")
    cases.add_argument("--json", action="store_true", help="print as JSON")
    cases.set_defaults(run=_cases)

    engines = commands.add_parser("engines", help="list the engines that can run here")
    engines.add_argument("--json", action="store_true", help="print as JSON")
    engines.set_defaults(run=_engines)
    return parser


def _fit(parsed: argparse.Namespace) -> int:
    from wemix_ref.fit import mix

    data = _read_csv(parsed.data, parsed.text, parsed.sep)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", WemixRefWarning)
        fit = mix(
            parsed.formula,
            data,
            _split(parsed.weights, data.columns),
            conditional_weights=parsed.conditional_weights,
            scale=parsed.scale[0] if len(parsed.scale) == 1 else parsed.scale,
            reml=parsed.reml,
            se=parsed.se,
            center_group=_center_group(parsed.center_group),
            center_grand=parsed.center_grand,
        )
        text = _json(_numbers(fit)) if parsed.json else f"{fit.summary().rstrip()}\n"
    for warning in told:
        sys.stderr.write(f"wemix-ref: {warning.message}\n")
    sys.stdout.write(text)
    return AGREES if fit.converged else DIFFERS


def _split(words: Sequence[str] | None, columns: Collection[str]) -> list[str] | None:
    """Column names from words that may hold several, with commas between them."""
    if words is None:
        return None
    out: list[str] = []
    for word in words:
        out += [word] if word in columns else [part for part in word.split(",") if part]
    return out


def _center_group(words: Sequence[str]) -> dict[str, str] | None:
    out = {}
    for word in words:
        factor, mark, text = word.partition("=")
        if not mark:
            raise OptionError(
                f"--center-group must be GROUP=~X, such as school=~x+z; found {word!r}."
            )
        out[factor] = text
    return out or None


def _read_csv(path: Path, text: Sequence[str], separator: str) -> Any:  # noqa: ANN401
    import pandas as pd

    from wemix_ref.errors import DataError

    try:
        data = pd.read_csv(path, dtype=dict.fromkeys(text, str), sep=separator)
    except OSError as problem:
        raise DataError(f"{path} must be a readable CSV file: {problem.strerror}.") from problem
    except (ValueError, pd.errors.ParserError) as problem:
        raise DataError(f"{path} must be a CSV file with a header: {problem}.") from problem
    if data.shape[1] == 1 and any(mark in str(data.columns[0]) for mark in ";\t,|"):
        raise DataError(
            f"{path} must have several columns separated by {separator!r}; its header is one: "
            f"{data.columns[0]!r}. Say what separates them with --sep."
        )
    unknown = [name for name in text if name not in data.columns]
    if unknown:
        raise DataError(f"--text must name columns of {path}; {unknown[0]!r} is none.")
    return data


def _numbers(fit: FittedModel) -> dict[str, Any]:
    return {
        "formula": fit.formula,
        "reml": fit.reml,
        "weights": list(fit.design.weight_names) or None,
        "conditional_weights": fit.design.conditional_weights,
        "scale": list(fit.design.scaling) or None,
        "centring": [list(pair) for pair in fit.design.centring],
        "deviance": fit.deviance,
        "llf": fit.llf,
        "params": fit.params.to_dict(),
        "bse": fit.bse.to_dict(),
        "se_recipe": fit.se_recipe,
        "theta": fit.theta.to_dict(),
        "sigma": fit.sigma,
        "variance_components": [
            {**row, "reason": fit.se_reasons.get((row["group"], row["var1"], row["var2"]))}
            for row in fit.variance_components.to_dict("records")
        ],
        "nobs": fit.nobs,
        "ngroups": fit.ngroups,
        "n_dropped": fit.n_dropped,
        "converged": bool(fit.converged),
        "singular": bool(fit.singular),
    }


def _json(content: Any) -> str:  # noqa: ANN401
    return json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Copy to plain values; what is not finite, which JSON does not have, becomes null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _compare(parsed: argparse.Namespace) -> int:
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
    sys.stdout.write(_json(comparison) if parsed.json else verdict_table([comparison]) + told)
    return DIFFERS if wrong else AGREES


def _cases(parsed: argparse.Namespace) -> int:
    from wemix_ref.cases import load_cases

    listed = {case.name: case.title for case in load_cases().values()}
    sys.stdout.write(_json(listed) if parsed.json else _columns(list(listed.items())))
    return AGREES


def _engines(parsed: argparse.Namespace) -> int:
    import platform

    from wemix_ref.engines import ENGINE_NAMES, get_engine
    from wemix_ref.installed import r_versions

    versions = {"python": {"Python": platform.python_version(), "wemix_ref": __version__}}
    in_r = r_versions()
    for name in ("lme4", "lme4-weighted", "wemix"):
        wanted = ("R", "lme4", "Matrix", *(("WeMix",) if name == "wemix" else ()))
        versions[name] = {package: in_r[package] for package in wanted if package in in_r}
    listed: dict[str, dict[str, Any]] = {}
    for name in ENGINE_NAMES:
        found = get_engine(name).availability()
        about = versions.get(name, {}) if found.available else {}
        listed[name] = {"available": found.available, "reason": found.reason, "versions": about}
    if parsed.json:
        sys.stdout.write(_json(listed))
        return AGREES
    rows = [
        (
            name,
            "available" if about["available"] else "not available",
            about["reason"] or ", ".join(" ".join(pair) for pair in about["versions"].items()),
        )
        for name, about in listed.items()
    ]
    sys.stdout.write(_columns(rows))
    return AGREES


def _columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    lines = [
        "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    ]
    return "".join(f"{line.rstrip()}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
