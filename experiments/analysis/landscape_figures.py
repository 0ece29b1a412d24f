"""The pictures of ``worldsim landscape``."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from worldsim.files import write_atomically

Floats = NDArray[np.floating[Any]]
Pictures = NDArray[np.uint8]


@dataclass(frozen=True)
class Slices:
    """Energies around one transition.

    Attributes:
        title: which one.
        planes: two axes -> (P, P) energies from minus to plus the reach, first axis first.
        reach: (3,) cm, the largest action.
        true: (3,) cm, what was done.
        minimum: (3,) cm, what costs least.
    """

    title: str
    planes: dict[tuple[int, int], Floats]
    reach: Floats
    true: Floats
    minimum: Floats


def draw_slices(transitions: list[Slices], path: Path) -> None:
    """One row a transition; the minimum is that over all three axes, seen from the side."""
    figure = Figure(figsize=(12, 3.6 * len(transitions)), layout="constrained")
    grid = figure.subplots(len(transitions), 3, squeeze=False)
    for row, slices in zip(grid, transitions, strict=True):
        for axes, (plane, values) in zip(row, slices.planes.items(), strict=True):
            one, two = plane
            reach = slices.reach
            box = (-reach[one], reach[one], -reach[two], reach[two])
            shown = axes.imshow(values.T, origin="lower", extent=box, cmap="viridis")
            axes.plot(slices.true[one], slices.true[two], "rx", ms=10, label="true action")
            axes.plot(slices.minimum[one], slices.minimum[two], "wo", mfc="none", label="minimum")
            axes.set(xlabel=f"Δ{'xyz'[one]} (cm)", ylabel=f"Δ{'xyz'[two]} (cm)")
            figure.colorbar(shown, ax=axes, label="energy")
        row[0].set_title(slices.title)
        row[-1].legend(loc="upper right", facecolor="grey")
    save(figure, path)


def draw_rollout(imagined: Floats, copied: Floats, path: Path) -> None:
    """Errors (H,) against horizon."""
    figure = Figure(figsize=(5, 3.5), layout="constrained")
    axes = figure.subplots()
    steps = np.arange(1, len(imagined) + 1)
    axes.plot(steps, imagined, marker="o", label="imagined")
    axes.plot(steps, copied, marker="o", label="copy of the last frame")
    axes.set(xlabel="control steps ahead", ylabel="mean absolute latent error", ylim=(0, None))
    axes.legend()
    save(figure, path)


def draw_strip(real: Pictures, found: Pictures, path: Path) -> None:
    """Real pictures (H + 1, ...) above the ones (H, ...) nearest to imagined latents."""
    figure = Figure(figsize=(1.5 * len(real), 3.4), layout="constrained")
    grid = figure.subplots(2, len(real))
    for axes in grid.flat:
        axes.axis("off")
    for step, frame in enumerate(real):
        grid[0, step].imshow(frame)
        grid[0, step].set_title("now" if step == 0 else f"+{step}", fontsize=8)
    for step, frame in enumerate(found, start=1):
        grid[1, step].imshow(frame)
    words = "above: what came\n\nright: real frames\nnearest to what\nis imagined"
    grid[1, 0].text(0.5, 0.5, words, ha="center", va="center", fontsize=8)
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Write a picture in one move."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    write_atomically(path, file.getvalue())
