"""Pictures that hold their numbers as text."""

import numpy as np
from matplotlib.colors import to_rgba

from evaluation.charts import COLORS, curves, heat_map, svg


def test_matrix_picture_shows_its_numbers():
    """As text: shares of wins and ties, and both names; blanks stay blank."""
    wins, ties = np.array([[[np.nan, 0.25], [0.5, np.nan]], [[np.nan, 0.25], [0.25, np.nan]]])
    text = svg(heat_map(["ann", "bob"], wins, ties))
    for shown in ("ann", "bob", "25 %", "50 %", "25 % ties"):
        assert f">{shown}</text>" in text
    assert "nan" not in text


def test_a_curve_is_drawn_in_its_style():
    """Color and dashes; without a style the next color."""
    figure = curves("Ends", "share", "x", {"a": ([0, 1], [0, 1], "C0--"), "b": (
        [0, 1], [1, 0], "")})
    dashed, plain = figure.axes[0].lines
    assert (dashed.get_linestyle(), plain.get_linestyle()) == ("--", "-")
    assert dashed.get_color() == to_rgba(COLORS[0]) and dashed.get_label() == "a"
