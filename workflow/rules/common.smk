from pathlib import Path

from wemix_ref.cases import load_cases
from wemix_ref.datasets import load_datasets
from wemix_ref.fingerprint import fingerprint
from wemix_ref.installed import optional_versions, r_versions
from wemix_ref.prepare import problem_of
from wemix_ref.provenance import made_with as made_with_here
from wemix_ref.stamps import software_here
from wemix_ref.times import set_to_now

RESOURCES = Path(config["resources"])

if workflow.is_main_process and (said := set_to_now(["results", "config", RESOURCES])):
    print(said, file=sys.stderr)

ALL_CASES = load_cases(Path(config["cases"]["directory"]), resources=RESOURCES)

if unknown := sorted(set(config["cases"]["only"]) - set(ALL_CASES)):
    raise WorkflowError(
        f"config: cases.only must name cases of {config['cases']['directory']}; "
        f"{unknown[0]!r} is none."
    )
CASES = {
    name: case
    for name, case in ALL_CASES.items()
    if not config["cases"]["only"] or name in config["cases"]["only"]
}
DATASETS = load_datasets(RESOURCES)
REBUILT = [
    name
    for name in DATASETS
    if any(case.dataset.name == name for case in CASES.values())
]

# Modules whose sources an engine's record depends on.
ENGINE_MODULES = {
    "python": "engines.python",
    "lme4": "engines.lme4",
    "lme4-weighted": "engines.lme4_weighted",
    "wemix": "engines.wemix",
    "statsmodels": "engines.statsmodels",
    "recorded": "engines.recorded",
}
R_ENGINES = ("lme4", "lme4-weighted", "wemix")
# Engines that are evaluated at our optimum too.
LIVE_ENGINES = (*R_ENGINES, "statsmodels")


def code_of(*modules):
    """Hash of sources of the package: Snakemake sees changes of scripts alone."""
    return fingerprint(*modules)


def backend_of(engine):
    """What a live engine runs on, so that another R or package, or none, redoes its fits."""
    if engine == "statsmodels":
        return optional_versions()
    if engine not in R_ENGINES:
        return {}
    wanted = ("R", "lme4", "Matrix") + (("WeMix",) if engine == "wemix" else ())
    return {name: v for name, v in r_versions().items() if name in wanted}


def answers_of(case):
    """The cases whose answers a case is compared with: itself, and its twin."""
    twin = ALL_CASES[case].same_answer_as
    return [case] + ([twin] if twin else [])
