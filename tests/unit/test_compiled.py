"""The switch for compiled loops: same results with and without, cache or no cache, lazy import."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from wemix_ref import compiled as module
from wemix_ref.compiled import HAVE_NUMBA, compiled


@compiled
def _double(x):
    return 2.0 * x


@compiled
def _sum_doubled(values):
    out = 0.0
    for i in range(values.size):
        out += _double(values[i])
    return out


def run(code, **environment):
    out = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return out.stdout.strip()


@pytest.mark.parametrize("switch", ["0", "1"])
def test_one_compiled_function_calls_another(monkeypatch, switch):
    monkeypatch.setenv("WEMIX_REF_NUMBA", switch)
    assert _sum_doubled(np.arange(4.0)) == 12.0


def test_environment_switches_compilation_off(monkeypatch):
    monkeypatch.setenv("WEMIX_REF_NUMBA", "0")
    assert not HAVE_NUMBA()
    kinds = []

    @compiled
    def kind():
        kinds.append("plain")
        return 1

    assert kind() == 1
    assert kinds == ["plain"]


def test_works_where_numba_cannot_be_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    module._numba.cache_clear()
    try:
        assert not HAVE_NUMBA()
        assert _sum_doubled(np.arange(4.0)) == 12.0
    finally:
        monkeypatch.undo()
        module._numba.cache_clear()


def test_importing_the_package_does_not_import_numba():
    assert run("import sys, wemix_ref; print('numba' in sys.modules)") == "False"


SOURCE = """
import numpy as np
from wemix_ref.compiled import HAVE_NUMBA, compiled

@compiled
def triple(x):
    return 3.0 * x
"""


@pytest.mark.skipif(not HAVE_NUMBA(), reason="numba is not installed")
def test_works_without_a_directory_for_the_cache(tmp_path):
    # a module under a file's name has no directory beside it, and a home that is a file has none
    block = tmp_path / "file"
    block.write_text("")
    code = f"""
import types, numba.core.caching as caching
caching.CacheImpl._locator_classes = []
module = types.ModuleType("loops")
exec(compile({SOURCE!r}, {str(block / "loops.py")!r}, "exec"), module.__dict__)
print(module.HAVE_NUMBA(), module.triple(2.0), type(module.triple.dispatcher()._cache).__name__)
"""
    assert run(code, NUMBA_CACHE_DIR="") == "True 6.0 NullCache"


@pytest.mark.skipif(not HAVE_NUMBA(), reason="numba is not installed")
def test_cache_is_written_and_read_again(tmp_path):
    (tmp_path / "loops.py").write_text(SOURCE)
    code = """
import loops
loops.triple(2.0)
stats = loops.triple.dispatcher().stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""
    paths = os.pathsep.join([str(tmp_path), str(Path(module.__file__).parents[1])])
    cache = str(tmp_path / "cache")
    assert run(code, PYTHONPATH=paths, NUMBA_CACHE_DIR=cache) == "0 1"
    assert run(code, PYTHONPATH=paths, NUMBA_CACHE_DIR=cache) == "1 0"


@pytest.mark.skipif(not HAVE_NUMBA(), reason="numba is not installed")
def test_goes_on_where_the_cache_breaks(monkeypatch):
    @compiled
    def fourfold(x):
        return 4.0 * x

    monkeypatch.setenv("WEMIX_REF_NUMBA", "1")

    class Broken:
        def __call__(self, *_args):
            raise OSError("no space left on device")

    fourfold._dispatcher = Broken()
    assert fourfold(2.0) == 8.0


@pytest.mark.skipif(not HAVE_NUMBA(), reason="numba is not installed")
def test_what_is_on_disk_is_not_used_when_a_function_of_another_module_has_changed(tmp_path):
    # numba itself looks at the file of the function that is called, and no further
    calls = "from wemix_ref.compiled import compiled\nfrom {} import {}\n\n"
    calls += "@compiled\ndef {}(x):\n    return {}(x)\n"
    (tmp_path / "upper.py").write_text(calls.format("middle", "middle", "upper", "middle"))
    (tmp_path / "middle.py").write_text(calls.format("lower", "lower", "middle", "lower"))
    seen = []
    for factor in ("2.0", "3.0", "2.0"):
        (tmp_path / "lower.py").write_text(
            "from wemix_ref.compiled import compiled\n\n"
            f"@compiled\ndef lower(x):\n    return {factor} * x\n"
        )
        code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import upper; "
        # files that are written within one second, of one size, look the same to Python itself
        switches = {"WEMIX_REF_NUMBA": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        seen.append(run(code + "print(upper.upper(1.0))", **switches))
    assert seen == ["2.0", "3.0", "2.0"]
