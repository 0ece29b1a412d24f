"""Teleoperation (options: ``experiments.options.teleop``): makes the parts and waits for hands."""

from __future__ import annotations

from contextlib import closing
from threading import Thread
from typing import Any

import envs
from agents.base import Agent, make_agent
from envs.errors import PhysicsError, UserError
from envs.goals import GoalSequence, make_goals
from envs.spec import check_choice
from experiments.data.recorder import meta_of
from experiments.options.teleop import TeleopConfig
from experiments.runs.choices import output_folder
from experiments.runs.seeds import RANGES
from experiments.teleop.page import page
from experiments.teleop.server import Server
from experiments.teleop.session import Session
from worldsim.data import TrajectoryWriter
from worldsim.training.interrupts import Interrupts

RECIPE = "by-hand-1"
_PATIENCE_S = 0.2


def main(config: TeleopConfig) -> None:
    """Serve the page until Ctrl-C."""
    folder, training = output_folder(config.out), RANGES["training"]
    if config.first_seed not in training:
        raise UserError(
            f"first_seed {config.first_seed} is no training seed: allowed are "
            f"{training[0]} to {training[-1]}"
        )
    env, agent = make(config)
    if config.window:
        env.render()  # opens, or fails before anything is written
    options = seen(config)

    def task_goal(seed: int) -> GoalSequence | None:
        try:
            return make_goals(config.task, seed, **options)
        except PhysicsError:  # of the expert's own attempt: there is nothing to photograph
            return None

    # One folder, one variation: an episode runs again only in its own.
    meta = meta_of(env.env_spec, f"{RECIPE}, {config.variation}", [config.variation])
    with (
        closing(env),
        Server(config.port, page(env.env_spec, config.agent)) as server,
        TrajectoryWriter(folder, meta, groups_per_shard=1) as writer,
        Interrupts() as interrupts,
    ):
        stored = writer.seeds()
        seeds = (seed for seed in range(config.first_seed, training.stop) if seed not in stored)
        session = Session(env, seeds, writer, task_goal, folder / "goals", agent)
        try:
            Thread(target=server.serve_forever, daemon=True).start()
            print(f"{server.url} in a browser; Ctrl-C ends", flush=True)
            while interrupts.wished is None:
                server.work(session, _PATIENCE_S)
        finally:
            server.shutdown()
            session.close()
        interrupts.answer(config.out)


def make(config: TeleopConfig) -> tuple[Any, tuple[str, Agent] | None]:
    """The bare environment, and the agent with its name.

    Raises:
        UserError: naming what is allowed.
    """
    check_choice("task", config.task, tuple(envs.TASKS))
    if config.agent is None and config.model is not None:
        raise UserError("--model is the agent's: give --agent, too")
    options = seen(config) | {"render_mode": "human" if config.window else None}
    env = envs.make(config.task, **options).unwrapped
    if config.agent is None:
        return env, None
    weights = {} if config.model is None else {"model": config.model}
    agent = make_agent(config.agent, env.env_spec, **weights)
    if "observation" in agent.observation_keys:  # it is told where things are
        env = envs.make(config.task, obs_mode="all", **options).unwrapped
    return env, (config.agent, agent)


def seen(config: TeleopConfig) -> dict[str, Any]:
    """Options of the environment that decide its pictures."""
    return {name: getattr(config, name) for name in ("cameras", "image_size", "variation")}
