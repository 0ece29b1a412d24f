"""Videos of stored episodes: layouts, overlays, filters, and what a world model imagined."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from itertools import pairwise

import imageio.v2 as imageio
import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import envs
from envs import showroom
from envs.compose import load_model
from envs.errors import UserError
from envs.rendering import Renderer
from experiments.cli import run
from experiments.evaluate import evaluate
from experiments.report.episodes import StoredEpisode
from experiments.report.frames import BORDER, FPS, GREEN, GREY, RED, Look, draw
from experiments.report.panel import Curve, panel
from experiments.report.studio import FOVY_DEG, Studio, between, camera_for, what_to_hold
from experiments.report.video import render, render_chosen, telling_seeds, tile
from experiments.runs.arms import load_arms
from experiments.runs.spec import RunSpec

SEEDS = (190_070, 190_071)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    for agent in ("expert", "random"):
        evaluate(RunSpec(agent, "reach", threads=1), SEEDS, out / agent)
    quick = {"search": {"samples": 8, "elites": 2, "iterations": 1}}
    spec = RunSpec("world-model", "reach", threads=1, options=quick)
    evaluate(spec, SEEDS[:1], out / "world-model")
    return out


def episodes(folder, agent):
    arm = next(arm for arm in load_arms(folder) if arm.spec.agent == agent)
    return StoredEpisode.all_of(arm)


SMALL = Look(size=128, beside=False)


def test_the_border_tells_the_outcome(folder):
    for agent, colour in (("expert", GREEN), ("random", RED)):
        episode = episodes(folder, agent)[0]
        frames = list(draw(episode, SMALL))
        assert frames[0].shape == (152, 128, 3)  # with two lines of words below
        assert tuple(frames[0][0, 0]) == GREY
        assert tuple(frames[-1][BORDER - 1, 64]) == colour


def test_motion_is_smooth(folder):
    episode = episodes(folder, "random")[0]
    frames = [frame[:128].astype(float) for frame in draw(episode, SMALL)]
    assert FPS >= 20
    assert len(frames) == 1 + round(FPS * 0.25) * episode.row["steps"]
    moves = [np.abs(b - a).mean() for a, b in pairwise(frames[:-1])]
    assert np.mean(np.array(moves) > 0) > 0.9  # not one picture a control step


def test_between_two_stored_states_the_same_happens_again(folder):
    episode = episodes(folder, "expert")[0]
    env, physics = episode.env(), episode.load()["physics"]
    start, steps = env.state(), env.scene.controller.steps
    for before, after in pairwise(physics):
        way = between(env, before, after, moments=5)
        for _ in range(4):
            next(way)
        for _ in range(steps - round(steps * 4 / 5)):
            mujoco.mj_step(env.scene.model, env.scene.data)
        np.testing.assert_allclose(env.state(), after, rtol=0, atol=1e-9)
        list(way)
    assert np.array_equal(env.state(), start)


def started(task, variation="default"):
    env = envs.make(task, obs_mode="state", variation=variation).unwrapped
    env.reset(seed=SEEDS[0])
    return env


def studio_picture(env):
    return Studio(env, env.state()[None], 64).picture()


@pytest.mark.parametrize(
    ("task", "variation"),
    [("reach", "default"), ("pick-place", "default"), ("grasp", "held-out:room")],
)
def test_what_agents_see_stays_as_it_was(task, variation):
    env = started(task, variation)
    seen = [env.picture(camera, 64) for camera in env.env_spec.cameras]
    drawn = studio_picture(env)
    for camera, before in zip(env.env_spec.cameras, seen, strict=True):
        assert np.array_equal(env.picture(camera, 64), before)
        assert not np.array_equal(drawn, before)


def test_agents_see_no_bit_of_the_room_that_people_are_shown():
    """The same state in a scene that was composed without its textures."""
    env, model = started("reach"), load_model()
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = env.data.qpos, env.data.qvel
    mujoco.mj_forward(model, data)
    mujoco.mj_forward(env.model, env.data)
    studio_picture(env)
    assert model.nmat == 0 < env.model.nmat
    for camera in ("left", "right", "wrist"):
        assert np.array_equal(env.picture(camera, 128), Renderer(model, 128).render(data, camera))


def test_a_scene_without_a_room_is_given_one_and_others_keep_theirs(monkeypatch):
    cases = {"default": True, "held-out:light": True, "held-out:room": False, "new-lab": False}
    scenes = {variation: started("grasp", variation) for variation in cases}
    dressed = {variation: studio_picture(env) for variation, env in scenes.items()}
    monkeypatch.setattr(showroom, "furnish", lambda model: None)
    monkeypatch.setattr(showroom, "add_walls", lambda model, scene: None)
    for variation, given in cases.items():
        changed = (studio_picture(scenes[variation]) != dressed[variation]).any(axis=-1)
        assert changed.mean() > 0.5 if given else not changed.any()


@pytest.mark.parametrize("task", ["reach", "grasp", "pick-place"])
def test_the_camera_holds_arm_object_and_goal(task):
    env = envs.make(task, obs_mode="state").unwrapped
    for seed in range(190_070, 190_074):
        env.reset(seed=seed)
        points = what_to_hold(env, env.state()[None])
        camera = camera_for(points)
        turn = Rotation.from_euler("yz", [-camera.elevation, camera.azimuth], degrees=True)
        forward, left, up = turn.as_matrix().T
        seen = points - (camera.lookat - camera.distance * forward)
        slope = np.tan(np.deg2rad(FOVY_DEG) / 2)
        for side in (left, up):
            share = (seen @ side) / (seen @ forward) / slope
            assert np.abs(share).max() < 1.0
        assert np.abs(share).max() > 0.8  # and as large as can be


def test_a_goal_that_nothing_shows_has_a_marker(folder):
    episode = episodes(folder, "expert")[0]
    env, physics = episode.env(), episode.load()["physics"]
    picture = Studio(env, physics, 128).picture().astype(int)
    green = (picture[..., 1] - picture[..., [0, 2]].max(axis=-1)) > 40
    rows, columns = np.nonzero(green)
    assert 8 < green.sum() < 400
    assert rows.min() > 0 < columns.min()
    assert rows.max() < 127 > columns.max()


def test_the_panel_explains_the_scene_beside_it(folder):
    episode, random = episodes(folder, "world-model")[0], episodes(folder, "random")[0]
    plain, wide = list(draw(episode, SMALL)), list(draw(episode, Look(size=128)))
    assert len(plain) == len(wide)
    assert wide[0].shape == (152, 192, 3)
    assert np.array_equal(wide[0][:, :128], plain[0])
    imagined = next(iter(draw(episode, Look(size=128, imagined=True))))
    assert imagined.shape == (152, 192, 3)
    assert not np.array_equal(imagined, wide[0])
    assert np.array_equal(imagined[:, :128], plain[0])
    cameras = next(iter(draw(random, Look(size=128, cameras=True))))
    assert not np.array_equal(cameras, next(iter(draw(random, Look(size=128)))))


def test_sections_that_do_not_fit_stand_in_further_columns():
    curves = [Curve(str(number), np.arange(3.0), 1) for number in range(5)]
    assert panel(curves[:2], 64, 60).size == (64, 60)
    assert panel(curves, 64, 60).size == (128, 60)


def test_a_curve_stands_on_a_scale_from_zero_that_it_names():
    def drawn(*values):
        return np.asarray(panel([Curve("", np.array(values), 1)], 256, 80)).astype(int)

    def rows(picture):
        blue = (picture[..., 2] - picture[..., 0]) > 100
        return np.flatnonzero(blue.any(axis=1))

    steady, falling = drawn(4.0, 3.9), drawn(4.0, 0.0)
    assert np.ptp(rows(steady)) < 12  # a tremor looks like one
    assert np.ptp(rows(falling)) > 35
    scale = (slice(20, 34), slice(200, 244))
    assert not np.array_equal(drawn(4.0, 0.0)[scale], drawn(8.0, 0.0)[scale])
    assert np.isfinite(drawn(np.nan, 4.0)).all()  # what is not known is left out


def test_edges_are_smooth(folder):
    episode = episodes(folder, "expert")[0]
    env = episode.env()
    studio = Studio(env, episode.load()["physics"], 64)
    assert studio._renderer._context.offSamples == 4
    assert Renderer(env.scene.model, 64)._context.offSamples == 0  # agents' own, as ever


class Posted:
    """Hands work over as to another process, and loses all but the first item."""

    def run(self, function, items):
        function, first = pickle.loads(pickle.dumps((function, items[0])))
        yield function(first)


def test_what_workers_lose_is_drawn_all_the_same(folder, tmp_path):
    arms = [arm for arm in load_arms(folder) if arm.spec.agent == "expert"]
    render_chosen(arms, tmp_path, Posted())
    assert sorted(path.name for path in tmp_path.glob("*.mp4")) == [
        f"reach_expert_{seed}_success.mp4" for seed in SEEDS
    ]


@pytest.mark.parametrize("change", [{"size": 100_000}, {"size": 65}, {"camera": "roof"}])
def test_impossible_looks_are_refused(change):
    with pytest.raises(UserError, match="allowed"):
        Look(**change).check("reach")


def test_two_arms_never_share_a_name(tmp_path):
    """Arms that differed in cameras or weights got one name, and the second was never drawn."""
    specs = (
        *(RunSpec("expert", "reach"), RunSpec("expert", "reach", cameras=("left",))),
        *(RunSpec("expert", "reach", goal="dense"), RunSpec("expert", "reach", image_size=64)),
        RunSpec("expert", "reach", threads=2),
    )
    for number, spec in enumerate(specs):
        evaluate(spec, SEEDS[:1], tmp_path / str(number))
    words = ["render", str(tmp_path), "--size", "64", "--no-beside"]
    assert run(words) == 0
    assert len(list((tmp_path / "videos").glob("*.mp4"))) == len(specs)


def test_a_name_that_was_another_arms_is_drawn_anew(folder, tmp_path):
    first = episodes(folder, "expert")[0]
    arm = replace(first.arm, spec=replace(first.spec, weights="0" * 16))
    other = StoredEpisode(arm, first.row)
    small = Look(size=64, beside=False)
    path = render([first], tmp_path, small)
    before = path.stat().st_mtime_ns
    assert render([first], tmp_path, small) == path
    assert path.stat().st_mtime_ns == before
    assert render([other], tmp_path, small) == path
    assert path.stat().st_mtime_ns > before


def test_traces_have_a_row_for_every_state_or_action(folder):
    episode = episodes(folder, "world-model")[0]
    steps, stored = episode.row["steps"], episode.load()
    for name in ("physics", "distance_m", "stage", "proprio", "target"):
        assert len(stored[name]) == steps + 1
    for name in ("action", "agent_energy", "agent_goal", "agent_plan"):
        assert len(stored[name]) == steps


@pytest.mark.parametrize(
    ("layout", "shape", "name"),
    [
        ("single", (88, 96), "reach_expert_190070_success"),
        ("side-by-side", (88, 192), "reach_all_190070_side-by-side"),
        ("grid", (88, 128), "reach_expert_all_grid"),
    ],
)
def test_layouts(folder, tmp_path, layout, shape, name):
    words = ["render", str(folder), "--layout", layout, "--size", "64", "--out", str(tmp_path)]
    quick = ["--agent", "expert"] if layout == "grid" else ["--seeds", "190070"]
    assert run([*words, "--gif", *quick]) == 0
    frames = imageio.mimread(tmp_path / f"{name}.mp4", memtest=False)
    assert frames[0].shape[:2] == shape
    assert len(frames) > FPS
    assert (tmp_path / f"{name}.gif").exists()
    assert json.loads((tmp_path / f"{name}.json").read_text())["task"] == "reach"


def test_filters(folder, tmp_path, capsys):
    words = ["render", str(folder), "--size", "64", "--out", str(tmp_path)]
    assert run([*words, "--agent", "random", "--seeds", "190070", "--outcome", "failure"]) == 0
    assert [path.name for path in tmp_path.glob("*.mp4")] == ["reach_random_190070_failure.mp4"]
    assert run([*words, "--agent", "expert", "--outcome", "failure"]) == 2
    assert "no stored episode" in capsys.readouterr().err


def test_a_clip_that_ends_stays_on_its_last_picture():
    clips = [[np.full((4, 4, 3), n, np.uint8) for n in range(count)] for count in (1, 3)]
    last = list(tile(clips))[-1]
    assert last.shape == (4, 8, 3)
    assert (last[0, 0, 0], last[0, 7, 0]) == (0, 2)


def test_starts_that_agents_differ_on_tell_most(folder):
    arms = load_arms(folder)
    assert set(telling_seeds(arms)) == set(SEEDS)
