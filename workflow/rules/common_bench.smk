import hashlib

from wemix_ref.bench.specs import load_bench

BENCH = load_bench(Path(config["bench"]["file"]), config["bench"]["mode"])
BENCH_RUN = Path("results/bench.json")


def bench_backend(name):
    """What a measurement runs on besides our code."""
    libraries = {**library_versions(), **optional_versions()}
    return {**libraries, **(r_versions() if BENCH.measurements[name].in_r else {})}


def bench_run():
    """The last run of the benchmark, if any: the report shows it, and does not ask for one."""
    if not BENCH_RUN.is_file():
        return None
    return hashlib.sha256(BENCH_RUN.read_bytes()).hexdigest()[:16]
