"""The functions a formula may call, and with which arguments.

Everything else is refused while the text is read, before any data are seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wemix_ref.formula.messages import error_at
from wemix_ref.formula.syntax import Call, Expr, Logical, Number, Text, Unary, start_of

__all__ = ["FUNCTIONS", "Signature", "bind", "check_call", "constant"]


@dataclass(frozen=True)
class Signature:
    """Parameters of an allowed function.

    Attributes
    ----------
    params : tuple of str
        Names in R's order.
    required : int
        How many of the first ones must be given.
    constants : mapping
        Parameter to the kinds of constant it takes: "number", "logical", "text" or "vector"
        (``c(...)`` of numbers or texts); parameters not listed take expressions.
    variadic : bool
        Any number of expressions, none of them named.
    """

    params: tuple[str, ...] = ("x",)
    required: int = 1
    constants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    variadic: bool = False


_FACTOR = Signature(
    ("x", "levels", "labels", "ordered"),
    constants={"levels": ("vector",), "labels": ("vector",), "ordered": ("logical",)},
)
_VECTORWISE = (
    *("I", "log2", "log10", "log1p", "exp", "expm1", "sqrt", "abs", "sin", "cos", "tan"),
    *("floor", "ceiling", "trunc", "as.factor", "as.numeric", "as.integer", "offset"),
)

#: The whitelist.
FUNCTIONS: dict[str, Signature] = {
    **{name: Signature() for name in _VECTORWISE},
    "log": Signature(("x", "base"), constants={"base": ("number",)}),
    "round": Signature(("x", "digits"), constants={"digits": ("number",)}),
    "factor": _FACTOR,
    "ordered": Signature(_FACTOR.params[:3], constants=_FACTOR.constants),
    "poly": Signature(
        ("x", "degree", "raw"), constants={"degree": ("number",), "raw": ("logical",)}
    ),
    "scale": Signature(
        ("x", "center", "scale"),
        constants={"center": ("logical", "number"), "scale": ("logical", "number")},
    ),
    "pmin": Signature((), variadic=True),
    "pmax": Signature((), variadic=True),
    "c": Signature((), variadic=True),
}


def bind(call: Call) -> dict[str, Expr]:
    """Match a checked call's arguments to its parameters, named ones first, as R does."""
    signature = FUNCTIONS[call.function]
    bound = {a.name: a.value for a in call.args if a.name is not None}
    free = iter([p for p in signature.params if p not in bound])
    for argument in call.args:
        if argument.name is None:
            bound[next(free)] = argument.value
    return bound


def constant(node: Expr) -> float | bool | str | None:
    """Value of a number (a sign allowed), text or logical constant; None for all else."""
    if isinstance(node, (Number, Text, Logical)):
        return node.value
    if isinstance(node, Unary) and node.op in "+-" and isinstance(node.operand, Number):
        return -node.operand.value if node.op == "-" else node.operand.value
    return None


def check_call(text: str, call: Call) -> None:
    """Check one call against the whitelist.

    Raises
    ------
    FormulaError
        Unknown function, wrong number of arguments, unknown or repeated argument name, or an
        argument that must be a constant and is not.
    """
    signature = FUNCTIONS.get(call.function)
    if signature is None:
        allowed = ", ".join(sorted(FUNCTIONS, key=str.lower))
        raise error_at(
            text,
            call.pos,
            f"a formula may call only these functions: {allowed}; found `{call.function}`. "
            "Compute other transformations into a column first",
        )
    if signature.variadic:
        _check_variadic(text, call)
        return
    _check_names(text, call, signature)
    if call.function == "poly" and sum(a.name is None for a in call.args) > 2:
        raise error_at(
            text, call.pos, "poly() takes one variable and a degree; name the rest: raw = TRUE"
        )
    for name, value in bind(call).items():
        kinds = signature.constants.get(name)
        if kinds is not None and _kind(value) not in kinds:
            wanted = " or ".join(_KINDS[k] for k in kinds)
            raise error_at(
                text,
                start_of(value),
                f"argument `{name}` of {call.function}() must be {wanted}",
            )
    _check_values(text, call)


_KINDS = {
    "number": "a number",
    "logical": "TRUE or FALSE (in full)",
    "text": "a quoted text",
    "vector": "c(...) of numbers or of quoted texts",
}


def _kind(node: Expr) -> str:
    if isinstance(node, Call) and node.function == "c":
        return "vector"
    value = constant(node)
    if isinstance(value, bool):
        return "logical"
    if isinstance(value, str):
        return "text"
    return "expression" if value is None else "number"


def _check_variadic(text: str, call: Call) -> None:
    for argument in call.args:
        if argument.name is not None:
            raise error_at(
                text, argument.pos, f"{call.function}() takes no named argument `{argument.name}`"
            )
    if not call.args:
        raise error_at(text, call.pos, f"{call.function}() needs at least one argument")
    if call.function == "c":
        kinds = {_kind(a.value) for a in call.args}
        if kinds not in ({"number"}, {"text"}):
            raise error_at(text, call.pos, "c(...) must hold numbers alone or quoted texts alone")


def _check_names(text: str, call: Call, signature: Signature) -> None:
    seen: set[str] = set()
    for argument in call.args:
        if argument.name is None:
            continue
        if argument.name not in signature.params:
            known = ", ".join(signature.params)
            raise error_at(
                text,
                argument.pos,
                f"{call.function}() has no argument `{argument.name}` here; it takes {known}",
            )
        if argument.name in seen:
            raise error_at(text, argument.pos, f"argument `{argument.name}` is given twice")
        seen.add(argument.name)
    missing = [p for p in signature.params[: signature.required] if p not in seen]
    positional = sum(a.name is None for a in call.args)
    if positional + len(seen) > len(signature.params):
        raise error_at(
            text, call.pos, f"{call.function}() takes at most {len(signature.params)} argument(s)"
        )
    if positional < len(missing):
        raise error_at(text, call.pos, f"{call.function}() needs its argument `{missing[0]}`")


def _check_values(text: str, call: Call) -> None:
    bound = bind(call)
    if call.function == "poly" and "degree" in bound:
        degree = constant(bound["degree"])
        if not (isinstance(degree, float) and degree >= 1 and degree.is_integer()):
            raise error_at(
                text,
                start_of(bound["degree"]),
                "the degree of poly() must be a whole number of at least 1",
            )
    if call.function in ("factor", "ordered"):
        sizes: dict[str, int] = {}
        for name in ("levels", "labels"):
            value = bound.get(name)
            if isinstance(value, Call):
                entries = [constant(a.value) for a in value.args]
                sizes[name] = len(entries)
                if len(set(entries)) < len(entries):
                    raise error_at(text, value.pos, f"`{name}` of {call.function}() repeats itself")
        if "labels" in sizes and sizes.get("levels") != sizes["labels"]:
            raise error_at(
                text,
                start_of(bound["labels"]),
                f"`labels` of {call.function}() needs `levels` of the same length beside it",
            )
