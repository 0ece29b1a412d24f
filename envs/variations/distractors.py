"""The ``distractors`` factor: things on the table that have nothing to do with the task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs import slots
from envs.geometry import BASE_POS, TABLE_Z
from envs.objects import DENSITY, SLOTS
from envs.variations.body import Shape
from envs.variations.colours import COLOURS, draw_colour
from envs.variations.factor import Parameters, Ranged
from envs.variations.ranges import Names, Ranges
from envs.variations.textures import PLAIN, prepare_textures, textures_of, wear

MOST = 3
CLEAR_M = 0.1
"""From whatever the task uses, plus what a distractor itself reaches."""

# Where a distractor may stand: the part of the table both exterior cameras see, robot-base frame.
LOW, HIGH = np.array([0.30, -0.32]), np.array([0.80, 0.32])
_TRIES = 60
_AWAY = np.array([0.0, 0.0, -3.0])


class Distractors(Ranged):
    """Up to three bodies that stand still: ``{"bodies": [{kind, half_size, rgba, texture, …}]}``.

    They are fixed to the table, since free ones cost physics time in every step, and solid. Their
    shapes are from the families an object's are drawn from, so that some are of its kind, their
    colours from the level's ranges.
    """

    name = "distractors"
    RANGES: ClassVar[Mapping[str, Ranges]] = {
        "training": {"count": Names(("0", "1", "2", "3")), **COLOURS["training"]},
        "validation": {"count": Names(("1", "2")), **COLOURS["validation"]},
        "held-out:1": {"count": Names(("1",)), **COLOURS["held-out:1"]},
        "held-out:2": {"count": Names(("2",)), **COLOURS["held-out:2"]},
        "held-out:3": {"count": Names(("3",)), **COLOURS["held-out:3"]},
    }

    def prepare(self, spec: mujoco.MjSpec) -> None:
        """Add empty bodies, meshes and textures."""
        if spec.body("distractor1") is not None:
            return
        prepare_textures(spec, solid=True)
        slots.add_meshes(spec)
        for index in range(1, MOST + 1):
            body = spec.worldbody.add_body(name=f"distractor{index}", pos=_AWAY)
            slots.add_slots(body, f"distractor{index}_geom")

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """Looks of each; ``places`` seeds where they will stand."""
        families = ("training", self.level) if self.level != "training" else ("training",)
        split = self.level.partition(":")[0]
        bodies = []
        for _ in range(int(self.RANGES[self.level]["count"].draw(rng))):
            shape = Shape(families[int(rng.integers(len(families)))]).sample(rng)
            texture = str(rng.choice(textures_of(split))) if rng.random() < 0.4 else PLAIN
            rgba = [*draw_colour(self.level, rng), 1.0]
            tint = round(float(rng.uniform(0.2, 1.0)), 4)
            bodies.append({**shape, "rgba": rgba, "texture": texture, "tint": tint})
        return {"bodies": bodies, "places": int(rng.integers(2**31))}

    def settle(self, parameters: Parameters, taken: NDArray[np.float64]) -> dict[str, Any]:
        """A place and a yaw for each; one that finds no room is left out."""
        rng = np.random.default_rng(parameters["places"])
        circles = [(place, CLEAR_M) for place in taken]
        settled = []
        for body in parameters["bodies"]:
            reach = float(np.hypot(*body["half_size"][:2]))
            for _ in range(_TRIES):
                place, yaw = rng.uniform(LOW, HIGH), float(rng.uniform(-np.pi, np.pi))
                if all(np.linalg.norm(place - p) > reach + clear for p, clear in circles):
                    where = {"place": place.round(4).tolist(), "yaw": round(yaw, 4)}
                    settled.append({**body, **where})
                    circles.append((place, reach + 0.02))
                    break
        return {"bodies": settled}

    def apply(self, model: mujoco.MjModel, parameters: Parameters) -> None:
        """Shape, paint and put them; the rest stay away."""
        for index in range(MOST):
            body = model.body(f"distractor{index + 1}").id
            if index >= len(parameters["bodies"]):
                model.body_pos[body] = _AWAY
                continue
            one = parameters["bodies"][index]
            slots.install(model, body, one["kind"], one["half_size"], DENSITY)
            geoms = list(range(model.body_geomadr[body], model.body_geomadr[body] + SLOTS))
            model.geom_rgba[geoms] = one["rgba"]
            wear(model, geoms, one["texture"], one["tint"])
            place = np.array([*one["place"], TABLE_Z + one["half_size"][2]])
            model.body_pos[body] = place + BASE_POS
            yaw = Rotation.from_euler("z", one["yaw"]).as_quat()
            model.body_quat[body] = yaw[[3, 0, 1, 2]]
