"""Command line for studies: list them, plan one, and look at one replicate's sample."""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wemix_ref.cli_options import check_file, seconds
from wemix_ref.cli_text import columns, json_text
from wemix_ref.errors import OptionError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["add_study"]

#: Seconds that a job should take: much more than it costs to start one, and little to lose.
_JOB_SECONDS = 30.0
_MOST_JOBS = 500
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def add_study(commands: Any) -> None:  # noqa: ANN401
    """Add the command ``study`` and its own commands."""
    study = commands.add_parser("study", help="list, plan and look into simulation studies")
    own = study.add_subparsers(metavar="COMMAND", required=True)

    listed = own.add_parser("list", help="list the studies")
    listed.add_argument("--json", action="store_true", help="print as JSON")
    listed.set_defaults(run=_list, checkout="study list")

    plan = own.add_parser(
        "plan", help="check a study's file, time some replicates, tell what the whole costs"
    )
    _file(plan)
    plan.add_argument(
        "--seconds", type=seconds, default=2.0, help="at least so long for each scenario; 2"
    )
    plan.add_argument("--json", action="store_true", help="print as JSON")
    plan.set_defaults(run=_plan)

    sample = own.add_parser("sample", help="write one replicate's sample, with its weights")
    _file(sample)
    sample.add_argument("--scenario", help="its name; may be left out where there is one")
    sample.add_argument("--replicate", type=int, default=0, help="its number, from 0; 0")
    sample.add_argument("--output", type=Path, help="a CSV file; without it the terminal")
    sample.set_defaults(run=_sample)


def _file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="a study, such as config/studies/NAME.yaml")
    parser.add_argument("--small", action="store_true", help="its small version")


def _list(parsed: argparse.Namespace) -> bool:
    from wemix_ref.simulate.study import load_studies

    studies = load_studies()
    if parsed.json:
        sys.stdout.write(
            json_text(
                {
                    name: {
                        "title": study.title,
                        "scenarios": list(study.settings),
                        "replicates": study.replicates,
                    }
                    for name, study in studies.items()
                }
            )
        )
        return True
    rows = [
        (name, f"{len(study.settings)} x {study.replicates}", study.title)
        for name, study in studies.items()
    ]
    sys.stdout.write(columns([("study", "scenarios x replicates", ""), *rows]))
    return True


def _plan(parsed: argparse.Namespace) -> bool:
    from wemix_ref.simulate.study import load_study

    study = load_study(parsed.file, small=parsed.small)
    # as in a job of the workflow: one thread, which must be said before numpy is loaded
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    costs: list[float] = []
    failed: list[str] = []
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
        for scenario in study.settings:
            sys.stderr.write(f"wemix-ref: timing {scenario}\n")
            done = other.submit(_cost, parsed.file, parsed.small, scenario, parsed.seconds)
            cost, without = done.result()
            costs.append(cost)
            failed += without
    per_job = [max(1, round(_JOB_SECONDS / cost)) for cost in costs]
    chunk = max(min(per_job), -(-study.replicates * len(costs) // _MOST_JOBS))
    total = study.replicates * sum(costs)
    table = {
        scenario: {
            "milliseconds_per_replicate": 1000 * cost,
            "core_hours_per_million": 1e6 * cost / 3600,
        }
        for scenario, cost in zip(study.settings, costs, strict=True)
    }
    told = {
        "study": study.name,
        "replicates": study.replicates,
        "scenarios": table,
        "core_seconds": total,
        "chunk": study.chunk,
        "proposed_chunk": min(chunk, study.replicates),
        "jobs": len(study.chunks()) * len(costs),
        "failed": failed,
    }
    sys.stdout.write(json_text(told) if parsed.json else _plan_text(told, costs))
    for line in failed:
        sys.stderr.write(f"wemix-ref: {line}\n")
    return not failed


def _cost(file: Path, small: bool, name: str, seconds: float) -> tuple[float, list[str]]:
    """Time replicates after a first one that loads what is loaded once.

    Returns
    -------
    float
        Seconds a replicate.
    list of str
        Analyses of which every fit failed, a line each.
    """
    import pandas as pd

    from wemix_ref.simulate.elsewhere import fit_elsewhere
    from wemix_ref.simulate.replicates import run_replicates
    from wemix_ref.simulate.study import load_study

    study = load_study(file, small=small)
    scenario = study.scenario(name)
    parts = [run_replicates(study, scenario, [0], fit_elsewhere)]
    done, started = 0, time.perf_counter()
    while True:
        # a batch, since what a scenario's draws share is made once a job
        batch = range(1 + done, 1 + 2 * done + 1)
        parts.append(run_replicates(study, scenario, batch, fit_elsewhere))
        done += len(batch)
        spent = time.perf_counter() - started
        if spent >= seconds:
            return spent / done, _without_fits(name, pd.concat(parts))


def _without_fits(scenario: str, rows: pd.DataFrame) -> list[str]:
    out = []
    for analysis, own in rows.groupby("analysis", sort=False):
        if (own["status"] == "failed").all():
            out.append(
                f"scenario {scenario!r}, analysis {analysis!r}: some fits must succeed; all "
                f"{len(own)} that were tried failed, the first with: {own['message'].iloc[0]}"
            )
    return out


def _plan_text(told: dict[str, Any], costs: list[float]) -> str:
    rows = [("scenario", "ms per replicate", "core hours per million replicates")]
    rows += [
        (
            name,
            f"{own['milliseconds_per_replicate']:.1f}",
            f"{own['core_hours_per_million']:.1f}",
        )
        for name, own in told["scenarios"].items()
    ]
    longest = told["chunk"] * max(costs)
    text = (
        f"{told['study']}: {told['replicates']} replicates in each of {len(costs)} scenarios\n"
        f"in all about {told['core_seconds'] / 60:.1f} minutes of one core, in {told['jobs']} jobs "
        f"of {told['chunk']} replicates, the longest about {longest:.0f} s\n"
        f"proposed: chunk: {told['proposed_chunk']} (jobs of about {_JOB_SECONDS:.0f} s, at most "
        f"{_MOST_JOBS} of them)\n"
    )
    return columns(rows) + text


def _sample(parsed: argparse.Namespace) -> bool:
    from wemix_ref.files import write_text
    from wemix_ref.simulate.draws import Draws
    from wemix_ref.simulate.places import at
    from wemix_ref.simulate.study import load_study

    study = load_study(parsed.file, small=parsed.small)
    name = parsed.scenario
    if name is None:
        if len(study.settings) > 1:
            raise OptionError(
                f"--scenario must name one of {', '.join(study.settings)}; found none."
            )
        name = next(iter(study.settings))
    if parsed.replicate < 0:
        raise OptionError(f"--replicate must be 0 or more; found {parsed.replicate}.")
    if parsed.output is not None:
        check_file("--output", parsed.output)
    draws = Draws(study, study.scenario(name))
    with at(draws.place(parsed.replicate)):
        drawn = draws.draw(parsed.replicate)
    frame = drawn.frame
    # weights of a level are under a name that no variable can have
    for level, weights in drawn.weights.items():
        frame[f"weight.{level}"] = weights
    text = frame.to_csv(index=False, lineterminator="\n")
    if parsed.output is None:
        sys.stdout.write(text)
    else:
        write_text(parsed.output, text)
    return True
