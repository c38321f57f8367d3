# One measurement at a time: what runs beside would be timed too.
rule bench_measurement:
    output:
        "results/bench/{mode}/{measurement}.json",
    log:
        "results/logs/bench/{mode}/{measurement}.log",
    conda:
        "../../environment.yml"
    threads: every_core
    params:
        file=config["bench"]["file"],
        measured=lambda w: BENCH.measurements[w.measurement].fingerprint,
        code=code_of("bench.measure", "bench.worker"),
        backend=lambda w: bench_backend(w.measurement),
    message:
        "Measure {wildcards.measurement}"
    script:
        "../scripts/bench_measurement.py"


rule bench:
    input:
        expand(
            "results/bench/{mode}/{measurement}.json",
            mode=BENCH.mode,
            measurement=BENCH.measurements,
        ),
    output:
        table=report(
            "results/tables/bench.csv",
            caption="../report/bench.rst",
            category="Tables",
        ),
        stamp="results/tables/bench.csv.stamp.json",
        record="results/bench.json",
        page="results/report/speed.html",
    log:
        "results/logs/bench.log",
    conda:
        "../../environment.yml"
    params:
        file=config["bench"]["file"],
        mode=BENCH.mode,
        code=software_here("bench"),
    message:
        "Write the table of speed"
    script:
        "../scripts/bench.py"
