"""Films of recorded matches, drawn without a display, with names, score, clock and outcome."""

import contextlib
import os
import subprocess

import imageio_ffmpeg
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from common.command_line import InputError
from common.files import beside, first_line
from gym_compete import Renderer, RenderingError
from viewing.recording import RecordedMatch

# Frames per second and pixels. A GIF's frames last whole hundredths of a second: 8 at 12.5.
FORMATS = {".mp4": (30, (848, 480)), ".gif": (12.5, (480, 272))}
CODECS = {
    ".mp4": {"codec": "libx264", "pix_fmt_out": "yuv420p", "quality": None,
             "output_params": ["-crf", "22", "-movflags", "+faststart", "-f", "mp4"]},
    # One palette for the whole film, and only the changed part of each frame.
    ".gif": {"codec": "gif", "pix_fmt_out": "pal8", "quality": None, "output_params": [
        "-filter_complex", "split[a][b];[a]palettegen=max_colors=96[p];"
        "[b][p]paletteuse=dither=none:diff_mode=rectangle", "-f", "gif"]},
}
FREEZE = 1.0  # how long a match's end is shown [s]
RED, BLUE, INK, PAPER = (200, 50, 45), (40, 90, 200), (255, 255, 255), (25, 25, 30)


def film(path, recordings, camera):
    """Writes the matches one after another into an .mp4 or .gif, whole or not at all.

    recordings: of one game with the same options; camera: a `Camera`.
    Raises InputError if the machine cannot draw or the film cannot be written.
    """
    fps, size = FORMATS[extension(path)]
    match = RecordedMatch(recordings[0])
    total = sum(count_frames(len(r) * match.game.dt, fps) for r in recordings)
    target = os.path.realpath(path)  # a link stays
    temporary = beside(target)
    try:
        with contextlib.closing(Renderer(match.game, *size, camera)) as renderer:
            shots = tqdm(frames(match, renderer, recordings, fps), total=total, desc="filming",
                         unit="frame", disable=None)
            encode(temporary, shots, size, fps, CODECS[extension(path)])
        # ffmpeg reports no error when the disk is full.
        if abs(imageio_ffmpeg.count_frames_and_secs(named(temporary))[0] - total) > 1:
            raise OSError("the film is cut short")
        os.replace(temporary, target)
    except RenderingError as error:
        raise InputError(f"--video: {error}") from None
    except (OSError, RuntimeError) as error:
        raise InputError(f"--video {path}: cannot be written ({first_line(error)})") from None
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def check_encoder(path):
    """Raises InputError if ffmpeg does not run, before any match is played for the film."""
    try:
        subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-version"], capture_output=True,
                       check=True)
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        raise InputError(f"--video {path}: needs ffmpeg, which does not run "
                         f"({first_line(error)})") from None


def encode(path, shots, size, fps, codec):
    """Writes these frames with ffmpeg."""
    writer = imageio_ffmpeg.write_frames(named(path), size, fps=fps, macro_block_size=1,
                                         ffmpeg_log_level="quiet", **codec)
    with contextlib.closing(writer):
        writer.send(None)
        for frame in shots:
            writer.send(frame)


def named(path):
    """The path in a form that ffmpeg never takes for an option or a protocol."""
    return f"file:{path}"


def extension(path):
    """The extension, in lower case."""
    return os.path.splitext(path)[1].lower()


def count_frames(seconds, fps):
    """Frames of a match of that length, freeze included."""
    return int(seconds * fps) + 1 + round(FREEZE * fps)


def frames(match, renderer, recordings, fps):
    """Yields the film's frames, [height, width, 3] uint8 each, in real time at `fps`."""
    wins = [0, 0]
    for recording in recordings:
        match.load(recording)
        dt, steps = match.game.dt, len(recording)
        shown = picture = None
        for k in range(int(steps * dt * fps) + 1):
            step = min(round(k / fps / dt), steps)
            if step != shown:  # ants have 20 states per second
                match.seek(step)
                shown, picture = step, renderer.render()
            yield caption(picture, recording, wins, k / fps)
        winner = recording.header["result"]["winner"]
        if winner is not None:
            wins[winner] += 1
        match.seek(steps)
        last = caption(renderer.render(), recording, wins, steps * dt, recording.outcome)
        for _ in range(round(FREEZE * fps)):
            yield last


def caption(frame, recording, wins, seconds, ending=""):
    """The frame with names, score and clock drawn on it and, at the end, the outcome."""
    image = Image.fromarray(frame)
    draw = ImageDraw.Draw(image)
    width, height = image.size
    bar = height // 13
    font = ImageFont.load_default(bar * 0.62)
    draw.rectangle((0, 0, width, bar), fill=PAPER)
    middle = bar / 2
    score = f"{wins[0]} : {wins[1]}"
    side = (width - draw.textlength(score, font)) / 2 - bar
    names = [fitted(draw, name, font, side) for name in recording.players]
    draw.rectangle((0, 0, side, bar), fill=RED)
    draw.rectangle((width - side, 0, width, bar), fill=BLUE)
    draw.text((bar / 2, middle), names[0], INK, font, anchor="lm")
    draw.text((width - bar / 2, middle), names[1], INK, font, anchor="rm")
    draw.text((width / 2, middle), score, INK, font, anchor="mm")
    label(draw, (bar / 2, height - bar), "lm",
          f"match {recording.header['number']}   {seconds:5.2f} s", font)
    if ending:
        font = ImageFont.load_default(bar * 0.9)
        label(draw, (width / 2, height * 0.22), "mm", fitted(draw, ending, font, width), font)
    return np.asarray(image)


def fitted(draw, text, font, width):
    """The text, cut at the end if it would be wider than `width` pixels."""
    if draw.textlength(text, font) <= width - font.size:
        return text
    while text and draw.textlength(text + "...", font) > width - font.size:
        text = text[:-1]
    return text + "..."


def label(draw, place, anchor, text, font):
    """Draws a text on a dark box."""
    left, top, right, bottom = draw.textbbox(place, text, font, anchor)
    room = font.size / 3
    draw.rectangle((left - room, top - room, right + room, bottom + room), fill=PAPER)
    draw.text(place, text, INK, font, anchor)
