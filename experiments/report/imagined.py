"""What a world model imagined at each step: the most similar real pictures along its plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.goals import GoalSequence
from experiments.report.episodes import StoredEpisode
from experiments.runs.runner import runner
from worldsim.imagination import Recording
from worldsim.states import relative_action

Image8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Imagined:
    """The nearest real pictures to what was imagined at each decision.

    Attributes:
        plans: (H, S, S, 3) each, 1 to H steps ahead; none of an agent that plans nothing.
        aims: (S, S, 3) each, the sub-goal that was worked towards; none where none was imagined.
    """

    plans: list[Image8]
    aims: list[Image8]


@torch.inference_mode()
def imagined(
    episode: StoredEpisode, env: Any, stored: dict[str, NDArray[Any]], goals: GoalSequence
) -> Imagined:
    """What a world model imagined, as pictures.

    Latents cannot be shown; of all frames of the episode and its goal pictures each imagined one is
    shown as the nearest, by mean absolute distance.

    Args:
        episode: what was run.
        env: at the episode's start.
        stored: its states and traces.
        goals: its goal pictures.

    Raises:
        UserError: when the weights are not those of the run any more.
    """
    if "agent_plan" not in stored:
        return Imagined([], [])
    agent = runner(episode.spec).agent
    model = agent.model
    views = [k.removeprefix("image_") for k in agent.observation_keys if k.startswith("image_")]
    size = episode.spec.image_size
    frames = {
        view: np.concatenate(
            [[env.picture(view, size, s) for s in stored["physics"]], goals.images[view]]
        )
        for view in views
    }
    library = model.encode(frames)  # (T + K, N, D)

    def nearest(futures: Tensor, known: Tensor) -> Image8:
        """Frames for the futures (H, ...), whose like the known ones (T + K, ...) are."""
        apart = (futures[:, None].float() - known[None].float()).abs().flatten(2).mean(dim=2)
        found: Image8 = frames[views[0]][apart.argmin(dim=1).cpu().numpy()]
        return found

    steps, scale = len(stored["physics"]), np.asarray(env.env_spec.action_scale)
    proprio, target = (stored[key].astype(np.float64) for key in ("proprio", "target"))
    relative = relative_action(target[:-1], stored["action"] * scale, proprio[:-1])
    recording = Recording(library[:steps], proprio, target, stored["action"], relative)
    plans, aims = [], []
    for step, plan in enumerate(stored["agent_plan"]):
        seen = recording.context(step, model.config.context_frames)
        context = replace(seen, limits=agent.limits)
        futures, _ = model.rollout(context, torch.as_tensor(plan, dtype=torch.float32)[None])
        plans.append(nearest(futures[0], library))
    if "agent_aim" in stored:
        known = agent.value.components(library)
        aims = list(nearest(torch.as_tensor(stored["agent_aim"], device=known.device), known))
    return Imagined(plans, aims)
