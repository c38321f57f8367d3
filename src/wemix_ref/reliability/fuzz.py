"""Random formulas, records and files: each is read, or refused by an error of ours."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from wemix_ref.errors import WemixRefError
from wemix_ref.formula import Formula, label_of
from wemix_ref.reliability.bad_files import STUDY, shipped
from wemix_ref.reliability.bad_frames import good_data
from wemix_ref.reliability.bad_records import fitted_text
from wemix_ref.reliability.door import TookTooLongError, within
from wemix_ref.reliability.drawn import draw_formula, mutate_bytes, mutate_json

__all__ = ["KINDS", "Tally", "fuzz", "signed", "try_one"]

#: What any one input may take.
SECONDS = 10.0

Rng = np.random.Generator


@dataclass
class Tally:
    """What came of the inputs of one kind."""

    read: int = 0
    refused: int = 0
    failed: list[str] = field(default_factory=list)
    slowest: float = 0.0

    @property
    def tried(self) -> int:
        """All of them."""
        return self.read + self.refused + len(self.failed)


@cache
def _data() -> pd.DataFrame:
    data = good_data()
    rng = np.random.default_rng(3)
    data["z"] = rng.integers(-2, 3, len(data))
    data["a"] = pd.Categorical(rng.choice(["u", "v", "w"], len(data)), ["w", "u", "v", "t"])
    data["b"] = rng.choice(["1", "2"], len(data))
    data["t"] = data["x"] > 0
    data["m"] = data["x"].where(data["x"] < 1)
    return data


def _parse(text: str) -> bool:
    """Read a formula; one that can be read is spelled for R so that it is read as the same."""
    from wemix_ref.formula import parse_formula

    formula = parse_formula(text)
    again = parse_formula(formula.to_r())
    if _meaning(again) != _meaning(formula):
        raise AssertionError(f"spelled for R it is another formula: {formula.to_r()}")
    return True


def _meaning(formula: Formula) -> object:
    bars = [(bar.group_name, bar.terms.intercept, bar.terms.labels) for bar in formula.bars]
    fixed = formula.fixed
    offsets = [label_of(one) for one in fixed.offsets]
    return label_of(formula.response), fixed.intercept, fixed.labels, offsets, bars


def _formula_of_bytes(rng: Rng) -> Callable[[], object]:
    raw = mutate_bytes(draw_formula(rng).encode(), rng)
    text = raw.decode("utf-8", errors="surrogateescape" if rng.random() < 0.5 else "replace")
    return lambda: _parse(text)


def _formula_on_data(rng: Rng) -> Callable[[], object]:
    from wemix_ref.design import build_design

    text = draw_formula(rng)

    def act() -> object:
        _parse(text)
        return build_design(text, _data(), None)

    return act


def _one_sided(rng: Rng) -> Callable[[], object]:
    from wemix_ref.formula import parse_one_sided

    raw = mutate_bytes(b"~x + z + `a b`", rng)
    return lambda: parse_one_sided(raw.decode("utf-8", errors="replace"))


def signed(record: Any) -> str:  # noqa: ANN401
    """A record with the checksum that its writer would have given it."""
    if isinstance(record, dict):
        record.pop("sha256", None)
        plain = json.dumps(record, sort_keys=True, separators=(",", ":"))
        record["sha256"] = hashlib.sha256(plain.encode("ascii")).hexdigest()
    return json.dumps(record)


def _fitted_model(rng: Rng) -> Callable[[], object]:
    from wemix_ref import FittedModel

    if rng.random() < 0.2:
        text = mutate_bytes(fitted_text().encode(), rng).decode("utf-8", errors="replace")
    else:
        text = signed(mutate_json(json.loads(fitted_text()), rng))
    return lambda: FittedModel.from_json(text)


@cache
def _fit_record() -> str:
    from wemix_ref.cases import CASES, load_case
    from wemix_ref.engines import get_engine
    from wemix_ref.engines.record import record_text

    problem = load_case(CASES / "dyestuff.yaml").problem()
    return record_text(get_engine("python").fit(problem, {}, timeout=60.0).record)


def _file(text: str, rng: Rng) -> bytes:
    if rng.random() < 0.3:
        return mutate_bytes(text.encode(), rng)
    return json.dumps(mutate_json(json.loads(text), rng)).encode()


def _record(rng: Rng) -> Callable[[], object]:
    from wemix_ref.engines.record import read_record

    return _read(_file(_fit_record(), rng), "r.json", read_record)


def _recorded(rng: Rng) -> Callable[[], object]:
    from wemix_ref.references.answers import load_references

    raw = _file(shipped("recorded"), rng)
    return _read(raw, "r.json", lambda path: load_references(path.parent))


def _study(rng: Rng) -> Callable[[], object]:
    import yaml

    from wemix_ref.simulate.study import load_study

    if rng.random() < 0.5:
        raw = mutate_bytes(STUDY.encode(), rng)
    else:
        raw = yaml.safe_dump(mutate_json(yaml.safe_load(STUDY), rng)).encode()
    return _read(raw, "s.yaml", load_study)


def _csv(rng: Rng) -> Callable[[], object]:
    from wemix_ref.cli_read import read_data

    raw = mutate_bytes(good_data().head(8).round(2).to_csv(index=False).encode(), rng)
    return _read(raw, "d.csv", lambda path: read_data(path, (), None))


def _read(raw: bytes, name: str, reader: Callable[[Path], object]) -> Callable[[], object]:
    def act() -> object:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(raw)
            return reader(path)

    return act


#: What is drawn, by name, with its share of the inputs.
KINDS: dict[str, tuple[Callable[[Rng], Callable[[], object]], float]] = {
    "formulas of a grammar, on data": (_formula_on_data, 0.30),
    "formulas with bytes changed": (_formula_of_bytes, 0.30),
    "one-sided formulas with bytes changed": (_one_sided, 0.05),
    "fitted models, changed and signed": (_fitted_model, 0.10),
    "fit records, changed": (_record, 0.05),
    "recorded answers, changed": (_recorded, 0.08),
    "studies, changed": (_study, 0.04),
    "CSV files with bytes changed": (_csv, 0.08),
}


def try_one(kind: str, seed: int, number: int, tally: Tally) -> None:
    """Draw one input, give it, and count what came of it."""
    place = list(KINDS).index(kind)
    act = KINDS[kind][0](np.random.default_rng([seed, place, number]))
    started = time.perf_counter()
    try:
        with warnings.catch_warnings(), within(SECONDS):
            warnings.simplefilter("ignore")
            act()
        tally.read += 1
    except WemixRefError:
        tally.refused += 1
    except (Exception, TookTooLongError) as problem:
        told = f"{kind}, seed {seed}, number {number}: {type(problem).__name__}: {problem}"
        tally.failed.append(told[:500])
    tally.slowest = max(tally.slowest, time.perf_counter() - started)


def fuzz(n: int, seed: int, tell: Callable[[str], None]) -> dict[str, Tally]:
    """Try about `n` inputs, each kind its share and one at least.

    Returns
    -------
    dict
        By kind, in the order of `KINDS`.
    """
    tallies = {}
    for kind, (_, share) in KINDS.items():
        tally = tallies[kind] = Tally()
        for number in range(max(1, round(share * n))):
            try_one(kind, seed, number, tally)
        tell(f"{kind}: {tally.tried} tried, {len(tally.failed)} not as they must be")
        for failure in tally.failed:
            tell(failure)
    return tallies
