import hashlib
import os
from importlib.metadata import PackageNotFoundError, version

from wemix_ref.bench.specs import load_bench

BENCH = load_bench(Path(config["bench"]["file"]), config["bench"]["mode"])
BENCH_RUN = Path("results/bench.json")


def every_core(wildcards):
    """Asked when a job is made: on a cluster there is no number of cores, nor such a job."""
    return workflow.cores


def compiler():
    """Version of what compiles our loops, if anything does."""
    if os.environ.get("WEMIX_REF_NUMBA") == "0":
        return None
    try:
        return version("numba")
    except PackageNotFoundError:
        return None


def bench_backend(name):
    """What a measurement runs on besides our code."""
    libraries = {**library_versions(), **optional_versions(), "numba": compiler()}
    return {**libraries, **(r_versions() if BENCH.measurements[name].in_r else {})}


def bench_run():
    """The last run of the benchmark, if any: the report shows it, and does not ask for one."""
    if not BENCH_RUN.is_file():
        return None
    return hashlib.sha256(BENCH_RUN.read_bytes()).hexdigest()[:16]
