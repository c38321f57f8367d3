"""``wemix-ref fit``: read a file, fit, print the summary, write what was asked for."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Collection, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wemix_ref.cli_read import read_data
from wemix_ref.cli_text import json_text, one_line
from wemix_ref.errors import OptionError, WemixRefWarning
from wemix_ref.files import write_text
from wemix_ref.inference import RECIPES

if TYPE_CHECKING:
    from wemix_ref.results import FittedModel

__all__ = ["add_fit", "run_fit"]

#: What stands for standard output in place of a file's name.
STDOUT = "-"


def add_fit(commands: Any) -> None:  # noqa: ANN401
    """Add the command and its options to the parser's commands."""
    fit = commands.add_parser("fit", help="fit a model to a CSV or parquet file")
    fit.add_argument(
        "data",
        type=Path,
        help="CSV file with a header, or parquet (.parquet, .pq); one row for each unit",
    )
    fit.add_argument("--formula", required=True, help="lme4's syntax, such as 'y ~ x + (1|school)'")
    fit.add_argument(
        "--weights",
        nargs="+",
        metavar="COLUMN",
        help="weight columns, level 1 first; blanks or commas between them",
    )
    fit.add_argument(
        "--conditional",
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
    fit.add_argument(
        "--use",
        nargs="+",
        choices=("yes", "no"),
        help="whether the weights of each level are used, level 1 first",
    )
    fit.add_argument("--reml", action="store_true", help="REML in place of ML; without weights")
    fit.add_argument(
        "--se", choices=RECIPES, help="recipe of the standard errors; see wemix-ref recipes"
    )
    fit.add_argument(
        "--center-group",
        action="append",
        default=[],
        metavar="GROUP=~X+Z",
        help="centre columns within the groups of a factor; may be given again",
    )
    fit.add_argument("--center-grand", metavar="~X+Z", help="centre columns over all rows")
    fit.add_argument("--sep", help="what separates the columns of a CSV file; a comma")
    fit.add_argument(
        "--text",
        nargs="+",
        metavar="COLUMN",
        default=[],
        help="columns of a CSV file to read as text, whatever they look like (ids such as 007)",
    )
    for form, what in (("json", "numbers, with all their digits,"), ("html", "summary")):
        fit.add_argument(
            f"--{form}",
            nargs="?",
            const=STDOUT,
            metavar="FILE",
            help=f"write the {what} as {form.upper()}; without a name, or with -, to standard "
            "output in place of the summary",
        )
    fit.set_defaults(run=run_fit)


def run_fit(parsed: argparse.Namespace) -> bool:
    """Fit, write and print.

    Returns
    -------
    bool
        Whether the fit converged.

    Raises
    ------
    WemixRefError
        From the file, the options or the fit; or a file cannot be written.
    """
    from wemix_ref.fit import mix

    outputs = _outputs(parsed)
    data = read_data(parsed.data, parsed.text, parsed.sep)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", WemixRefWarning)
        fit = mix(
            parsed.formula,
            data,
            _split(parsed.weights, data.columns),
            conditional_weights=parsed.conditional,
            scale=parsed.scale[0] if len(parsed.scale) == 1 else parsed.scale,
            use=None if parsed.use is None else [word == "yes" for word in parsed.use],
            reml=parsed.reml,
            se=parsed.se,
            center_group=_center_group(parsed.center_group),
            center_grand=parsed.center_grand,
        )
        printed = f"{fit.summary().rstrip()}\n"
        texts = {form: _TEXTS[form](fit) for form in outputs}
    for warning in told:
        sys.stderr.write(f"wemix-ref: {one_line(warning.message)}\n")
    for form, name in outputs.items():
        if name == STDOUT:
            printed = texts[form]
        else:
            _write(form, Path(name), texts[form])
    sys.stdout.write(printed)
    return bool(fit.converged)


def _outputs(parsed: argparse.Namespace) -> dict[str, str]:
    """Where each form goes; what can be known to fail is refused before the fit is made."""
    outputs = {f: str(getattr(parsed, f)) for f in _TEXTS if getattr(parsed, f) is not None}
    files = {form: Path(name) for form, name in outputs.items() if name != STDOUT}
    if len(outputs) - len(files) > 1:
        raise OptionError(
            "--json and --html must not both go to standard output. Name a file for one of them."
        )
    for form, path in files.items():
        _check_place(form, path, parsed.data)
    if len(files) == 2 and len({path.resolve() for path in files.values()}) == 1:
        raise OptionError(f"--json and --html must name two files; both are {outputs['json']}.")
    return outputs


def _check_place(form: str, path: Path, data: Path) -> None:
    try:
        same = path.resolve() == data.resolve()
        other = (path.exists() or not path.name) and not path.is_file()
        above = next((place for place in path.absolute().parents if place.exists()), Path("/"))
        closed = not (above.is_dir() and os.access(above, os.W_OK))
    # a name too long, a loop of links, a NUL in it
    except (OSError, RuntimeError, ValueError) as problem:
        raise _cannot_write(form, path, problem) from problem
    if same:
        raise OptionError(f"--{form} must not be the file of the data; both are {path}.")
    if other:
        raise OptionError(
            f"--{form} must name a file; {str(path)!r} is none. For standard output give -."
        )
    if closed:
        raise _cannot_write(form, path, f"{above} is no directory that can be written to")


def _cannot_write(form: str, path: Path, reason: object) -> OptionError:
    told = getattr(reason, "strerror", None) or reason
    return OptionError(f"--{form} must be a file that can be written; {path} cannot be: {told}.")


def _write(form: str, path: Path, text: str) -> None:
    try:
        write_text(path.resolve(), text)
    except OSError as problem:
        raise _cannot_write(form, path, problem) from problem


def _split(words: Sequence[str] | None, columns: Collection[str]) -> list[str] | None:
    """Column names from words that may hold several, with commas between them."""
    if words is None:
        return None
    out: list[str] = []
    for word in words:
        out += [word] if word in columns else [part for part in word.split(",") if part]
    return out


def _center_group(words: Sequence[str]) -> dict[str, str] | None:
    out: dict[str, str] = {}
    for word in words:
        factor, mark, text = word.partition("=")
        if not mark:
            raise OptionError(
                f"--center-group must be GROUP=~X, such as school=~x+z; found {word!r}."
            )
        if factor in out:
            raise OptionError(
                f"--center-group must name each group once; {factor!r} is there with {out[factor]} "
                f"and {text}. Join them: {factor}=~x+z."
            )
        out[factor] = text
    return out or None


def _numbers(fit: FittedModel) -> dict[str, Any]:
    return {
        "formula": fit.formula,
        "reml": fit.reml,
        "weights": list(fit.design.weight_names) or None,
        "conditional_weights": fit.design.conditional_weights,
        "scale": list(fit.design.scaling) or None,
        "use": list(fit.design.weights_used) or None,
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


def _page(fit: FittedModel) -> str:
    """The summary as a page of its own, which loads nothing."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{escape(fit.formula)}</title>
<style>body {{ font-family: sans-serif; margin: 2em }} td, th {{ padding: 0 0.6em }}</style>
</head>
<body>
{fit.summary().html}
</body>
</html>
"""


_TEXTS = {"json": lambda fit: json_text(_numbers(fit)), "html": _page}
