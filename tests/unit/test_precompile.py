"""What is compiled beforehand is what fits need, and where it is kept is told."""

from __future__ import annotations

import subprocess
import sys

import pytest

from wemix_ref.cli import main
from wemix_ref.compiled import HAVE_NUMBA
from wemix_ref.precompile import precompile

# Prints the loops that fits of other kinds compile after all. Those of kernels_rows are left out:
# one for each type of ids, in a moment.
CODE = """
import sys
import warnings
from wemix_ref.compiled import Compiled
from wemix_ref.precompile import _small, precompile
from wemix_ref import mix, mix_many

def signatures():
    modules = [m for name, m in sys.modules.items() if name.startswith("wemix_ref.")]
    loops = {id(one): one for m in modules for one in vars(m).values() if isinstance(one, Compiled)}
    return {(one.plain.__module__, one.plain.__name__, str(signature))
            for one in loops.values() for signature in one.dispatcher().signatures}

told = []
assert precompile(4, told.append), told
before = signatures()
warnings.simplefilter("ignore")
for levels in range(1, 5):
    data, formula, weights = _small(levels)
    mix(formula, data, reml=True).summary()
    slopes = mix(formula.replace("(1|g1)", "(x|g1)"), data, weights=weights, se="stata")
    slopes.summary()
    mix(formula.replace("(1|g1)", "(x||g1)"), data)
    mix_many(formula, [data, data.iloc[::-1]])
    data["f"] = [f"f{i % 30}" for i in range(len(data))]
    mix(formula.replace("y ~ x", "y ~ x + f"), data).summary()
more = signatures() - before
print(*sorted({name for home, name, _ in more if not home.endswith("kernels_rows")}))
"""


@pytest.mark.skipif(not HAVE_NUMBA(), reason="numba is not installed")
def test_fits_of_other_kinds_compile_nothing_more() -> None:
    told = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert told.stdout.split() == []


@pytest.mark.skipif(not HAVE_NUMBA(), reason="numba is not installed")
def test_the_command_tells_what_it_does_and_where_the_code_is(capsys) -> None:
    assert main(["compile"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[1] for line in lines[:4]] == [
        f" models with {levels} group level{'s' * (levels > 1)}" for levels in range(1, 5)
    ]
    assert lines[4].startswith("wemix-ref: the code is kept in ")


def test_without_compiled_loops_that_is_said(monkeypatch) -> None:
    monkeypatch.setenv("WEMIX_REF_NUMBA", "0")
    told: list[str] = []
    assert not precompile(1, told.append)
    assert told == ["nothing to compile: numba is not installed, or WEMIX_REF_NUMBA=0 is set"]
