"""What a run makes from its raw files, step by step: by which function, from what, to what.

Raw are the fits' records and matrices, the prepared problems, the jobs' replicates, R's answers in
audits and divergences, the judged printed numbers and the measurements of speed. The workflow and
``wemix-ref verify`` call the same functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from wemix_ref.cases import Case
from wemix_ref.compare_files import compare_files
from wemix_ref.derived_run import Run, Step
from wemix_ref.derived_studies import step_of_list, steps_of_study
from wemix_ref.files import write_text
from wemix_ref.stamps import SIDECAR, write_stamped

__all__ = ["steps"]


def steps(run: Run, *, cases: bool = True, studies: Sequence[str] = ()) -> list[Step]:
    """List the steps of a run, each after those it builds on.

    Parameters
    ----------
    run : the run.
    cases : with cases, printed numbers, divergences and the report.
    studies : names of the studies.
    """
    found: list[Step] = []
    if cases:
        found += _of_cases(run)
    for name in studies:
        found += steps_of_study(run, run.studies[name])
    for page in ("small", "index"):
        listed = [n for n in run.chosen_studies if run.studies[n].small == (page == "small")]
        if listed and set(listed) <= set(studies):
            found.append(step_of_list(run, page, listed))
    return found


# --- Cases --------------------------------------------------------------------------------------


def _of_cases(run: Run) -> list[Step]:
    # the report shows every comparison that is there, the tables those of the run
    compared = [
        name
        for name in run.cases
        if name in run.chosen or (run.results / "comparisons" / f"{name}.json").is_file()
    ]
    found = [_comparison(run, run.cases[name]) for name in compared]
    chosen = tuple(f"results/comparisons/{name}.json" for name in run.chosen)
    found += [
        Step(
            "the tables of numbers and verdicts",
            chosen,
            (*_table("numbers"), *_table("verdicts")),
            partial(_tables, run),
            rule="tables",
        ),
        Step("the verdict", chosen, ("results/verdict.txt",), partial(_verdict, run), True),
        Step(
            "the table of printed numbers",
            ("results/printed.json",),
            (*_table("printed"), "results/printed.json"),
            partial(_printed, run),
            rule="printed",
        ),
        Step(
            "the verdict on printed numbers",
            ("results/printed.json",),
            ("results/printed.txt",),
            _printed_verdict,
            True,
        ),
        *_of_divergences(run),
    ]
    bench = ("results/bench.json",) if (run.results / "bench.json").is_file() else ()
    if bench:
        found.append(_bench(run))
    inputs = (
        *(f"results/comparisons/{name}.json" for name in compared),
        *(run.name(run.cases[name].path) for name in compared),
        *(name for case in compared for name in _fits(run.cases[case], ("json",))),
        *(name for case in compared for name in _matrices(run, run.cases[case])),
        *("results/printed.json", "results/divergences.json", *bench),
        run.name(run.tolerances),
    )
    page = ("results/report/index.html",)
    found.append(Step("the report", inputs, page, partial(_report, run), rule="report"))
    return found


def _table(name: str) -> tuple[str, str]:
    """A table, and the stamp beside it."""
    return f"results/tables/{name}.csv", f"results/tables/{name}.csv{SIDECAR}"


def _fits(case: Case, kinds: Sequence[str]) -> list[str]:
    return [
        f"results/fits/{case.name}/{engine}.{kind}" for engine in case.engines for kind in kinds
    ]


def _matrices(run: Run, case: Case) -> list[str]:
    """Matrices of a case's fits, those that are there: the report may show their pictures."""
    return [
        name
        for name in _fits(case, ("matrices.parquet",))
        if (run.results / name.removeprefix("results/")).is_file()
    ]


def _comparison(run: Run, case: Case) -> Step:
    twin = [f"results/fits/{case.same_answer_as}/python.json"] if case.same_answer_as else []
    printed = case.dataset.printed_rows_path
    inputs = (
        run.name(case.path),
        run.name(run.tolerances),
        *(f"results/prepared/{case.name}/{name}" for name in ("data.csv", "problem.json")),
        *_fits(case, ("json", "matrices.parquet")),
        *twin,
        *([run.name(printed)] if printed else []),
    )
    output = f"results/comparisons/{case.name}.json"
    make = partial(_compare, run, case)
    return Step(f"the comparison of {case.name}", inputs, (output,), make, rule="compare")


def _compare(run: Run, case: Case, out: Path) -> None:
    place = run.results / "fits" / case.name
    twin = case.same_answer_as
    file = out / "comparisons" / f"{case.name}.json"
    compare_files(
        case.path,
        run.tolerances,
        run.results / "prepared" / case.name,
        [place / f"{engine}.json" for engine in case.engines],
        [place / f"{engine}.matrices.parquet" for engine in case.engines],
        run.results / "fits" / twin / "python.json" if twin else None,
        run.resources,
        file,
        run.stamper(out, "compare"),
    )


def _comparisons(run: Run, out: Path) -> list[dict[str, Any]]:
    from wemix_ref.overview import read_comparisons

    return read_comparisons(out / "comparisons" / f"{name}.json" for name in run.chosen)


