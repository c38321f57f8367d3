"""Printed labels become R's names."""

from __future__ import annotations

import pytest

from wemix_ref.labels import coefficient_name


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("(Intercept)", "(Intercept)"),
        ("sx[F]", "sxF"),
        ("cltype[reg+A]", "cltypereg+A"),
        ("x:sx[F]", "x:sxF"),
        ("a[1:2]:b[u]", "a1:2:bu"),
        ("st29q03[Agree]", "st29q03Agree"),
        ("I(x^2)", "I(x^2)"),
    ],
)
def test_labels_map_to_names(label, name):
    assert coefficient_name(label) == name


@pytest.mark.parametrize("label", ["sx[F", "sx]F[", "sx[F]x", "[F]"])
def test_brackets_elsewhere_are_refused(label):
    with pytest.raises(ValueError, match="one pair of brackets"):
        coefficient_name(label)
