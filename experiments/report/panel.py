"""What stands beside a video's scene: goal, cameras, curves, what is imagined, and the caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Image8 = NDArray[np.uint8]
Colour = tuple[int, int, int]

GROUND, RAISED, TEXT, DIM = (17, 21, 27), (30, 37, 47), (236, 240, 245), (160, 170, 184)
BLUE, AMBER = (88, 166, 255), (240, 180, 60)


@dataclass(frozen=True)
class Pictures:
    """A row of pictures under a heading.

    Attributes:
        heading: above them.
        images: (S, S, 3) each.
        names: written into each, or "".
        columns: beside each other.
    """

    heading: str
    images: Sequence[Image8]
    names: Sequence[str]
    columns: int = 2


@dataclass(frozen=True)
class Curve:
    """A number over the steps of an episode, up to now, on a scale from zero to its largest.

    Attributes:
        heading: above it, with its present value.
        values: of all steps.
        step: now.
        colour: of the line.
    """

    heading: str
    values: NDArray[np.float64]
    step: int
    colour: Colour = BLUE


def panel(sections: Sequence[Pictures | Curve], width: int, height: int) -> Image.Image:
    """Sections below each other, in as many columns (height, width) as they need."""
    unit = width / 256  # sizes below are pixels of a column 256 wide
    places, left, top = [], 0, 0
    for section in sections:
        if top + _height(section, unit) > height:
            left, top = left + width, 0
        places.append((left, top))
        top += _height(section, unit)
    picture = Image.new("RGB", (left + width, height), GROUND)
    for section, place in zip(sections, places, strict=True):
        _draw(picture, section, place, width, unit)
    return picture


def _draw(
    picture: Image.Image,
    section: Pictures | Curve,
    place: tuple[int, int],
    width: int,
    unit: float,
) -> None:
    """A section with its heading in a column that begins at a place."""
    pen, left, top = ImageDraw.Draw(picture), place[0] + round(8 * unit), place[1]
    pen.text((left, top + 3 * unit), section.heading, fill=DIM, font=font(round(13 * unit)))
    below = top + round(20 * unit)
    if isinstance(section, Pictures):
        _draw_pictures(picture, section, left, below, unit)
    else:
        bottom = top + _height(section, unit) - 8 * unit
        _draw_curve(pen, section, (left, below, left + width - 16 * unit, bottom), unit)


def caption(width: int, height: int, who: str, what: str, colour: Colour) -> Image.Image:
    """A bar (height, width) with two lines, the second coloured, in type that fits."""
    bar = Image.new("RGB", (width, height), GROUND)
    pen, margin = ImageDraw.Draw(bar), height * 0.2
    for row, (text, fill) in enumerate(((who, TEXT), (what, colour))):
        size = round(height * 0.36)
        while size > 7 and font(size).getlength(text) > width - 2 * margin:
            size -= 1
        pen.text((margin, height * (0.06 + 0.46 * row)), text, fill=fill, font=font(size))
    return bar


@lru_cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own typeface: the same everywhere."""
    return ImageFont.load_default(max(7, size))


def _height(section: Pictures | Curve, unit: float) -> int:
    if isinstance(section, Curve):
        return round(76 * unit)
    rows = -(-len(section.images) // section.columns)
    return round((22 + rows * (_side(section.columns) + 6)) * unit)


def _side(columns: int) -> float:
    """Of a picture, in a panel 256 wide."""
    return (256 - 8 - 8 * columns) / columns


def _draw_pictures(
    picture: Image.Image, section: Pictures, left: int, top: int, unit: float
) -> None:
    side = round(_side(section.columns) * unit)
    pen = ImageDraw.Draw(picture)
    for index, (image, name) in enumerate(zip(section.images, section.names, strict=True)):
        row, column = divmod(index, section.columns)
        place = round(left + column * (side + 8 * unit)), round(top + row * (side + 6 * unit))
        picture.paste(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC), place)
        if name:
            _label(pen, place, name, unit)


def _label(pen: ImageDraw.ImageDraw, place: tuple[int, int], text: str, unit: float) -> None:
    face = font(round(13 * unit))
    _, _, right, bottom = pen.textbbox(place, text, font=face)
    pen.rectangle((*place, right + 6 * unit, bottom + 3 * unit), fill=GROUND)
    pen.text((place[0] + 3 * unit, place[1]), text, fill=TEXT, font=face)


def _draw_curve(
    pen: ImageDraw.ImageDraw, curve: Curve, box: tuple[float, float, float, float], unit: float
) -> None:
    pen.rectangle(box, fill=RAISED)
    left, top, right, bottom = box
    values = np.asarray(curve.values, dtype=np.float64)
    known = np.isfinite(values)
    if not known.any():
        return
    low, high = min(0.0, float(values[known].min())), max(1e-9, float(values[known].max()))
    span = high - low
    room = 5 * unit
    top_right, face = (right - room, top + 2 * unit), font(round(11 * unit))
    pen.text(top_right, f"{high:.3g}", fill=DIM, font=face, anchor="ra")
    x = left + room + (right - left - 2 * room) * np.arange(len(values)) / max(1, len(values) - 1)
    y = bottom - room - (bottom - top - 2 * room) * (values - low) / span
    now = min(curve.step, len(values) - 1)
    shown = np.flatnonzero(known[: now + 1])
    if len(shown) == 0:
        return
    points = [(float(x[step]), float(y[step])) for step in shown]
    if len(points) > 1:
        pen.line(points, fill=curve.colour, width=max(1, round(2 * unit)))
    (a, b), r = points[-1], 3 * unit
    pen.ellipse((a - r, b - r, a + r, b + r), fill=curve.colour)
