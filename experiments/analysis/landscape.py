"""What a world model learnt: its energies, its latents, what it imagines.

Options and help: ``experiments.options.landscape``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from envs.compose import load_model
from envs.errors import UserError
from envs.explorers import CONTACT_RANGE_M
from envs.geometry import BASE_POS
from envs.tasks import get_task
from experiments.analysis.landscape_figures import Slices, draw_rollout, draw_slices, draw_strip
from experiments.data.collect import collect_seed
from experiments.options.landscape import LandscapeConfig
from experiments.runs.seeds import RANGES
from experiments.runs.versions import versions
from worldsim import load_world_model
from worldsim.data import Episode, TrajectoryDataset
from worldsim.devices import use_threads
from worldsim.files import check_place, write_atomically
from worldsim.imagination import Recording, imagine, nearest, open_loop_errors
from worldsim.planning.cost import LatentGoalCost, own_energies, read_goal_pose
from worldsim.planning.energies.energy import Situation
from worldsim.planning.landscape import energies, minimum, score
from worldsim.planning.options import CostConfig
from worldsim.probes import probe
from worldsim.states import decode_state
from worldsim.world_model import WorldModel

SEEDS = 100
HORIZON = 8
RISE_M = 0.03
PROBED = 2  # frames so far apart are probed: neighbours say the same

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """An episode, what the model makes of it, and what only the simulator knows.

    Attributes:
        episode: as recorded, without its pictures.
        recording: as latents.
        pictures: (T, H, W, 3) uint8 of the first camera, small.
        objects: (T, 3) metres, the object's centre; None where there is no object.
    """

    episode: Episode
    recording: Recording
    pictures: NDArray[np.uint8]
    objects: Floats | None

    @classmethod
    def of(cls, model: WorldModel, episode: Episode) -> Seen:
        """Encode an episode."""
        recording = Recording.of(model, episode)
        pictures = episode.images[model.config.cameras[0]][:, ::2, ::2].copy()
        return cls(replace(episode, images={}), recording, pictures, object_positions(episode))

    def near(self, row: int) -> bool:
        """Whether the gripper is close enough to the object to touch it."""
        if self.objects is None:
            return False
        gap = self.objects[row] - self.episode.proprio[row, :3]
        return bool(np.linalg.norm(gap) < CONTACT_RANGE_M)

    def risen(self, first: int = 0, last: int = -1) -> float:
        """Metres the object has risen from one frame to another."""
        return (
            0.0 if self.objects is None else float(self.objects[last, 2] - self.objects[first, 2])
        )


Start = tuple[Seen, int]


def main(config: LandscapeConfig) -> None:
    """Look, write the pictures and the summary."""
    if config.transitions < 2:
        raise UserError(f"transitions {config.transitions}: at least 2 are needed")
    if not own_energies(config.cost):
        raise UserError("cost: one of its weights must be above 0, or all actions are alike")
    use_threads(config.threads)
    for place in (f"{config.out}/summary.json", config.json):
        if place is not None:
            check_place(Path(place))
    model = load_world_model(config.model)
    seen = [Seen.of(model, episode) for episode in episodes(config, model.config.cameras)]
    stretches(seen)  # too short ones are refused before the work
    starts, out = choose(seen, config.transitions), Path(config.out)
    errors = search(model, config.cost, starts)
    imagined, copied = rollout(model, seen, config.transitions)
    first = RANGES["development"][0]
    summary = {
        "model": config.model,
        "recipe": model.config.recipe,
        "episodes": config.data or f"seeds {first}:{first + SEEDS} (development)",
        "frames": sum(len(s.episode) for s in seen),
        "landscape": summarise(model, starts, errors),
        "close_above_open": ranking(model, config.cost, seen),
        "probes_mm": probes(seen),
        "read_out_mm": read_out(model, seen),
        "rollout": {"imagined": rounded(imagined), "copy_last": rounded(copied)},
        "versions": versions(),
    }
    draw_slices(slices(model, config.cost, starts, errors), out / "landscape.png")
    draw_rollout(imagined, copied, out / "rollout.png")
    draw_strip(*strip(model, seen), out / "imagined.png")
    text = json.dumps(summary, indent=1) + "\n"
    for path in {out / "summary.json", Path(config.json or out / "summary.json")}:
        write_atomically(path, text)
    print(f"{text}wrote {out}")


# -- episodes -------------------------------------------------------------------------------------


def episodes(config: LandscapeConfig, cameras: tuple[str, ...]) -> Iterator[Episode]:
    """A data set's first episodes, or new ones from development seeds with their branches."""
    if config.data is not None:
        data = TrajectoryDataset(config.data)
        yield from (data.episode(index) for index in range(min(len(data), 4 * SEEDS)))
        return
    first = RANGES["development"][0]
    for seed in tqdm(range(first, first + SEEDS), desc="collect", unit="seed"):
        yield from collect_seed(seed, "default", cameras, 128)


