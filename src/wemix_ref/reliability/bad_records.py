"""Bad records: fitted models, fit records, recorded answers, records of runs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from wemix_ref.reliability.bad_files import shipped
from wemix_ref.reliability.bad_frames import FORMULA, WEIGHTS, good_data
from wemix_ref.reliability.door import Act, listed, written

__all__ = ["RECORDS", "fitted_text"]


@cache
def fitted_text() -> str:
    """A fitted model as JSON."""
    from wemix_ref import mix

    return mix(FORMULA, good_data(), WEIGHTS).to_json()


def _model(change: Callable[[dict[str, Any]], object], sign: bool = True) -> Callable[[Path], Act]:
    def make(_folder: Path) -> Act:
        record = json.loads(fitted_text())
        change(record)
        if sign:
            del record["sha256"]
            plain = json.dumps(record, sort_keys=True, separators=(",", ":"))
            record["sha256"] = hashlib.sha256(plain.encode("ascii")).hexdigest()
        return _from_json(json.dumps(record))(_folder)

    return make


def _from_json(content: str | bytes | None) -> Callable[[Path], Act]:
    def make(folder: Path) -> Act:
        from wemix_ref import FittedModel

        path = folder / "fit.json"
        if content is not None:
            written(folder, "fit.json", content)
        return lambda: FittedModel.from_json(path)

    return make


def _record(kind: str, content: str | bytes | None) -> Callable[[Path], Act]:
    def make(folder: Path) -> Act:
        from wemix_ref.engines.record import read_record
        from wemix_ref.engines.recorded import read_recorded
        from wemix_ref.reliability.record import read_record as read_run

        readers = {"fit record": read_record, "recorded": read_recorded, "run": read_run}
        path = folder / "r.json"
        if content is not None:
            written(folder, "r.json", content)
        return lambda: readers[kind](path)

    return make


def _recorded(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], Act]:
    def make(folder: Path) -> Act:
        answer = json.loads(shipped("recorded"))
        change(answer)
        return _record("recorded", json.dumps(answer))(folder)

    return make


_RECORDS: dict[str, tuple[Callable[[Path], Act], list[str]]] = {
    "no fitted model": (_from_json(None), ["fit.json", "No such file"]),
    "a fitted model in UTF-16": (_from_json(b"\xff\xfe{\0"), ["fit.json", "utf-8"]),
    "a fitted model cut off": (
        lambda folder: _from_json(fitted_text()[: len(fitted_text()) // 2])(folder),
        ["cut off"],
    ),
    "a fitted model nested without end": (_from_json("[" * 100_000), ["not JSON"]),
    "a fitted model with a number beyond a double": (
        lambda folder: _from_json(fitted_text().replace('"llf": ', '"llf": 1e999, "q": '))(folder),
        ["1e999", "double"],
    ),
    "a fitted model of a later version": (
        _model(lambda r: r.update(schema="wemix-ref/fitted-model/2")),
        ["version 2", "later wemix_ref"],
    ),
    "a fitted model that is something else": (_from_json('{"schema": "x"}'), ["'x'"]),
    "a fitted model changed afterwards": (
        _model(lambda r: r["theta"]["values"].__setitem__(0, 0.9), sign=False),
        ["checksum", "Fit again"],
    ),
    "a fitted model forged": (
        _model(lambda r: r["theta"]["values"].__setitem__(0, 0.9)),
        ["deviance", "Fit again"],
    ),
    "a fitted model with code for a formula": (
        _model(lambda r: r["model"].update(formula="y ~ system('touch mark') + (1|g)")),
        ["system"],
    ),
    "a fitted model of rows without end": (
        _model(lambda r: r["data"].update(index={"type": "range", "start": 0, "stop": 10**12,
                                                 "step": 1, "name": None})),
        ["values, the index"],
    ),
    "a fitted model without data": (_model(lambda r: r.pop("data")), ["lacks 'data'"]),
}  # fmt: skip

for _kind, _what in (("fit record", "a fit record"), ("recorded", "a recorded answer"),
                     ("run", "the record of a run")):  # fmt: skip
    _RECORDS |= {
        f"no file of {_what}": (_record(_kind, None), ["r.json", _what, "No such file"]),
        f"{_what} that is empty": (_record(_kind, ""), ["r.json", "JSON"]),
        f"{_what} cut off": (_record(_kind, '{"schema": "wemix'), ["r.json", "JSON", "char"]),
        f"{_what} that is a list": (_record(_kind, "[]"), ["r.json", _what, "list"]),
        f"{_what} with NaN": (_record(_kind, '{"a": NaN}'), ["r.json", "NaN"]),
        f"{_what} with a number beyond a double": (
            _record(_kind, '{"a": 1e999}'),
            ["r.json", "1e999"],
        ),
        f"{_what} with a name twice": (_record(_kind, '{"a": 1, "a": 2}'), ["r.json", "'a'"]),
        f"{_what} nested without end": (_record(_kind, "[" * 99_999), ["r.json", "100 deep"]),
        f"{_what} nested deep": (
            _record(_kind, '{"a":' * 500 + "1" + "}" * 500),
            ["r.json", "100 deep"],
        ),
        f"{_what} that is no text": (_record(_kind, os.urandom(64) + b"\xff"), ["r.json"]),
        f"{_what} of a later version": (
            _record(_kind, '{"schema": "wemix-ref/recorded/99"}'),
            ["r.json", "schema"],
        ),
    }
_RECORDS |= {
    "a recorded answer without its point": (_recorded(lambda r: r.pop("point")), ["point"]),
    "a recorded answer with a number for a point": (
        _recorded(lambda r: r.update(point=3)),
        ["r.json", "point"],
    ),
    "a recorded answer without its model": (_recorded(lambda r: r.update(model=[])), ["model"]),
    "a recorded answer by nobody": (_recorded(lambda r: r.update(computed_by={})), ["computed_by"]),
    "a recorded answer of no data": (_recorded(lambda r: r["data"].clear()), ["data"]),
}


RECORDS = listed("records", _RECORDS)
