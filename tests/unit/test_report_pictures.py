"""Pictures of matrices: every entry drawn once, in its shade, at its place."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from wemix_ref.cases import Picture
from wemix_ref.engines.record import matrices_table
from wemix_ref.report.data import Matrices
from wemix_ref.report.pictures import draw_pictures


def matrices(**dense):
    parts = {}
    for name, matrix in dense.items():
        rows, columns = np.nonzero(matrix)
        parts[name] = {"row": rows, "col": columns, "value": matrix[rows, columns]}
    shapes = {name: matrix.shape for name, matrix in dense.items()}
    return Matrices("lme4", matrices_table(parts), shapes)


def strokes(svg):
    """Horizontal strokes by colour: how many marks are drawn."""
    found = {}
    for path, style in re.findall(r'<path d="([^"]*)"[^>]*style="(fill: none;[^"]*)"', svg):
        colour = re.search(r"stroke: (var[^;]*)", style)
        if colour and "stroke-linejoin: miter" in style and "var(--ink)" not in style:
            found[colour[1]] = found.get(colour[1], 0) + path.count("M")
    return found


def test_every_entry_is_drawn_once():
    rng = np.random.default_rng(20)
    Z = np.where(rng.random((40, 15)) < 0.2, rng.normal(size=(40, 15)), 0.0)
    (drawn,) = draw_pictures("a", (Picture("Z", None),), matrices(Z=Z))
    found = strokes(str(drawn.svg))
    assert found["var(--accent)"] == (Z > 0).sum()
    assert found["var(--bad)"] == (Z < 0).sum()
    assert f"{(Z != 0).sum()} entries are not zero" in drawn.caption


def test_only_the_rows_asked_for_are_drawn():
    Z = np.eye(12)
    (drawn,) = draw_pictures("a", (Picture("Z", (1, 5)),), matrices(Z=Z))
    assert strokes(str(drawn.svg))["var(--accent)"] == 5
    assert drawn.title == "Z, rows 1 to 5"
    assert drawn.printed is not None
    assert drawn.printed.columns == (1, 2, 3, 4, 5)
    assert drawn.printed.rest == "The other 7 columns are zero in these rows."


def test_few_values_have_a_shade_each():
    G = np.diag([1.226473] * 3 + [0.4201496] * 2)
    G[0, 1] = 1.226473 * (1 + 1e-13)  # equal but for rounding
    (drawn,) = draw_pictures("a", (Picture("G", None),), matrices(G=G))
    assert [label for _, _, label in drawn.legend] == ["0.42015", "1.22647"]


def test_V_shows_the_first_rows_group_even_where_rows_are_not_sorted():
    group = np.array([0, 1, 0, 1, 1, 0])
    V = 2.0 * (group[:, None] == group) + np.eye(6)
    (drawn,) = draw_pictures("a", (), matrices(V=V))
    assert drawn.title == "V, the 3 rows of the first row's top group"
    assert drawn.printed is not None
    assert drawn.printed.rows == (1, 3, 6)
    assert [str(value.short) for value in drawn.printed.values[0]] == [
        "3.00000000",
        "2.00000000",
        "2.00000000",
    ]


def test_a_matrix_that_no_engine_gave_is_left_out():
    assert draw_pictures("a", (Picture("Z", None),), matrices(G=np.eye(2))) == []


@pytest.mark.parametrize("shape", [(2000, 3), (3, 400), (1, 1)])
def test_any_shape_is_drawn(shape):
    (drawn,) = draw_pictures("a", (Picture("Z", None),), matrices(Z=np.ones(shape)))
    assert strokes(str(drawn.svg))["var(--accent)"] == shape[0] * shape[1]


def test_entries_in_any_order_give_the_same_picture():
    Z = np.arange(12.0).reshape(4, 3)
    given = matrices(Z=Z)
    shuffled = pd.DataFrame(given.entries).sample(frac=1.0, random_state=3)
    first, second = (
        draw_pictures("a", (Picture("Z", None),), Matrices("lme4", entries, given.shapes))
        for entries in (given.entries, shuffled)
    )
    assert first[0].svg == second[0].svg
