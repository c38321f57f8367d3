"""Calls of compiled functions through their address, so that callers do not hold their code.

numba puts the code of what a function calls into its own and optimises it there again, each time it
is compiled for other types. A function that takes long to compile, and is called seldom enough for
a call to cost nothing, is better compiled once: here its callers know a symbol of the process.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any

__all__ = ["by_address"]

# What symbols point to must not be freed.
_kept: list[Any] = []


def by_address(
    dispatcher: Any,  # noqa: ANN401
    function: Callable[..., Any],
    types: str,
) -> Any:  # noqa: ANN401
    """What compiled functions call in place of a function, at one choice of types.

    Parameters
    ----------
    dispatcher : the function as numba made it.
    function : the same as it was written.
    types : of its result and arguments, as numba writes them.

    Returns
    -------
    A function for other compiled functions alone. Their code on disk is good for a process in which
    this was called before it is loaded.

    Raises
    ------
    OSError
        Where the cache cannot be written, or two processes that wrote it at once mixed it up.
    """
    binding, cgutils, sigutils, extending = (
        import_module(name)
        for name in (
            "llvmlite.binding",
            "numba.core.cgutils",
            "numba.core.sigutils",
            "numba.extending",
        )
    )
    wanted, result = sigutils.normalize_signature(types)
    dispatcher.compile(result(*wanted))
    made = dispatcher.overloads.get(wanted)
    if made is None:
        raise OSError(f"the code of {function.__qualname__} on disk is of other types")
    symbol = f"{function.__module__}.{function.__qualname__}:{result(*wanted)}"
    address = made.library.get_pointer_to_function(made.fndesc.llvm_func_name)
    binding.add_symbol(symbol, address)
    _kept.append(made)

    def generate(context: Any, builder: Any, _: Any, arguments: Any) -> Any:  # noqa: ANN401
        convention = context.call_conv
        kind = convention.get_function_type(result, wanted)
        callee = cgutils.get_or_insert_function(builder.module, kind, symbol)
        status, value = convention.call_function(builder, callee, result, wanted, arguments)
        with cgutils.if_unlikely(builder, status.is_error):
            convention.return_status_propagate(builder, status)
        return value

    def call(typing: Any, *given: Any) -> Any:  # noqa: ANN401
        pairs = zip(given, wanted, strict=True)
        if all(typing.can_convert(one, other) is not None for one, other in pairs):
            return result(*wanted), generate
        return None

    names = ["typing", *inspect.signature(function).parameters]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    vars(call)["__signature__"] = inspect.Signature([inspect.Parameter(n, kind) for n in names])
    call.__name__ = function.__name__
    return extending.intrinsic(call)
