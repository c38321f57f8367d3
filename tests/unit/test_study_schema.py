"""What departs from the schema of studies: the place, what was found and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.study_files import TINY, written
from wemix_ref.errors import StudyError
from wemix_ref.simulate.study import load_study

END = "Correct the file; docs/studies.md describes the keys."
ENGINES = "python, lme4, lme4-weighted, wemix"
RECIPES = "wemix, stata, gllamm, sas, mplus, model"
SCALES = "none, size, effective, gk"
USES = "none, all, level-1, top, total, total-only, precision"


def refused(path: Path) -> str:
    with pytest.raises(StudyError) as caught:
        load_study(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("option", "found", "said"),
    [
        (
            "weights",
            "x",
            f"one of {USES}, or a list of names, or $NAME of a parameter; found 'x'",
        ),
        ("weights", 3, f"one of {USES}, or a list of names, or $NAME of a parameter; found 3"),
        (
            "se",
            "stat",
            (
                f"one of {RECIPES}, or a list of these, or $NAME of a parameter; found 'stat' "
                "(did you mean 'stata'?)"
            ),
        ),
        (
            "scale",
            "sizes",
            (
                f"one of {SCALES}, or a list of these, or $NAME of a parameter; found 'sizes' "
                "(did you mean 'size'?)"
            ),
        ),
        (
            "engine",
            "WeMix",
            f"one of {ENGINES}, or $NAME of a parameter; found 'WeMix' (did you mean 'wemix'?)",
        ),
        ("reml", "yes", "true or false, or $NAME of a parameter; found 'yes'"),
        ("residual_variance", "r", "one of model, ml; found 'r'"),
    ],
)
def test_a_wrong_word_of_an_analysis_is_told_with_those_allowed(
    tmp_path: Path, option: str, found: object, said: str
) -> None:
    path = written(tmp_path, analyses={"a": {"weights": "all", option: found}})
    assert refused(path) == f"{path}: key `analyses.a.{option}` must be {said}. {END}"


@pytest.mark.parametrize(
    ("option", "allowed"), [("se", RECIPES), ("scale", SCALES)], ids=["se", "scale"]
)
def test_in_a_list_the_wrong_word_is_told_by_its_place(
    tmp_path: Path, option: str, allowed: str
) -> None:
    good = allowed.split(", ")[1]
    path = written(tmp_path, analyses={"a": {"weights": "all", option: [good, "none of these"]}})
    expected = (
        f"key `analyses.a.{option}[1]` must be one of {allowed}; found 'none of these'. {END}"
    )
    assert refused(path) == f"{path}: {expected}"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"replicates": None, "replicate": 3},
            "`(top of the file)` has an unknown key, 'replicate' (did you mean 'replicates'?); ",
        ),
        (
            {"analyses": {"a": {"wights": "all"}}},
            (
                "key `analyses.a` has an unknown key, 'wights' (did you mean 'weights'?); its keys "
                "are engine, model, weights, scale, se, reml, residual_variance, label. "
            ),
        ),
        (
            {"noise": {"school": {"cv": 1, "cvs": 1, "qq": 2}}},
            (
                "key `noise.school` has 2 unknown keys, first 'cvs' (did you mean 'cv'?); its keys "
                "are cv. "
            ),
        ),
        ({"generator": {"r": 1}}, "key `generator` has an unknown key, 'r'; its keys are R. "),
        ({"generator": "R"}, "key `generator` must be numpy, or a mapping of keys; found 'R'. "),
        (
            {"analyses": None},
            "`(top of the file)` must have the key 'analyses', which is missing. ",
        ),
        ({"replicates": "all"}, "key `replicates` must be a whole number; found 'all'. "),
        ({"replicates": 0}, "key `replicates` must be 1 or more; found 0. "),
        ({"title": ""}, "key `title` must be of length 1 or more; found ''. "),
        (
            {"scenarios": {"a b": {}}, "factors": None},
            "key `scenarios` has 'a b' as a key, which must be a name of letters, digits, '.', ",
        ),
        (
            {"nonresponse": {"student": {"probability": 1, "adjust": "a b"}}},
            (
                "key `nonresponse.student.adjust` must be a name of letters, digits and _, with a "
                "letter first, or $NAME of a parameter; found 'a b'. "
            ),
        ),
        (
            {"interval": {"level": 95}},
            "key `interval.level` must be more than 0 and less than 1; found 95. ",
        ),
        (
            {"interval": {"level": 0}},
            "key `interval.level` must be more than 0 and less than 1; found 0. ",
        ),
        ({"seed": -1, "chunk": 0}, "(the first of 2 places). "),
    ],
)
def test_what_departs_from_the_schema_is_told_with_its_place(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    told = refused(written(tmp_path, **changes))
    assert said in told
    assert told.endswith(END)


def test_a_key_that_stands_twice_is_told_with_both_lines(tmp_path: Path) -> None:
    path = written(tmp_path)
    lines = path.read_text().splitlines()
    first = 1 + lines.index("seed: 11")
    path.write_text("\n".join([*lines, "# once more", "seed: 12"]))
    assert refused(path).startswith(
        f"{path}: the file must be YAML (line {len(lines) + 2}): the key 'seed' stands twice, on "
        f"line {first} too; keep one."
    )


def test_what_is_no_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text("title: a\naims: [b\nseed: 1\n")
    told = refused(path)
    assert told.startswith(f"{path}: the file must be YAML (line 3): ")
    assert "\n" not in told


def test_parameters_may_stand_for_words_and_truth_values(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        factors={"how": ["none", "exact", "x"], "cut": [True, False], "by": ["x"]},
        parameters={"who": "lme4", "reml": True},
        sampling={"student": {"method": "srs", "size": 1, "strata": "$by"}},
        nonresponse={"student": {"probability": 0.9, "adjust": "$how"}},
        trimming={"school": {"quantile": 0.9, "redistribute": "$cut"}},
        analyses={"a": {"engine": "$who", "reml": "$reml"}},
    )
    scenarios = load_study(path).scenarios
    answers = [scenario.sampling.nonresponse[2] for scenario in scenarios]
    assert [one.adjust for one in answers if one] == [
        *["none"] * 2,
        *["exact"] * 2,
        *["classes"] * 2,
    ]
    cuts = [scenario.sampling.trimming[0] for scenario in scenarios]
    assert [one.redistribute for one in cuts if one] == [True, False] * 3
    key = scenarios[0].analyses[0].fit
    assert (key.engine, key.reml) == ("lme4", True)
    strata = scenarios[0].sampling.stages[2].strata
    assert strata is not None
    assert strata.text == "x"


def test_the_tiny_study_itself_follows_the_schema(tmp_path: Path) -> None:
    assert load_study(written(tmp_path)).content == yaml.safe_load(yaml.safe_dump(TINY))
