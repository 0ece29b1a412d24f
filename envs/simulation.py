"""A scene that runs: model, state and controller, and where in them the parts are."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from envs.controller import CartesianController
from envs.scene import load_model
from envs.spec import EnvSpec


@dataclass(frozen=True)
class Scene:
    """One object kind's model with what is needed to read and write its state quickly."""

    model: mujoco.MjModel
    data: mujoco.MjData
    controller: CartesianController
    object_body: int
    object_geom: int
    object_qpos: slice
    object_qvel: slice
    finger_geoms: tuple[frozenset[int], frozenset[int]]
    platform_body: int
    platform_geom: int


def _finger_geoms(model: mujoco.MjModel, side: str) -> frozenset[int]:
    """Collision geoms of the bodies of the left or right finger."""
    bodies = [b for b in range(model.nbody) if f"{side}finger" in model.body(b).name]
    bodies += [
        b
        for b in range(model.nbody)
        if f"finger_joint{1 + (side == 'right')}_tip" in model.body(b).name
    ]
    solid = (model.geom_contype > 0) | (model.geom_conaffinity > 0)
    return frozenset(np.flatnonzero(np.isin(model.geom_bodyid, bodies) & solid).tolist())


def build_scene(kind: str, spec: EnvSpec) -> Scene:
    """Load a scene; the model is private to the caller, who may edit sizes and colours."""
    model = load_model(kind)
    data = mujoco.MjData(model)
    has_object = kind != "none"
    joint = model.joint("object_joint") if has_object else None
    qpos = joint.qposadr[0] if joint is not None else 0
    qvel = joint.dofadr[0] if joint is not None else 0
    return Scene(
        model=model,
        data=data,
        controller=CartesianController(model, spec),
        object_body=model.body("object").id if has_object else -1,
        object_geom=model.geom("object_geom").id if has_object else -1,
        object_qpos=slice(qpos, qpos + 7 * has_object),
        object_qvel=slice(qvel, qvel + 6 * has_object),
        finger_geoms=(_finger_geoms(model, "left"), _finger_geoms(model, "right")),
        platform_body=model.body("platform").id,
        platform_geom=model.geom("platform_geom").id,
    )
