"""Live answers of R, written down with where they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import wemix_ref
from wemix_ref.cases import Case
from wemix_ref.engines.protocol import Engine
from wemix_ref.engines.record import record_text
from wemix_ref.errors import OptionError
from wemix_ref.files import write_text
from wemix_ref.references.answers import answer_of
from wemix_ref.references.judge import differing, digits_expected, expectations, judged
from wemix_ref.references.live import Skipped, answers, asked, ours_of
from wemix_ref.references.session import r_session
from wemix_ref.tolerances import Tolerances

__all__ = ["record_answers"]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def record_answers(
    cases: Iterable[Case],
    engines: Mapping[str, Engine],
    directory: Path,
    tolerances: Tolerances,
    *,
    timeout: float = 300.0,
    replace: bool = False,
    session: Callable[[], Mapping[str, str]] = r_session,
    now: Callable[[], str] = _now,
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Write what live engines answer to cases, one file an answer.

    A file is ``<case>.<engine>-<version>.json``, a recorded answer as the engine ``recorded``
    reads it, so that answers of several versions stand side by side.

    Parameters
    ----------
    cases : which cases; each is given to those of `engines` that it lists.
    engines : by name; see `wemix_ref.references.answers.PROGRAMS`.
    directory : made if needed.
    tolerances : give the digits expected of later answers.
    timeout : seconds for each fit in R.
    replace : whether files that are there may be replaced.
    session, now : what tells of R's session, and the time.
    tell : is given a line on what is being done.

    Returns
    -------
    dict
        ``written`` (file, case, engine, version, seconds, n_differing), ``skipped`` and ``failed``
        (case, engine, reason).

    Raises
    ------
    OptionError
        If a file is there already and must not be replaced; nothing is written then.
    EngineError
        If no engine can run here, or the estimator fails.
    """
    wanted, skipped = asked(cases, engines)
    ours = ours_of(wanted)
    results = answers(wanted, engines, lambda _: {}, timeout=timeout, tell=tell)
    about, date = dict(session()), now()
    failed: list[Skipped] = []
    texts: dict[Path, str] = {}
    written: list[dict[str, Any]] = []
    for one, result in zip(wanted, results, strict=True):
        record = result.record
        if record["status"] != "ok":
            reason = f"{record['status']}: {record['message']}"
            failed.append(Skipped(one.case.name, one.engine, reason))
            continue
        answered = (ours[one.case.name], one.engine, record["optimum"], tolerances)
        numbers = judged(*answered).values()
        recording = {
            "case": one.case.name,
            "engine": one.engine,
            "date": date,
            "seconds": round(result.timing["seconds"], 3),
            "session": about,
            "messages": record["messages"],
            "ours": f"wemix_ref {wemix_ref.__version__}",
            "expected": expectations(digits_expected(*answered)),
            "differing": differing(numbers),
        }
        answer = answer_of(one.case, one.problem, record, recording)
        path = Path(directory) / f"{answer['name']}.json"
        texts[path] = record_text(answer)
        written.append(
            {
                "file": path.name,
                "case": one.case.name,
                "engine": one.engine,
                "version": answer["computed_by"]["version"],
                "seconds": recording["seconds"],
                "n_differing": len(recording["differing"]),
            }
        )
    there = [path for path in texts if path.exists()]
    if there and not replace:
        raise OptionError(
            f"recorded answers are not replaced unless that is asked for; {len(there)} of "
            f"{len(texts)} are there (first: {there[0]}). Nothing was written. Name another "
            "directory, or give --replace."
        )
    for path, text in texts.items():
        write_text(path, text)
    return {
        "written": written,
        "skipped": [one.as_dict() for one in skipped],
        "failed": [one.as_dict() for one in failed],
    }
