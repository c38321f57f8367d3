from wemix_ref.installed import library_versions, loops_version
from wemix_ref.simulate.storage import chunk_name
from wemix_ref.simulate.study import load_studies

STUDIES = load_studies(
    Path(config["studies"]["directory"]), chunk=config["studies"]["chunk"]
)

if unknown := sorted(set(config["studies"]["only"]) - set(STUDIES)):
    raise WorkflowError(
        f"config: studies.only must name studies of {config['studies']['directory']}, or their "
        f"small versions ({', '.join(STUDIES)}); {unknown[0]!r} is none."
    )
CHOSEN = config["studies"]["only"] or list(STUDIES)
WHOLE_STUDIES = [name for name in CHOSEN if not STUDIES[name].small]
SMALL_STUDIES = [name for name in CHOSEN if STUDIES[name].small]


def chunks_of(study, kind):
    """The files of a study's jobs."""
    return [
        f"results/studies/{study}/{kind}/{scenario}/{chunk_name(first, stop)}"
        + (".parquet" if kind == "chunks" else ".json")
        for scenario in STUDIES[study].settings
        for first, stop in STUDIES[study].chunks()
    ]


def made_with(study, scenario):
    """What replicates depend on besides their scenario: code, libraries, loops, R where it fits."""
    needs_r = STUDIES[study].scenario(scenario).needs_r
    modules = ["simulate.chunks", *(["simulate.elsewhere"] if needs_r else [])]
    return {
        "code": code_of(*modules),
        **library_versions(),
        "numba": loops_version(),
        **(backend_of("wemix") if needs_r else {}),
    }


def study_files(names):
    """What is made of each study."""
    return [
        f"results/studies/{name}/{file}"
        for name in names
        for file in ("verdict.txt", "report.html", "performance.csv")
    ]


def results_of(names):
    """What stands when studies have ended, whatever their verdicts."""
    return [
        f"results/studies/{name}/{file}"
        for name in names
        for file in ("report.html", "performance.csv")
    ]
