"""Agents: the registry, floors, shipped actors, and the world-model agent on real pictures."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import envs
from agents import make_agent
from agents.base import AGENTS
from agents.checkpoint import save_agent
from agents.goal_value import FILE, card_sizes
from agents.planner_config import VJEPA2_AC, AgentConfig, configure
from agents.servo import ServoAgent
from agents.world_model import WorldModelAgent
from envs.goals import make_goals
from experiments.runs.episode import run_episode
from tests.worldsim.test_energies import SHELF
from tests.worldsim.test_world_model import released_file, small_model
from worldsim import load_world_model
from worldsim.checkpoint import save_world_model
from worldsim.encoders import encoder_digest
from worldsim.planning.cem import CEM
from worldsim.planning.detour import Detour
from worldsim.planning.moves import MoveSearch
from worldsim.planning.options import CostConfig
from worldsim.planning.policy import Policy
from worldsim.values import GoalValue
from worldsim.world_model import WorldModel

CAMERAS = ("left", "wrist")
QUICK = CEM(samples=8, iterations=1, elites=2, horizon=2)


def test_an_unknown_agent_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="did you mean expert"):
        make_agent("expret", envs.make("reach").unwrapped.env_spec)
    assert "world-model" in AGENTS


def test_actors_of_another_task_or_damaged_ones_are_refused(tmp_path):
    spec = envs.make("reach", obs_mode="state").unwrapped.env_spec
    with pytest.raises(ValueError, match="worldsim train sac-her"):
        make_agent("sac-her", spec, model=tmp_path)
    card = {
        "algorithm": "sac-her",
        "task": "grasp",
        "inputs": 43,
        "hidden": [8],
        "action_dims": [0],
    }
    (tmp_path / "config.json").write_text(json.dumps(card))
    with pytest.raises(ValueError, match="for reach is needed"):
        make_agent("sac-her", spec, model=tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(card | {"task": "reach"}))
    (tmp_path / "actor.safetensors").write_bytes(b"half")
    with pytest.raises(ValueError, match="damaged"):
        make_agent("sac-her", spec, model=tmp_path)


@pytest.mark.parametrize("cameras", [("left",), CAMERAS])
@pytest.mark.parametrize("kind", ["cem", "policy", "servo"])
def test_agents_of_a_world_model_repeat_themselves(cameras, kind):
    env = envs.make("grasp", cameras=cameras, image_size=32)

    def make(spec, model):
        if kind == "servo":
            return ServoAgent(spec, model)
        planner = QUICK if kind == "cem" else Policy()
        return WorldModelAgent(spec, model, AgentConfig(planner=planner))

    goals = make_goals("grasp", 190_011, cameras=cameras, image_size=32)
    spec = env.unwrapped.env_spec
    agent = make(spec, small_model())
    first = run_episode(env, agent, 190_011, goals).physics
    run_episode(env, agent, 190_012, goals)
    again = run_episode(env, agent, 190_011, goals).physics
    fresh = run_episode(env, make(spec, small_model()), 190_011, goals).physics
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, fresh)


@pytest.mark.parametrize("rule", ["arrival", "schedule"])
def test_sub_goals_advance_on_arrival_or_by_the_schedule(rule, monkeypatch):
    # Every goal picture shows the gripper where it is now.
    monkeypatch.setattr(
        "agents.latent.read_goal_pose",
        lambda model, now, goal, proprio: torch.as_tensor(proprio),
    )
    goals = make_goals("pick-place", 190_013, "subgoals", cameras=CAMERAS, image_size=32)
    env = envs.make("pick-place", cameras=CAMERAS, image_size=32)
    config = AgentConfig(planner=QUICK, advance=rule)
    agent = WorldModelAgent(env.unwrapped.env_spec, small_model(), config)
    trace = run_episode(env, agent, 190_013, goals).traces["agent_goal"].tolist()
    first, second, _ = goals.budgets
    if rule == "arrival":
        assert trace == [1.0, *[2.0] * (len(trace) - 1)]
    else:
        assert trace[: first + second + 1] == [*[0.0] * first, *[1.0] * second, 2.0]


def test_cameras_the_model_does_not_know_are_refused():
    spec = envs.make("reach", cameras=("right",)).unwrapped.env_spec
    with pytest.raises(ValueError, match="needs left"):
        WorldModelAgent(spec, small_model())
    with pytest.raises(ValueError, match="needs left"):
        ServoAgent(spec, small_model())
    with pytest.raises(ValueError, match="arrival, schedule"):
        AgentConfig(advance="guess")


def test_the_papers_planner_needs_no_heads(tmp_path):
    model = load_world_model(released_file(tmp_path / "small.pt"))
    env = envs.make("reach", cameras=("left",), image_size=32)
    spec = env.unwrapped.env_spec
    quick = replace(VJEPA2_AC, planner=replace(VJEPA2_AC.planner, samples=16, iterations=2))
    assert (VJEPA2_AC.planner.samples, VJEPA2_AC.planner.iterations) == (800, 10)
    goals = make_goals("reach", 190_011, cameras=("left",), image_size=32)
    trace = run_episode(env, WorldModelAgent(spec, model, quick), 190_011, goals).traces
    assert np.isfinite(trace["agent_energy"]).all()
    for config in (AgentConfig(), AgentConfig(Policy()), replace(quick, propose=True)):
        with pytest.raises(ValueError, match="plan with planner vjepa2-ac"):
            WorldModelAgent(spec, model, config)
    with pytest.raises(ValueError, match="no read-out to servo by"):
        ServoAgent(spec, model)


def test_options_by_name_are_what_they_say():
    assert configure("cem") == AgentConfig()
    assert configure("vjepa2-ac") == VJEPA2_AC
    changed = configure(
        "cem", {"samples": 8, "spread": [0.1] * 7}, {"trust": 2.0}, advance="schedule"
    )
    assert changed.planner == CEM(samples=8, spread=(0.1,) * 7)
    assert (changed.cost.trust, changed.cost.pose, changed.advance) == (2.0, 0.2, "schedule")
    box = configure("icem", energy="tests.worldsim.test_energies:SHELF").energies
    assert box == (SHELF,)
    told = configure("moves", {"depth": 2}, energy="tests.worldsim.test_energies:SHELF")
    assert (told.planner, told.moves, told.cost.latent) == (Detour(), MoveSearch(depth=2), 0.0)
    assert configure("moves", {"depth": 2}).planner == Policy()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"planner": "icme"}, "did you mean icem"),
        ({"planner": "no.such:Planner"}, "No module named"),
        ({"planner": "worldsim.planning.options:CostConfig"}, "is no planner"),
        ({"planner": "cem", "search": {"sample": 8}}, "did you mean samples"),
        ({"planner": "cem", "cost": {"pose_": 8}}, "did you mean pose"),
        ({"planner": "cem", "energy": "worldsim.planning.energies.keep_out:KeepOut"}, "arguments"),
        ({"planner": "policy", "energy": "tests.worldsim.test_energies:SHELF"}, "cannot be told"),
        ({"planner": "cem", "surprise": 1.0, "cost": {"trust": 0.0}}, "must be above 0"),
    ],
)
def test_a_mistake_in_options_is_one_sentence(options, words):
    with pytest.raises(ValueError, match=words):
        configure(**options)


@pytest.mark.parametrize(("usual", "follows"), [(1e-6, True), (1e6, False)])
def test_the_search_gives_way_to_the_proposal_where_imagination_errs(usual, follows):
    env = envs.make("reach", cameras=CAMERAS, image_size=32)
    goals = make_goals("reach", 190_011, cameras=CAMERAS, image_size=32)
    model = small_model()
    model.config = replace(model.config, one_step_error=usual)
    barely = CostConfig(pose=1.0, trust=1e-6)
    planner = replace(QUICK, samples=32)
    searching = AgentConfig(planner=planner, cost=barely, surprise=1.0)
    agents = [
        WorldModelAgent(env.unwrapped.env_spec, model, config)
        for config in (searching, replace(searching, surprise=0.0), AgentConfig(Policy()))
    ]
    for agent in agents:
        agent.reset(goals, np.random.default_rng(0))
    seen, _ = env.reset(seed=190_011)
    for step in range(2):  # nothing was predicted yet at the first
        careful, careless, proposed = (agent.act(seen) for agent in agents)
        assert np.array_equal(careful, proposed) == (follows and step == 1)
        assert np.array_equal(careful, careless) != (follows and step == 1)
        seen, *_ = env.step(careless.astype(np.float32))


def test_a_flow_head_proposes_in_the_goal_heads_place(tmp_path):
    env = envs.make("reach", cameras=CAMERAS, image_size=32)
    spec, plain = env.unwrapped.env_spec, small_model()
    torch.manual_seed(1)
    flowing = WorldModel(replace(plain.config, flow=True)).eval()
    flowing.load_state_dict(plain.state_dict(), strict=False)
    save_world_model(flowing, tmp_path)
    assert load_world_model(tmp_path).config.flow
    seeking = WorldModel(replace(plain.config, flow=True, guidance=4.0)).eval()
    seeking.load_state_dict(flowing.state_dict())
    typical = WorldModel(replace(plain.config, flow=True, draws=8)).eval()
    typical.load_state_dict(flowing.state_dict())
    goals = make_goals("reach", 190_011, cameras=CAMERAS, image_size=32)
    seen, _ = env.reset(seed=190_011)
    actions = {}
    for name, model, seed in (
        ("plain", plain, 0),
        ("plain again", plain, 1),
        ("flow", flowing, 0),
        ("flow again", flowing, 0),
        ("other noise", flowing, 1),
        ("other guidance", seeking, 0),
        ("the most typical of eight", typical, 0),
    ):
        agent = WorldModelAgent(spec, model, planner="policy")
        agent.reset(goals, np.random.default_rng(seed))
        actions[name] = agent.act(seen)
    assert np.array_equal(actions["plain"], actions["plain again"])
    assert np.array_equal(actions["flow"], actions["flow again"])
    assert not np.allclose(actions["flow"], actions["plain"])
    assert not np.allclose(actions["flow"], actions["other noise"])
    assert not np.allclose(actions["flow"], actions["other guidance"])
    assert not np.allclose(actions["flow"], actions["the most typical of eight"])


def test_a_value_takes_the_goal_heads_place_and_its_chunks_are_tried(tmp_path):
    env = envs.make("reach", cameras=CAMERAS, image_size=32)
    spec, model = env.unwrapped.env_spec, small_model()
    with pytest.raises(ValueError, match="value"):
        WorldModelAgent(spec, model, planner="tree")
    value = GoalValue.of(model, hidden=(16,), recorded=6)
    value.components.fit(torch.randn(100, 24))
    value.recorded[:] = torch.linspace(-1, 1, 6)[:, None, None]
    card = {"algorithm": "value", "sizes": card_sizes(value), "encoder": "another"}
    save_agent(tmp_path, card, value.state_dict(), FILE)
    with pytest.raises(ValueError, match="another encoder"):
        WorldModelAgent(spec, model, planner="tree", value=tmp_path)
    save_agent(
        tmp_path, card | {"encoder": encoder_digest(model.encoder)}, value.state_dict(), FILE
    )
    search = {"refits": 0, "recorded": 20}
    agent = WorldModelAgent(spec, model, planner="tree", value=tmp_path, search=search)
    assert agent.weights_digest != WorldModelAgent(spec, model).weights_digest
    agent.reset(
        make_goals("reach", 190_011, cameras=CAMERAS, image_size=32), np.random.default_rng(0)
    )
    tried, imagine = [], agent._imagine

    def spy(context, actions):
        tried.append(actions)
        return imagine(context, actions)

    agent._imagine = spy
    agent.act(env.reset(seed=190_011)[0])
    proposed, *recorded = torch.cat(tried)
    assert len(recorded) == 20
    assert all((chunk == value.recorded).flatten(1).all(dim=1).any() for chunk in recorded)
    assert agent.diagnostics()["steps_to_go"] >= 0.0
    chosen = torch.from_numpy(agent.diagnostics()["plan"])
    assert any(torch.equal(chosen, chunk) for chunk in (proposed, *recorded))