def object_positions(episode: Episode) -> Floats | None:
    """(T, 3) metres in the robot-base frame, or None: read from the simulator's states, if kept."""
    if not episode.physics.shape[1] or not get_task(episode.task).objects:
        return None
    first = 1 + int(load_model(["cube"]).joint("object_joint").qposadr[0])  # time leads
    places: Floats = episode.physics[:, first : first + 3] - BASE_POS
    return places


def choose(seen: list[Seen], count: int) -> list[Start]:
    """Transitions (episode, row), half of them near contact where there are as many."""
    every = [(s, row) for s in seen for row in range(1, len(s.episode) - 1)]
    if count > len(every):
        raise UserError(f"{count} transitions asked for: the episodes have {len(every)}")
    every = [every[i] for i in np.random.default_rng(0).permutation(len(every))]
    near = [start for start in every if start[0].near(start[1])]
    free = [start for start in every if not start[0].near(start[1])]
    few = min(len(near), max(count // 2, count - len(free)))
    return near[:few] + free[: count - few]


# -- energies -------------------------------------------------------------------------------------


def energy(model: WorldModel, config: CostConfig, start: Start, steps: int = 1) -> LatentGoalCost:
    """The energy of actions at a frame towards the real frame so many steps later."""
    recording, row = start[0].recording, start[1]
    context = recording.context(row, model.config.context_frames)
    goal = recording.latents[row + steps]
    pose = read_goal_pose(model, context.latents[-1], goal, context.proprio[-1])
    return LatentGoalCost(Situation(model, context, goal, pose), own_energies(config))


def search(model: WorldModel, config: CostConfig, starts: list[Start]) -> Floats:
    """(S, 3) metres from the true action to the energy's minimum."""
    scale, errors = np.array(model.config.action_scale[:3]), []
    for start in tqdm(starts, desc="landscape"):
        action = start[0].recording.actions[start[1]]
        errors.append((minimum(energy(model, config, start), action) - action[:3]) * scale)
    return np.stack(errors)


def summarise(model: WorldModel, starts: list[Start], errors: Floats) -> dict[str, float]:
    """Medians of the distance, over all and by place, and of the true motion itself."""
    scale = np.array(model.config.action_scale[:3])
    moves = [np.linalg.norm(s.recording.actions[row, :3] * scale) for s, row in starts]
    gaps, near = np.linalg.norm(errors, axis=1), np.array([s.near(row) for s, row in starts])
    found = {"median_m": np.median(gaps)}
    found |= {"within_1cm": (gaps <= 0.01).mean(), "true_motion_median_m": np.median(moves)}
    for axis, name in enumerate("xyz"):
        found[f"{name}_median_m"] = np.median(np.abs(errors[:, axis]))
    for name, chosen in (("contact", near), ("free", ~near)):
        if chosen.any():
            found[f"{name}_median_m"] = np.median(gaps[chosen])
    counts = {"transitions": len(starts), "near_contact": int(near.sum())}
    return counts | {name: round(float(value), 5) for name, value in found.items()}


def ranking(model: WorldModel, config: CostConfig, seen: list[Seen]) -> dict[str, int]:
    """States from which closing and lifting raised the object and opening and lifting did not.

    Returns:
        How many there are, and for how many the energy of the recorded actions, towards the last
        picture of the former, is lower for the former.
    """
    branches = {(s.episode.seed, s.episode.policy): s for s in seen if s.episode.branch_of >= 0}
    states, right = 0, 0
    for (seed, policy), closed in branches.items():
        opened = branches.get((seed, "branch-open-up"))
        if policy != "branch-close-up" or opened is None:
            continue
        if closed.risen() > RISE_M > opened.risen():
            actions = np.stack([closed.recording.actions, opened.recording.actions])
            close, open_ = score(energy(model, config, (closed, 0), actions.shape[1]), actions)
            states, right = states + 1, right + int(close < open_)
    return {"states": states, "right": right}


def slices(
    model: WorldModel, config: CostConfig, starts: list[Start], errors: Floats
) -> list[Slices]:
    """Energies around the transitions of median error, one near contact and one in free space."""
    scale, found = 100.0 * np.array(model.config.action_scale[:3]), []
    order = np.argsort(np.linalg.norm(errors, axis=1), kind="stable")
    for where in ("near contact", "in free space"):
        kind = [i for i in order if starts[i][0].near(starts[i][1]) == (where == "near contact")]
        if kind:
            middle = kind[len(kind) // 2]
            seen, row = starts[middle]
            action, cost = seen.recording.actions[row], energy(model, config, starts[middle])
            planes = {axes: energies(cost, action, axes) for axes in ((0, 2), (0, 1), (1, 2))}
            true, title = action[:3] * scale, f"{seen.episode.task}, {where}"
            found.append(Slices(title, planes, scale, true, true + 100.0 * errors[middle]))
    return found


# -- latents and imagination ----------------------------------------------------------------------


def probes(seen: list[Seen]) -> dict[str, float]:
    """Errors of linear probes on held-out seeds, mm, next to guessing the mean."""
    found: dict[str, float] = {}
    for name in ("gripper", "object"):
        features, labels, groups = [], [], list[int]()
        for s in seen:
            places = s.objects if name == "object" else s.episode.proprio[:, :3]
            if places is not None:
                features.append(s.recording.latents[::PROBED].flatten(1))
                labels.append(places[::PROBED])
                groups += [s.episode.seed] * len(labels[-1])
        if labels:
            latents = torch.cat(features).double().numpy()
            errors, floor = probe(latents, np.concatenate(labels), np.array(groups))
            found[f"{name}_mean"] = float(errors.mean())
            found[f"{name}_median"] = float(np.median(errors))
            found[f"{name}_guessing_the_mean"] = float(floor.mean())
    return {name: round(1000.0 * value, 2) for name, value in found.items()}


@torch.inference_mode()
def read_out(model: WorldModel, seen: list[Seen]) -> dict[str, float]:
    """Errors of the gripper's place that the model itself reads from frames, mm; none without."""
    if not model.config.heads:
        return {}
    errors = []
    for s in seen:
        read = decode_state(model.read_out(s.recording.latents[::PROBED].to(model.device)))
        errors.append(read[:, :3].cpu().numpy() - s.episode.proprio[::PROBED, :3])
    gaps = 1000.0 * np.linalg.norm(np.concatenate(errors), axis=1)
    return {"mean": round(float(gaps.mean()), 2), "median": round(float(np.median(gaps)), 2)}


def rollout(
    model: WorldModel, seen: list[Seen], count: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Open-loop errors (H,) from so many frames, and those of copying the last frame."""
    starts = stretches(seen)
    chosen = [starts[i] for i in np.random.default_rng(0).permutation(len(starts))[:count]]
    return open_loop_errors(model, [(s.recording, row) for s, row in chosen], HORIZON)


def rounded(errors: NDArray[np.floating[Any]]) -> list[float]:
    """For reading."""
    return [round(float(error), 4) for error in errors]


def stretches(seen: list[Seen]) -> list[Start]:
    """Frames that have a whole horizon behind them."""
    found = [(s, row) for s in seen for row in range(1, len(s.episode) - HORIZON)]
    if not found:
        raise UserError(f"no episode is longer than {HORIZON + 1} frames")
    return found


def strip(model: WorldModel, seen: list[Seen]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Real pictures (H + 1, ...), and the real pictures (H, ...) nearest to what is imagined.

    Shown is the stretch in which the object rises furthest and stays at the gripper.
    """

    def lifting(start: Start) -> float:
        s, row = start
        return s.risen(row, row + HORIZON) if s.near(row + HORIZON) else 0.0

    shown, row = max(stretches(seen), key=lifting)
    latents = imagine(model, shown.recording, row, HORIZON)
    pictures = np.concatenate([s.pictures for s in seen])
    found = nearest(latents, torch.cat([s.recording.latents for s in seen]))
    return shown.pictures[row : row + HORIZON + 1], pictures[found]
