"""Where a camera looks, found by the robot's own hand.

A camera that hangs a little otherwise than those of the training data shows everything shifted,
turned, larger or smaller. What a model reads of the robot from such a picture is wrong, and the
robot knows by how much: it knows its own pose. So the pictures are put where the reading is right,
by a search over their placement, before anything else looks at them. Nothing is learnt.

The first camera's placement is the one in which the hand's pose reads right. The others are on the
hand and do not see where it is; theirs is the one in which the fingers read as open as they are.

Frames: a placement (4,) is the logarithm of the scale, the shift to the right and down in half
picture widths, and the turn in radians of where in the given picture the placed one looks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from worldsim.errors import UserError
from worldsim.noise import normal
from worldsim.states import encode_state
from worldsim.world_model import WorldModel

Images = Mapping[str, NDArray[np.uint8]]

LOOKS = (0, 2, 4, 7)
"""Control steps of an episode at which another frame is looked at, and all of them anew."""
# Of the numbers of an encoded pose (``worldsim.states``) what a camera's reading is compared in.
_POSE = (1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.0)
_FINGERS = (0.0,) * 9 + (1.0,)


@dataclass(frozen=True)
class PlacementSearch:
    """A cross-entropy search for a placement.

    Attributes:
        usual: (4,) deviations of the placements that are thought likely.
        doubt: what a placement costs that lies so far from none, in squared units of an encoded
            pose: a reading that is hardly better is no reason to move a picture.
        samples: placements tried at a time.
        refits: times from scratch.
        again: times from a placement that was found before.
        elites: kept for a refit.
        narrow: the spread never falls below this share of ``usual``.
    """

    usual: tuple[float, float, float, float] = (0.12, 0.1, 0.1, 0.035)
    doubt: float = 0.003
    samples: int = 40
    refits: int = 5
    again: int = 3
    elites: int = 8
    narrow: float = 0.05

    def find(
        self, error: Callable[[Tensor], Tensor], before: Tensor | None, rng: np.random.Generator
    ) -> Tensor:
        """The placement (4,) with the least of error and doubt.

        Args:
            error: of placements (S, 4), each.
            before: what was found before.
            rng: of the episode.
        """
        usual = torch.tensor(self.usual)
        best = mean = torch.zeros(4) if before is None else before
        spread = usual
        for _ in range(self.refits if before is None else self.again):
            tried = mean + spread * normal(rng, (self.samples, 4), mean)
            tried[0], tried[1] = mean, best
            costs = error(tried) + self.doubt * (tried / usual).square().sum(dim=1)
            elite = tried[costs.argsort()[: self.elites]]
            best, mean = elite[0], elite.mean(dim=0)
            spread = torch.maximum(elite.std(dim=0), self.narrow * usual)
        return best


class Calibration:
    """Placements of a model's views, bettered during an episode.

    Args:
        model: whose read-out.
        views: cameras, the first of them looking at the robot.
        search: for placements.

    Attributes:
        placements: camera -> (4,); none where nothing was looked at yet.

    Raises:
        UserError: the model has no read-out.
    """

    placements: dict[str, Tensor]

    def __init__(
        self, model: WorldModel, views: tuple[str, ...], search: PlacementSearch | None = None
    ) -> None:
        if not model.config.heads:
            raise UserError(
                f"a model of the recipe {model.config.recipe!r} has no read-out to calibrate by"
            )
        self._model, self._views = model, views
        self._search = search or PlacementSearch()
        self.reset()

    def reset(self) -> None:
        """Forget: another episode may have other cameras."""
        self.placements, self._step = {}, 0
        self._frames: list[Images] = []
        self._poses: list[NDArray[np.float64]] = []

    def look(self, images: Images, proprio: NDArray[np.float64], rng: np.random.Generator) -> bool:
        """Take a control step's pictures into account; returns whether placements changed.

        Args:
            images: camera -> (1, H, W, 3) as the cameras gave them.
            proprio: (7,) achieved pose.
            rng: of the episode.
        """
        due = self._step in LOOKS
        self._step += 1
        if due:
            self._frames.append(images)
            self._poses.append(proprio)
            self._improve(rng)
        return due

    def placed(self, images: Images) -> dict[str, NDArray[np.uint8]]:
        """Pictures (B, H, W, 3) as cameras of the training data would have shown them."""
        return {
            camera: place(torch.as_tensor(given), self.placements[camera][None])[0].numpy()
            if camera in self.placements
            else given
            for camera, given in images.items()
        }

    @torch.inference_mode()
    def _improve(self, rng: np.random.Generator) -> None:
        """Search for one camera's placement after the other, with the others where they are."""
        poses = torch.as_tensor(np.stack(self._poses), dtype=torch.float32)
        wanted = encode_state(poses).to(self._model.device)  # (K, 10)
        given = {c: np.concatenate([frame[c] for frame in self._frames]) for c in self._views}
        for camera in self._views:
            others = self.placed({c: given[c] for c in self._views if c != camera})
            tokens = {c: self._tokens(torch.as_tensor(frames)) for c, frames in others.items()}
            error = partial(self._error, camera, torch.as_tensor(given[camera]), tokens, wanted)
            before = self.placements.get(camera)
            self.placements[camera] = self._search.find(error, before, rng)

    def _error(
        self,
        camera: str,
        frames: Tensor,
        tokens: Mapping[str, Tensor],
        wanted: Tensor,
        placements: Tensor,
    ) -> Tensor:
        """Squared errors (S,) of what is read where one camera's frames (K, H, W, 3) are placed.

        Args:
            camera: whose frames they are.
            frames: as it gave them.
            tokens: (K, P, D) of each other camera as it is placed now.
            wanted: (K, 10) encoded poses.
            placements: (S, 4).
        """
        seen = self._tokens(place(frames, placements).flatten(0, 1))  # (S K, P, D)
        tried, told = len(placements), _POSE if camera == self._views[0] else _FINGERS
        views = [seen if c == camera else tokens[c].repeat(tried, 1, 1) for c in self._views]
        read = self._model.read_out(torch.cat(views, dim=1)).unflatten(0, (tried, -1))
        errors = wanted.new_tensor(told) * (read - wanted)  # (S, K, 10)
        squared: Tensor = errors.square().sum(dim=-1).mean(dim=1)
        return squared.cpu()

    def _tokens(self, frames: Tensor) -> Tensor:
        """One camera's frames (B, H, W, 3) to (B, P, D)."""
        return self._model.encode_frames(frames[:, None])


def place(frames: Tensor, placements: Tensor) -> Tensor:
    """Frames (K, H, W, 3) uint8 at placements (S, 4): (S, K, H, W, 3) uint8.

    What lies outside a frame is filled with its edge.
    """
    scale, (right, down), turn = placements[:, 0].exp(), placements[:, 1:3].T, placements[:, 3]
    cosine, sine = scale * turn.cos(), scale * turn.sin()
    rows = [torch.stack(row, dim=1) for row in ((cosine, -sine, right), (sine, cosine, down))]
    pictures = frames.permute(0, 3, 1, 2).float()
    some, many = len(frames), len(placements)
    shape = [many, *pictures.shape[1:]]
    grid = F.affine_grid(torch.stack(rows, dim=1), shape, align_corners=False)  # (S, H, W, 2)
    placed = F.grid_sample(
        pictures.repeat(many, 1, 1, 1),
        grid.repeat_interleave(some, dim=0),
        padding_mode="border",
        align_corners=False,
    )
    rounded: Tensor = placed.round().to(torch.uint8).unflatten(0, (many, some))
    return rounded.permute(0, 1, 3, 4, 2)
