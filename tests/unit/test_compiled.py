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


@compiled(types="UniTuple(f8[::1], 2)(f8[::1], i8)")
def _largest_first(values, n):
    if n < 0:
        raise ValueError("n must not be negative")
    copy = np.sort(values)[::-1].copy()
    return copy[:n], copy[n:]


@compiled
def _of_largest(values, n):
    first, others = _largest_first(values, n)
    return first.sum() - others.sum()


@pytest.mark.parametrize("switch", ["0", "1"])
def test_one_compiled_function_calls_another_where_it_stands(monkeypatch, switch):
    monkeypatch.setenv("WEMIX_REF_NUMBA", switch)
    values = np.array([3.0, 1.0, 4.0, 1.0, 5.0])
    for _ in range(1000):  # what comes back is owned, and freed once
        assert _of_largest(values, 2) == 4.0
    with pytest.raises(ValueError, match="must not be negative"):
        _of_largest(values, -1)


@pytest.mark.skipif(not HAVE_NUMBA(), reason="numba is not installed")
def test_a_function_that_is_called_where_it_stands_is_given_its_types_alone():
    @compiled
    def of_whole_numbers(values):
        return _largest_first(values, 1)

    with pytest.raises(Exception, match=r"_largest_first|argument"):
        of_whole_numbers(np.arange(3))


@pytest.mark.skipif(not HAVE_NUMBA(), reason="numba is not installed")
def test_code_on_disk_calls_what_this_process_has(tmp_path):
    (tmp_path / "loops.py").write_text(
        "from wemix_ref.compiled import compiled\n\n"
        '@compiled(types="f8(f8)")\ndef triple(x):\n    return 3.0 * x\n\n'
        "@compiled\ndef more(x):\n    return triple(x) + 1.0\n"
    )
    code = """
import loops
print(loops.more(2.0))
for one in (loops.more, loops.triple):
    print(sum(one.dispatcher().stats.cache_hits.values()))
"""
    paths = os.pathsep.join([str(tmp_path), str(Path(module.__file__).parents[1])])
    switches = {"PYTHONPATH": paths, "NUMBA_CACHE_DIR": str(tmp_path), "WEMIX_REF_NUMBA": "1"}
    assert run(code, **switches).split() == ["7.0", "0", "0"]
    assert run(code, **switches).split() == ["7.0", "1", "1"]


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
@pytest.mark.parametrize("how", ["compiled", 'compiled(types="f8(f8)")'])
def test_what_is_on_disk_is_not_used_when_a_function_of_another_module_has_changed(tmp_path, how):
    # numba itself looks at the file of the function that is called, and no further
    calls = "from wemix_ref.compiled import compiled\nfrom {} import {}\n\n"
    calls += f"@{how}\n" + "def {}(x):\n    return {}(x)\n"
    (tmp_path / "upper.py").write_text(calls.format("middle", "middle", "upper", "middle"))
    (tmp_path / "middle.py").write_text(calls.format("lower", "lower", "middle", "lower"))
    seen = []
    for factor in ("2.0", "3.0", "2.0"):
        (tmp_path / "lower.py").write_text(
            "from wemix_ref.compiled import compiled\n\n"
            f"@{how}\ndef lower(x):\n    return {factor} * x\n"
        )
        code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import upper; "
        # files that are written within one second, of one size, look the same to Python itself
        switches = {"WEMIX_REF_NUMBA": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        seen.append(run(code + "print(upper.upper(1.0))", **switches))
    assert seen == ["2.0", "3.0", "2.0"]
