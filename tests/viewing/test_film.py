"""Films: names, clock and outcome on every frame, whole or not at all."""

import imageio_ffmpeg
import numpy as np
import pytest
from flail import GAME, short_match

from common.command_line import InputError
from gym_compete import CAMERAS, RenderingError
from viewing import film


def read_film(path):
    """(metadata, frames [T, height, width, 3]) of a film."""
    reader = imageio_ffmpeg.read_frames(str(path))
    meta = next(reader)
    width, height = meta["size"]
    return meta, np.array([np.frombuffer(f, np.uint8).reshape(height, width, 3) for f in reader])


@pytest.mark.parametrize("ending", [".mp4", ".gif"])
def test_a_film_shows_names_clock_and_outcome(opengl, ending, tmp_path, monkeypatch):
    """As long as the matches and their freezes; the last second stands still."""
    fps, size = film.FORMATS[ending][0], (320, 176)
    monkeypatch.setitem(film.FORMATS, ending, (fps, size))
    recordings = [short_match(GAME, 10, seed) for seed in (1, 2)]
    path = tmp_path / f"film{ending}"
    film.film(str(path), recordings, CAMERAS["side"])
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    meta, shown = read_film(path)
    assert tuple(meta["size"]) == size
    assert meta["fps"] == pytest.approx(fps, rel=0.01)
    wanted = 2 * film.count_frames(10 * 0.05, fps)
    assert abs(len(shown) - wanted) <= 1
    tail = shown[-round(fps):].astype(float)
    assert np.abs(tail[-1] - tail[2]).mean() < 3
    assert np.abs(tail[-1] - shown[0]).mean() > 1
    bar = shown[0][3:10].astype(float)
    assert bar[:, :100, 0].mean() > 2 * bar[:, :100, 2].mean()  # agent0's name is on red
    assert bar[:, -100:, 2].mean() > 2 * bar[:, -100:, 0].mean()  # agent1's on blue


def test_the_caption_is_text(monkeypatch):
    """Names, score, match, clock and outcome are written, all of them inside the picture."""
    written = []
    draw_text = film.ImageDraw.ImageDraw.text

    def text(self, place, words, *rest, **options):
        written.append((words, self.textbbox(place, words, rest[1], options.get("anchor")
                                             or rest[2])))
        return draw_text(self, place, words, *rest, **options)

    monkeypatch.setattr(film.ImageDraw.ImageDraw, "text", text)
    recording = short_match(GAME, 2)
    recording.header["names"][1] = "a name that is longer than any film is wide " * 3
    frame = film.caption(np.zeros((272, 480, 3), np.uint8), recording, [2, 1], 3.456,
                         recording.outcome)
    words = [words for words, _ in written]
    assert words[0] == "one" and words[1].startswith("a name")
    assert words[1].endswith("...")
    assert {"2 : 1", "match 7    3.46 s", "tie: time-out"} <= set(words)
    boxes = [box for _, box in written]
    assert all(0 <= left < right <= 480 and 0 <= top < bottom <= 272
               for left, top, right, bottom in boxes)
    assert boxes[0][2] < boxes[2][0] < boxes[2][2] < boxes[1][0]  # name, score, name: apart
    assert (frame > 250).sum() > 500


def test_a_link_stays(opengl, tmp_path, monkeypatch):
    """The film is written to where it points."""
    monkeypatch.setitem(film.FORMATS, ".gif", (12.5, (320, 176)))
    there, link = tmp_path / "there.gif", tmp_path / "film.gif"
    link.symlink_to(there)
    film.film(str(link), [short_match(GAME, 2)], CAMERAS["side"])
    assert link.is_symlink() and there.read_bytes().startswith(b"GIF")


def test_a_film_that_fails_leaves_nothing(opengl, tmp_path, monkeypatch):
    """The old file stays as it was, and no half of a new one lies beside it."""
    path = tmp_path / "film.mp4"
    path.write_text("old")
    monkeypatch.setattr(film, "caption", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        film.film(str(path), [short_match(GAME, 2)], CAMERAS["side"])
    assert [entry.name for entry in tmp_path.iterdir()] == ["film.mp4"]
    assert path.read_text() == "old"


def test_a_renderer_that_breaks(tmp_path, monkeypatch):
    """One line, and no film."""
    class Broken:
        def __init__(self, *_):
            pass

        def render(self):
            raise RenderingError("the process that draws has ended unexpectedly")

        def close(self):
            pass

    monkeypatch.setattr(film, "Renderer", Broken)
    with pytest.raises(InputError, match="^--video: the process that draws has ended"):
        film.film(str(tmp_path / "film.gif"), [short_match(GAME, 2)], CAMERAS["side"])
    assert not list(tmp_path.iterdir())
