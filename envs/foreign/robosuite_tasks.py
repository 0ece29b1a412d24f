"""The four robosuite tasks: what is handled where, how far an episode got, goals and experts.

Success is robosuite's own ``_check_success``: Lift, the cube's centre 4 cm above the table;
PickPlaceCan, the can in its compartment and the gripper withdrawn; Stack, the red cube on the green
one and let go; Door, the hinge opened by 0.3 rad. Positions are metres in the robot-base frame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from envs.experts import GRASP_STAGES, Expert, ScriptedExpert
from envs.foreign.robosuite_experts import CAN_STAGES, DOOR_STAGES, STACK_STAGES
from envs.foreign.robosuite_stock import StockRobosuite
from envs.geometry import TABLE_Z, WORKSPACE_HIGH, WORKSPACE_LOW
from envs.mounts import LEFT, Mount

Array = NDArray[np.float64]

LIFT_HEIGHT_M = 0.04
BIN_FLOOR_M = 0.02
"""Height of a bin's floor above robosuite's bin position."""

DOOR_OPEN_RAD = 0.3


@dataclass(frozen=True)
class Thing:
    """What a task handles, as it is now.

    Attributes:
        position: (3,) its centre; of a door, the handle's end.
        axes: (3, 3) its rotation.
        half_size: (3,) half extents, m.
        goal: (3,) where ``position`` is to come.
        raised_m: how far it is off what it lay on.
        geoms: names of what a finger touches of it.
    """

    position: Array
    axes: Array
    half_size: Array
    goal: Array
    raised_m: float
    geoms: tuple[str, ...]


@dataclass(frozen=True)
class RobosuiteTask:
    """One of robosuite's tasks.

    Attributes:
        name: robosuite's.
        look: the thing it handles.
        expert: makes the scripted expert.
        schedules: protocol -> expert stage -> control steps, as in ``envs.task.TaskSpec``.
        budget: control steps an episode may take.
        solved_stage: the one of ``envs.task.STAGES`` that a solved episode has reached.
        tripod: where the camera "left" stands, in the world frame.
        low: (3,) lower corner of the box that the target stays in.
        high: (3,) its upper corner.
    """

    name: str
    look: Callable[[StockRobosuite], Thing]
    expert: Callable[[], Expert]
    schedules: Mapping[str, Mapping[str, int]]
    budget: int
    solved_stage: str = "placed"
    tripod: Mount = LEFT
    low: tuple[float, ...] = tuple(WORKSPACE_LOW)
    high: tuple[float, ...] = tuple(WORKSPACE_HIGH)


def _body_pose(stock: StockRobosuite, name: str) -> tuple[Array, Array]:
    """Position (3,) in the robot-base frame and rotation (3, 3)."""
    body = stock.data.body(name)
    return body.xpos - stock.arm.base, body.xmat.reshape(3, 3).copy()


def _cube(stock: StockRobosuite) -> Thing:
    """Lift's; its goal is above where it is."""
    cube = stock.env.cube
    position, axes = _body_pose(stock, cube.root_body)
    goal = np.array([*position[:2], max(position[2], TABLE_Z + LIFT_HEIGHT_M)])
    half = np.array(cube.size)
    raised = position[2] - half[2] - TABLE_Z
    return Thing(position, axes, half, goal, raised, tuple(cube.contact_geoms))


def _can(stock: StockRobosuite) -> Thing:
    """The can; its goal is in the near corner of its compartment, which the arm reaches."""
    env = stock.env
    can = env.objects[env.object_id]
    position, axes = _body_pose(stock, can.root_body)
    half = np.array([0.025, 0.025, 0.041])
    corner = env.bin2_pos - stock.arm.base
    goal = corner + np.array([0.045, 0.068, BIN_FLOOR_M + half[2]])
    raised = position[2] - half[2] - corner[2] - BIN_FLOOR_M
    return Thing(position, axes, half, goal, raised, tuple(can.contact_geoms))


def _cube_a(stock: StockRobosuite) -> Thing:
    """Stack's small cube; its goal is on the large one."""
    small, large = stock.env.cubeA, stock.env.cubeB
    position, axes = _body_pose(stock, small.root_body)
    half, below = np.array(small.size), np.array(large.size)
    goal = _body_pose(stock, large.root_body)[0] + np.array([0.0, 0.0, half[2] + below[2]])
    raised = position[2] - half[2] - TABLE_Z
    return Thing(position, axes, half, goal, raised, tuple(small.contact_geoms))


def _handle(stock: StockRobosuite) -> Thing:
    """The end of the door's handle; its goal is where it is when the door is open."""
    data = stock.data
    position = data.site("Door_handle").xpos - stock.arm.base
    hinge = data.joint("Door_hinge")
    anchor = hinge.xanchor - stock.arm.base
    left = max(0.0, DOOR_OPEN_RAD - float(hinge.qpos[0]))
    turn = np.array([[np.cos(left), -np.sin(left), 0], [np.sin(left), np.cos(left), 0], [0, 0, 1]])
    axes = data.body("Door_latch").xmat.reshape(3, 3).copy()
    goal = anchor + turn @ (position - anchor)
    half = np.array([0.075, 0.015, 0.02])
    return Thing(position, axes, half, goal, 0.0, ("Door_handle",))


TASKS: dict[str, RobosuiteTask] = {
    "robosuite/Lift": RobosuiteTask(
        name="Lift",
        look=_cube,
        expert=partial(ScriptedExpert, GRASP_STAGES),
        schedules={
            "subgoals": {"lifted": 30},
            "dense": {"above": 9, "pre-grasp": 7, "grasped": 5, "lifted": 9},
            "final": {"lifted": 30},
        },
        budget=30,
        solved_stage="lifted",
    ),
    "robosuite/PickPlaceCan": RobosuiteTask(
        name="PickPlaceCan",
        look=_can,
        expert=partial(ScriptedExpert, CAN_STAGES),
        schedules={
            "subgoals": {"grasped": 16, "near": 18, "clear": 16},
            "dense": {
                "above": 8,
                "pre-grasp": 7,
                "grasped": 5,
                "lifted": 5,
                "near": 10,
                "lowered": 6,
                "released": 4,
                "clear": 5,
            },
            "final": {"clear": 50},
        },
        budget=50,
        tripod=Mount((1.22, 1.06, 1.73), (0.135, -0.025, 0.90), 28.0),
        low=(0.32, -0.44, -0.112 + 0.02 + 0.012),
        high=(0.74, 0.50, 0.25),
    ),
    "robosuite/Stack": RobosuiteTask(
        name="Stack",
        look=_cube_a,
        expert=partial(ScriptedExpert, STACK_STAGES),
        schedules={
            "subgoals": {"grasped": 18, "near": 16, "released": 16},
            "dense": {
                "above": 9,
                "pre-grasp": 8,
                "grasped": 5,
                "lifted": 5,
                "near": 8,
                "lowered": 6,
                "released": 4,
                "clear": 5,
            },
            "final": {"clear": 50},
        },
        budget=50,
    ),
    "robosuite/Door": RobosuiteTask(
        name="Door",
        look=_handle,
        expert=partial(ScriptedExpert, DOOR_STAGES),
        schedules={
            "subgoals": {"turned": 30, "opened": 30},
            "dense": {"above": 20, "touched": 6, "turned": 10, "opened": 24},
            "final": {"opened": 60},
        },
        budget=60,
        tripod=Mount((0.54, 0.605, 1.49), (-0.15, -0.2, 0.98), 28.0),
        low=(0.30, -0.36, TABLE_Z + 0.012),
        high=(0.70, 0.30, 0.36),
    ),
}