def _tables(run: Run, out: Path) -> None:
    from wemix_ref.overview import write_tables

    tables = out / "tables"
    inputs = [out / "comparisons" / f"{name}.json" for name in run.chosen]
    stamp = run.stamper(out, "tables")(tables / "numbers.csv", inputs)
    write_tables(_comparisons(run, out), tables / "numbers.csv", tables / "verdicts.csv", stamp)


def _verdict(run: Run, out: Path) -> None:
    from wemix_ref.overview import failures, verdict_table

    comparisons = _comparisons(run, out)
    if not failures(comparisons):
        write_text(out / "verdict.txt", verdict_table(comparisons))


def _printed(run: Run, out: Path) -> None:
    from wemix_ref.published.table import read_judged, write_judged

    place = run.results / "printed.json"
    table, record = out / "tables" / "printed.csv", out / "printed.json"
    stamp = _json(place).get("stamp")
    write_judged(read_judged(place), table, record, run.stamper(out, "printed"), stamp)


def _printed_verdict(out: Path) -> None:
    from wemix_ref.published.table import failures, read_judged, tell

    judged = read_judged(out / "printed.json")
    if not failures(judged):
        write_text(out / "printed.txt", tell(judged))


def _report(run: Run, out: Path) -> None:
    from wemix_ref.report import write_report

    fits = out / "fits"
    if not fits.exists():
        fits.symlink_to((run.results / "fits").resolve(), target_is_directory=True)
    bench = out / "bench.json"
    write_report(
        out,
        run.project / run.config["cases"]["directory"],
        out / "report" / "index.html",
        tolerances=run.tolerances,
        resources=run.resources,
        studies=_link(run),
        printed=out / "printed.json",
        divergences=out / "divergences.json",
        bench=bench if bench.is_file() else None,
        stamper=run.stamper(out, "report"),
    )


def _link(run: Run) -> str | None:
    """Where the report finds the list of small studies."""
    any_small = any(run.studies[name].small for name in run.chosen_studies)
    return "../studies/small.html" if any_small else None


# --- Divergences, speed -------------------------------------------------------------------------


def _of_divergences(run: Run) -> list[Step]:
    from wemix_ref.divergences.specs import load_divergences

    place = run.project / "config" / "divergences"
    specs = load_divergences(place, resources=run.resources)
    results = tuple(f"results/divergences/{name}.json" for name in specs)
    pages = [
        Step(
            f"the page of the divergence {name}",
            (f"config/divergences/{name}.yaml", f"results/divergences/{name}.json"),
            (f"results/divergences/{name}.md",),
            partial(_divergence_page, run, spec),
            rule="divergence",
        )
        for name, spec in specs.items()
    ]
    table = Step(
        "the table of divergences",
        results,
        (*_table("divergences"), "results/divergences.json"),
        partial(_divergences, run, tuple(specs)),
        rule="divergences",
    )
    verdict = Step(
        "the verdict on divergences",
        ("results/divergences.json",),
        ("results/divergences.txt",),
        _divergences_verdict,
        True,
    )
    return [*pages, table, verdict]


def _divergence_page(run: Run, spec: Any, out: Path) -> None:  # noqa: ANN401
    from wemix_ref.divergences.pages import page

    file = run.results / "divergences" / f"{spec.id}.json"
    out_file = out / "divergences" / f"{spec.id}.md"
    own = run.project / "config" / "divergences" / f"{spec.id}.yaml"
    stamp = run.stamper(out, "divergence")(out_file, [own, file])
    write_stamped(out_file, page(spec, _json(file)), stamp)


def _divergences(run: Run, names: Sequence[str], out: Path) -> None:
    from wemix_ref.divergences.table import write_all

    paths = [run.results / "divergences" / f"{name}.json" for name in names]
    table, record = out / "tables" / "divergences.csv", out / "divergences.json"
    write_all(paths, table, record, run.stamper(out, "divergences"))


def _divergences_verdict(out: Path) -> None:
    from wemix_ref.divergences.table import failures, read_all, tell

    results = read_all(out / "divergences.json")
    if not failures(results):
        write_text(out / "divergences.txt", tell(results))


def _json(path: Path) -> Any:  # noqa: ANN401
    import json

    return json.loads(path.read_text(encoding="utf-8"))


def _bench(run: Run) -> Step:
    from wemix_ref.bench.specs import load_bench

    mode = _json(run.results / "bench.json")["mode"]
    bench = load_bench(run.project / run.config["bench"]["file"], mode)
    return Step(
        "the table of speed",
        tuple(f"results/bench/{mode}/{name}.json" for name in bench.measurements),
        (*_table("bench"), "results/bench.json", "results/report/speed.html"),
        partial(_speed, run, bench),
        True,
        rule="bench",
    )


def _speed(run: Run, bench: Any, out: Path) -> None:  # noqa: ANN401
    from wemix_ref.bench.table import collate, write_run
    from wemix_ref.report.bench_view import write_page

    place = run.results / "bench" / bench.mode
    files = [place / f"{name}.json" for name in bench.measurements]
    made, record = collate(bench, files), out / "bench.json"
    inputs = [run.project / run.config["bench"]["file"], *files]
    stamp = run.stamper(out, "bench")(record, inputs)
    write_page(made, out / "report" / "speed.html", stamp)
    write_run(made, out / "tables" / "bench.csv", record, stamp)
