"""Pictures that hold their numbers as text."""

import numpy as np

from evaluation.charts import heat_map, svg


def test_matrix_picture_shows_its_numbers():
    """As text: shares of wins and ties, and both names; blanks stay blank."""
    wins, ties = np.array([[[np.nan, 0.25], [0.5, np.nan]], [[np.nan, 0.25], [0.25, np.nan]]])
    text = svg(heat_map(["ann", "bob"], wins, ties))
    for shown in ("ann", "bob", "25 %", "50 %", "25 % ties"):
        assert f">{shown}</text>" in text
    assert "nan" not in text
