"""The child process in which R runs: one request in, one answer out.

``python r_worker.py REQUEST ANSWER`` reads a request (JSON: ``scripts``, paths of R files;
``function``; ``arguments``, see `wemix_ref.engines.r_values`), sources the scripts, calls the
function and writes ``{"status", "message", "value"}``. Nothing of a request reaches R's parser
here: scripts are files, arguments are vectors. It imports nothing of the package.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("RPY2_CFFI_MODE", "ABI")


def _to_r(value: dict[str, Any] | None, ri: Any) -> Any:  # noqa: ANN401
    """Build an R object from its description."""
    if value is None:
        return ri.NULL
    kind = value["r"]
    if kind == "list":
        result = ri.ListSexpVector([_to_r(item, ri) for item in value["values"]])
        if value["names"] is not None:
            result.do_slot_assign("names", ri.StrSexpVector(value["names"]))
        return result
    if kind == "factor":
        codes = ri.IntSexpVector([ri.NA_Integer if c is None else c for c in value["codes"]])
        # `class<-` marks the vector as an object; assigning the attribute alone does not.
        result = ri.baseenv["levels<-"](codes, ri.StrSexpVector(value["levels"]))
        classes = ["ordered", "factor"] if value["ordered"] else ["factor"]
        return ri.baseenv["class<-"](result, ri.StrSexpVector(classes))
    vector, missing = {
        "double": (ri.FloatSexpVector, ri.NA_Real),
        "integer": (ri.IntSexpVector, ri.NA_Integer),
        "logical": (ri.BoolSexpVector, ri.NA_Logical),
        "text": (ri.StrSexpVector, ri.NA_Character),
    }[kind]
    return vector([missing if item is None else item for item in value["values"]])


def _from_r(value: Any, ri: Any) -> Any:  # noqa: ANN401
    """Copy an R object to plain values: vectors to lists, named lists to dicts."""
    if value == ri.NULL or isinstance(value, type(ri.NULL)):
        return None
    if isinstance(value, ri.ListSexpVector):
        names = value.names
        if isinstance(names, type(ri.NULL)):
            return [_from_r(item, ri) for item in value]
        return {str(key): _from_r(item, ri) for key, item in zip(names, value, strict=True)}
    if isinstance(value, ri.StrSexpVector):
        return [None if item is ri.NA_Character else str(item) for item in value]
    if isinstance(value, ri.BoolSexpVector):
        return [None if item is ri.NA_Logical else bool(item) for item in value]
    if isinstance(value, ri.IntSexpVector):
        return [None if item is ri.NA_Integer else int(item) for item in value]
    if isinstance(value, ri.FloatSexpVector):
        return [float(item) for item in value]
    raise TypeError(f"an answer must hold vectors and lists; found {type(value).__name__}")


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Start R, run one request and return its answer."""
    from rpy2 import rinterface as ri

    ri.initr()
    for script in request["scripts"]:
        ri.baseenv["sys.source"](ri.StrSexpVector([script]), ri.globalenv)
    reply = ri.globalenv["run_safely"](
        ri.StrSexpVector([request["function"]]), _to_r(request["arguments"], ri)
    )
    plain = _from_r(reply, ri)
    return {
        "status": plain["status"][0],
        "message": plain["message"][0],
        "value": plain.get("value"),
    }


def main(request_path: str, answer_path: str) -> None:
    """Read a request, write its answer."""
    request = json.loads(Path(request_path).read_text(encoding="utf-8"))
    text = json.dumps(answer(request))
    Path(answer_path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
