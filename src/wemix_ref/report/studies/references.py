"""What is said of a study whose file names a scenario's parameter in place of a value."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from markupsafe import Markup

from wemix_ref.simulate.scenarios import SECTIONS

__all__ = ["References", "names_within", "setting"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
Told = TypeVar("Told")


def setting(value: object) -> str:
    """Write a parameter's value as a study's file has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def names_within(node: object) -> list[str]:
    """Names that stand in the texts of plain data, each once, in their order."""
    return list(dict.fromkeys(name for text in _texts(node) for name in _NAME.findall(text)))


def _texts(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for part in node.values():
            yield from _texts(part)
    elif isinstance(node, list):
        for part in node:
            yield from _texts(part)


def _resolved(
    node: Any,  # noqa: ANN401
    parameters: Mapping[str, Any],
    distributions: Mapping[str, Any] | None = None,
) -> Any:  # noqa: ANN401
    """Put parameters in the place of `$name`, those of `distributions` under that key."""
    distributions = parameters if distributions is None else distributions
    if isinstance(node, Mapping):
        return {
            key: _resolved(part, distributions)
            if key == "distribution"
            else _resolved(part, parameters, distributions)
            for key, part in node.items()
        }
    if isinstance(node, list):
        return [_resolved(part, parameters, distributions) for part in node]
    if isinstance(node, str) and node.startswith("$"):
        return parameters.get(node[1:], node)
    return node


class References:
    """Descriptions of a study's file for all of its scenarios at once.

    Parameters
    ----------
    text : Mapping
        The study's file, parsed.
    scenarios : sequence of Mapping
        The parameters of each scenario.
    factors : collection of str
        Parameters that are factors of the study.
    """

    def __init__(
        self,
        text: Mapping[str, Any],
        scenarios: Sequence[Mapping[str, Any]],
        factors: Sequence[str] = (),
    ) -> None:
        self._text, self._scenarios, self._factors = text, scenarios, factors

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Parameters that stand for a value somewhere and differ between scenarios."""
        sections = [self._text.get(key) for key in SECTIONS]
        found = dict.fromkeys(text[1:] for text in _texts(sections) if text.startswith("$"))
        return tuple(name for name in found if len(self.values(name)) > 1)

    def values(self, name: str) -> list[str]:
        """Values that a parameter takes over the scenarios, in their order."""
        return list(dict.fromkeys(setting(one[name]) for one in self._scenarios if name in one))

    @cached_property
    def _versions(self) -> list[Mapping[str, Any]]:
        """One scenario's parameters for every combination of values of `names`."""
        found = {tuple(setting(one[n]) for n in self.names): one for one in self._scenarios}
        return list(found.values())

    @cached_property
    def _probes(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The first version with one parameter at a time put to each of its values.

        They tell which parameter decides, also where several change together.
        """
        first = self._versions[0]
        return [
            (name, {**first, name: value})
            for name in self.names
            for value in {setting(one[name]): one[name] for one in self._scenarios}.values()
        ]

    def _every(self, describe: Callable[[Mapping[str, Any]], Told]) -> Told:
        parameters = [*self._versions, *(one for _, one in self._probes)]
        return self._merged([describe(one) for one in parameters])

    def told(self, describe: Callable[[Mapping[str, Any]], Told]) -> Told:
        """Describe the file as every scenario reads it, and tell differences apart.

        Parameters
        ----------
        describe : callable
            From the file, its references replaced by values, to texts: a text, or lists, tuples
            and data classes of such.

        Returns
        -------
        What `describe` gives; texts that differ between scenarios are joined, each with the
        values that it belongs to.
        """
        return self._every(lambda one: describe(self._read(one)))

    def _read(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return {
            key: _resolved(part, parameters) if key in SECTIONS else part
            for key, part in self._text.items()
        }

    def symbolically(self, describe: Callable[[Any], Told], node: object) -> Told:
        """Describe plain data in which varying parameters stand as names; see :meth:`told`.

        Distributions are always named.
        """
        names = {name: name for name in self.names}
        return self._every(lambda one: describe(_resolved(node, {**one, **names}, one)))

    def varying_within(self, node: object) -> list[Markup]:
        """Say which values the parameters named in plain data take, where these differ."""
        known = {name for one in self._scenarios for name in one}
        return [
            Markup("<code>{}</code> is {}, by scenario").format(name, _either(self.values(name)))
            for name in names_within(node)
            if name in known and len(self.values(name)) > 1
        ]

    def _merged(self, parts: Sequence[Any]) -> Any:  # noqa: ANN401
        """Merge descriptions of the versions; those of the probes stand behind them."""
        first, n = parts[0], len(self._versions)
        if all(part == first for part in parts[:n]):
            return first
        if isinstance(first, str):
            return self._words(parts[:n], parts[n:])
        if dataclasses.is_dataclass(first) and not isinstance(first, type):
            fields = [field.name for field in dataclasses.fields(first)]
            merged = {name: self._merged([getattr(p, name) for p in parts]) for name in fields}
            return dataclasses.replace(first, **merged)
        if len({len(part) for part in parts}) > 1:
            parts = [type(first)([Markup("; ").join(part)]) for part in parts]
        return type(first)(self._merged(each) for each in zip(*parts, strict=True))

    def _words(self, texts: Sequence[str], probed: Sequence[str]) -> Markup:
        """Join texts of the versions, each with the values of what decides between them."""
        texts = [text or "none" for text in texts]
        seen: dict[str, set[str]] = {}
        for (name, _), text in zip(self._probes, probed, strict=True):
            seen.setdefault(name, set()).add(text)
        deciding = [name for name, found in seen.items() if len(found) > 1]
        if len(deciding) != 1:
            joined = Markup(" or ").join(dict.fromkeys(texts))
            return joined + Markup(", by scenario: {}").format(", ".join(deciding or self.names))
        (name,) = deciding
        values = [setting(one[name]) for one in self._versions]
        word = _differing_word(texts)
        if word is not None and len(dict.fromkeys(word.words)) == len(dict.fromkeys(values)):
            kind = "factor" if name in self._factors else "parameter"
            told = Markup("{}{} (by scenario {} <code>{}</code>){}")
            either = _either(list(dict.fromkeys(word.words)))
            return told.format(word.before, either, kind, name, word.after)
        found: dict[str, list[str]] = {}
        for text, value in zip(texts, values, strict=True):
            found.setdefault(text, []).extend([value] * (value not in found.get(text, ())))
        parts = [
            text if values == [text] else Markup("{} ({})").format(text, ", ".join(values))
            for text, values in found.items()
        ]
        return self._choice(name, parts)

    def _choice(self, name: str, parts: Sequence[str]) -> Markup:
        kind = "factor" if name in self._factors else "parameter"
        return _either(parts) + Markup(", by scenario {} <code>{}</code>").format(kind, name)


@dataclasses.dataclass(frozen=True)
class _Differing:
    """Texts that differ in one number each, and what stands before and after it."""

    before: Markup
    words: tuple[str, ...]
    after: Markup


def _differing_word(texts: Sequence[str]) -> _Differing | None:
    """Find the one number in which longer texts differ; None where there is more to it."""
    split = [text.split(" ") for text in texts]
    if len({len(words) for words in split}) > 1 or len(split[0]) < 2:
        return None
    places = [k for k, words in enumerate(zip(*split, strict=True)) if len(set(words)) > 1]
    if len(places) != 1:
        return None
    (k,) = places
    tails = {words[k][len(words[k].rstrip(".,;")) :] for words in split}
    if len(tails) > 1:
        return None
    tail = tails.pop()
    numbers = tuple(words[k].removesuffix(tail) for words in split)
    if not all(re.fullmatch(r"[−\d.e+]+", one) for one in numbers):
        return None
    blank = Markup(" ")
    before, after = blank.join([*split[0][:k], ""]), blank.join([tail, *split[0][k + 1 :]])
    return _Differing(before, numbers, after)


def _either(parts: Sequence[str]) -> Markup:
    return Markup(" or ").join([*[Markup(", ").join(parts[:-1])] * (len(parts) > 1), parts[-1]])
