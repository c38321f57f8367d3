"""A population of eight schools, designs for it and draws from it, for the tests of sampling."""

from __future__ import annotations

import numpy as np

from wemix_ref.simulate.hierarchy import Hierarchy, Population, Variable
from wemix_ref.simulate.sampling import draw_sample, sampling_spec
from wemix_ref.simulate.streams import stream_of

LEVELS = ("school", "teacher", "student")
SCHOOLS, DRAWS = 8, 2000


def nested(*counts):
    """Give a hierarchy from the number of units in each unit above."""
    parents = [np.zeros(counts[0], dtype=np.int64)]
    parents += [np.repeat(np.arange(len(inside)), inside) for inside in counts[1:]]
    return Hierarchy(LEVELS[-len(counts) :], tuple(parents))


def eight_schools():
    """8 schools of 2 to 4 teachers of 4 to 9 students."""
    rng = np.random.default_rng(11)
    teachers = rng.integers(2, 5, SCHOOLS)
    students = rng.integers(4, 10, teachers.sum())
    total = int(students.sum())
    u, e = rng.standard_normal(SCHOOLS), rng.standard_normal(total)
    hierarchy = nested(SCHOOLS, teachers, students)
    variables = {
        "u": Variable(0, u),
        "region": Variable(0, np.array([0.0, 1, 0, 1, 0, 1, 1, 1])),
        "low": Variable(1, np.arange(teachers.sum()) % 2 == 0),
        "girl": Variable(2, rng.random(total) < 0.5),
        "e": Variable(2, e),
        "y": Variable(2, 3.0 + hierarchy.expand(u, 0, 2) + e),
    }
    return Population(hierarchy, variables, {})


def spec_of(sampling=None, **others):
    return sampling_spec({"sampling": sampling or {}, **others}, LEVELS)


def draw(spec, population, replicate=0, **parameters):
    return draw_sample(spec, population, parameters, stream_of(5, replicate))


def assert_means(draws, expected):
    """Means over replicates (rows), all columns at once, within 5 Monte Carlo SEs."""
    draws = np.asarray(draws)
    error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    assert np.all(np.abs(draws.mean(axis=0) - expected) <= 5.0 * error + 1e-12)


DESIGNS = {
    "srs": {
        "school": {"method": "srs", "size": 3},
        "student": {"method": "srs", "size": "where(low, 2, 4)"},
    },
    "sampford": {
        "school": {"method": "sampford", "size": 4, "measure": "exp(strength * u)"},
        "teacher": {"method": "srs", "rate": 0.5},
        "student": {"method": "sampford", "size": 3, "measure": "exp(strength * e)"},
    },
    "pivotal": {
        "school": {"method": "pivotal", "rate": 0.5, "measure": "expit(u)"},
        "teacher": {"method": "pivotal", "size": 1, "measure": "where(low, 1, 2)"},
        "student": {"method": "pivotal", "rate": 0.4, "measure": "exp(e / 2)"},
    },
    "systematic": {
        "school": {"method": "systematic", "size": 3},
        "student": {"method": "systematic", "size": 2, "measure": "exp(e / 2)"},
    },
    "poisson": {
        "school": {"method": "poisson", "probability": "expit(1 + u)"},
        "teacher": {"method": "poisson", "rate": 0.6},
        "student": {"method": "poisson", "size": 2.5, "measure": "exp(strength * e)"},
    },
    "strata": {
        "school": {"method": "srs", "rate": "where(region == 1, 0.6, 0.34)", "strata": "region"},
        "student": {"method": "sampford", "size": 1, "measure": "exp(e)", "strata": "girl"},
    },
}
