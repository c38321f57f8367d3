"""Answers of R as recorded: read with their hashes checked, and written."""

from __future__ import annotations

from typing import Any

from wemix_ref.divergences.live import LiveAnswer
from wemix_ref.divergences.specs import DivergenceSpec
from wemix_ref.errors import CaseError, EngineError
from wemix_ref.files import write_json
from wemix_ref.strict_json import read_json_object

__all__ = ["recorded_answer", "write_record"]

RECORD_SCHEMA = "wemix-ref/divergence-record/1"
_MEMBERS = ("collation", "date", "error", "printed", "told", "values", "versions")


def recorded_answer(spec: DivergenceSpec) -> dict[str, Any] | None:
    """Return what R answered when it was recorded; None where nothing was.

    Returns
    -------
    dict or None
        ``date``, ``versions``, ``collation``, ``values`` (name to number, None where R gave none),
        ``printed``, ``told`` (warnings and messages), ``error`` (empty where there was none).

    Raises
    ------
    CaseError
        If the file is no record, or one of another script or of other data.
    """
    path = spec.record_path
    if not path.is_file():
        return None
    record = read_json_object(path, "a record of a divergence", "Record it again.", CaseError)
    if record.get("schema") != RECORD_SCHEMA:
        raise CaseError(f"{path}: a record's schema must be {RECORD_SCHEMA}; found another.")
    if missing := [name for name in _MEMBERS if name not in record]:
        raise CaseError(f"{path}: a record must have {', '.join(_MEMBERS)}; lacking: {missing[0]}.")
    for name, value in spec.hashes.items():
        if record.get(name) != value:
            raise CaseError(
                f"{path}: {name} must be that of the file as it is now, {value[:12]}...; found "
                f"{str(record.get(name))[:12]}... Record again: wemix-ref divergences --id "
                f"{spec.id} --live --record."
            )
    return {name: record[name] for name in _MEMBERS}


def write_record(spec: DivergenceSpec, answer: LiveAnswer, date: str) -> None:
    """Store a live answer under a date such as ``2026-01-31``.

    Raises
    ------
    EngineError
        If R did not run.
    """
    if not answer.ran:
        raise EngineError(
            f"{spec.id}: only an answer can be recorded; R did not run: {answer.reason}."
        )
    content = {
        "schema": RECORD_SCHEMA,
        "divergence": spec.id,
        "date": date,
        **answer.plain(),
        **spec.hashes,
    }
    write_json(spec.record_path, content)
