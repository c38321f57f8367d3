rule prepare:
    input:
        data=lambda w: RESOURCES / "data" / ALL_CASES[w.case].dataset.path.name,
    output:
        data="results/prepared/{case}/data.csv",
        problem="results/prepared/{case}/problem.json",
    log:
        "results/logs/prepare/{case}.log",
    conda:
        "../../environment.yml"
    params:
        problem=lambda w: problem_of(ALL_CASES[w.case]),
        code=code_of("prepare"),
    message:
        "Prepare {wildcards.case}"
    script:
        "../scripts/prepare.py"


rule fit:
    input:
        data="results/prepared/{case}/data.csv",
        problem="results/prepared/{case}/problem.json",
        # the others are evaluated at our optimum too
        python=lambda w: (
            f"results/fits/{w.case}/python.json" if w.engine in LIVE_ENGINES else []
        ),
        recorded=lambda w: (
            RESOURCES / "recorded" / f"{ALL_CASES[w.case].recorded}.json"
            if w.engine == "recorded" and ALL_CASES[w.case].recorded
            else []
        ),
    output:
        record="results/fits/{case}/{engine}.json",
        timing="results/fits/{case}/{engine}.timing.json",
        matrices="results/fits/{case}/{engine}.matrices.parquet",
    log:
        "results/logs/fit/{case}/{engine}.log",
    conda:
        "../../environment.yml"
    params:
        code=lambda w: code_of(ENGINE_MODULES[w.engine], "engines.record"),
        backend=lambda w: backend_of(w.engine),
        time_limit=config["time_limit"],
        resources=str(RESOURCES),
    message:
        "Fit {wildcards.case} by {wildcards.engine}"
    script:
        "../scripts/fit.py"


rule compare:
    input:
        case=Path(config["cases"]["directory"]) / "{case}.yaml",
        tolerances=config["tolerances"],
        data="results/prepared/{case}/data.csv",
        problem="results/prepared/{case}/problem.json",
        records=lambda w: [
            f"results/fits/{w.case}/{engine}.json"
            for engine in ALL_CASES[w.case].engines
        ],
        matrices=lambda w: [
            f"results/fits/{w.case}/{engine}.matrices.parquet"
            for engine in ALL_CASES[w.case].engines
        ],
        twin=lambda w: [
            f"results/fits/{name}/python.json" for name in answers_of(w.case)[1:]
        ],
        printed_rows=lambda w: ALL_CASES[w.case].dataset.printed_rows_path or [],
    output:
        "results/comparisons/{case}.json",
    log:
        "results/logs/compare/{case}.log",
    conda:
        "../../environment.yml"
    params:
        code=software_here("compare"),
        resources=str(RESOURCES),
    message:
        "Compare {wildcards.case}"
    script:
        "../scripts/compare.py"
