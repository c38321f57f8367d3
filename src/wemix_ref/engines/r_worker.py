"""The child process in which R runs: calls of one function in, one answer each out.

``python r_worker.py DIRECTORY`` reads ``request.json`` (``scripts``, paths of R files;
``function``; ``packages``; ``first`` and ``count`` of the calls), sources the scripts, loads the
packages and answers each ``call-<number>.json`` (arguments, see `wemix_ref.engines.r_values`)
in a fork of its own, which writes ``answer-<number>.json`` with ``{"status", "message",
"value"}``; a fork that ended without one is answered by ``{"exit_code"}``. Nothing of a request
reaches R's parser here: scripts are files, arguments are vectors. It imports nothing of the
package.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
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


def _answer(function: str, asked: Path, ri: Any) -> dict[str, Any]:  # noqa: ANN401
    arguments = json.loads(asked.read_text(encoding="utf-8"))
    reply = ri.globalenv["run_safely"](ri.StrSexpVector([function]), _to_r(arguments, ri))
    plain = _from_r(reply, ri)
    return {
        "status": plain["status"][0],
        "message": plain["message"][0],
        "value": plain.get("value"),
    }


def _write(answer: dict[str, Any], path: Path) -> None:
    """Write an answer so that who waits for the file never reads half of it."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(answer), encoding="utf-8")
    part.replace(path)


def _answer_in_fork(function: str, asked: Path, answered: Path, ri: Any) -> None:  # noqa: ANN401
    """Answer one call in a process of its own; its end without an answer is an answer too."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _write(_answer(function, asked, ri), answered)
            code = 0
        except BaseException:  # noqa: BLE001, RUF100
            # whatever it was, the fork must end here and not go on as its parent
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if not answered.is_file():
        _write({"exit_code": os.waitstatus_to_exitcode(status)}, answered)


def main(directory: str) -> None:
    """Start R and answer the calls of a directory in turn."""
    from rpy2 import rinterface as ri

    here = Path(directory)
    request = json.loads((here / "request.json").read_text(encoding="utf-8"))
    ri.initr()
    for script in request["scripts"]:
        ri.baseenv["sys.source"](ri.StrSexpVector([script]), ri.globalenv)
    ri.globalenv["load_packages"](ri.StrSexpVector(request["packages"]))
    first = int(request["first"])
    for number in range(first, first + int(request["count"])):
        _answer_in_fork(
            request["function"],
            here / f"call-{number:06d}.json",
            here / f"answer-{number:06d}.json",
            ri,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
