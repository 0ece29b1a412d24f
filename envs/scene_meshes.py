"""Light visual meshes out of robosuite's heavy ones: join, decimate, write as STL.

Only the scene builder uses this; software rendering is bound by vertices, and robosuite's Panda has
135,000 faces where 10,000 look the same at 256 px.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

Mesh = tuple[NDArray[np.float64], NDArray[np.int64]]
"""Vertices (V, 3) in metres and faces (F, 3) as indices into them."""

FEWEST_FACES = 60


def triangles(composed: mujoco.MjModel, geom_id: int) -> Mesh:
    """Vertices (V, 3) in the body's frame and faces (F, 3) of a compiled mesh geom."""
    mesh = composed.mesh(composed.geom_dataid[geom_id])
    start, count = mesh.vertadr[0], mesh.vertnum[0]
    face_start, face_count = mesh.faceadr[0], mesh.facenum[0]
    rotation = np.zeros(9)
    mujoco.mju_quat2Mat(rotation, composed.geom_quat[geom_id])
    vertices = composed.mesh_vert[start : start + count].astype(np.float64)
    faces = composed.mesh_face[face_start : face_start + face_count].astype(np.int64)
    return vertices @ rotation.reshape(3, 3).T + composed.geom_pos[geom_id], faces


def join(parts: Sequence[Mesh]) -> Mesh:
    """One mesh of several, welding vertices that coincide to 10 micrometres."""
    offsets = np.cumsum([0] + [len(vertices) for vertices, _ in parts])
    vertices = np.concatenate([vertices for vertices, _ in parts])
    faces = np.concatenate([f + o for (_, f), o in zip(parts, offsets[:-1], strict=True)])
    welded, index = np.unique(np.round(vertices, 5), axis=0, return_inverse=True)
    return welded, index.reshape(-1)[faces]


def decimate(mesh: Mesh, kept: float) -> Mesh:
    """Reduce a mesh, vertices (V, 3) and faces (F, 3), to a fraction of its faces."""
    import fast_simplification

    vertices, faces = mesh
    target = max(FEWEST_FACES, int(kept * len(faces)))
    if target < len(faces):
        vertices, faces = fast_simplification.simplify(
            vertices.astype(np.float32), faces.astype(np.int32), target_count=target
        )
    return np.asarray(vertices, dtype=np.float64), np.asarray(faces, dtype=np.int64)


def lift(mesh: Mesh, distance_m: float) -> Mesh:
    """Move every vertex outwards along its normal, the area-weighted mean of its faces'."""
    vertices, faces = mesh
    a, b, c = vertices[faces].transpose(1, 0, 2)
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], np.cross(b - a, c - a))
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return vertices + distance_m * normals / np.maximum(lengths, 1e-12), faces


def write_stl(path: Path, mesh: Mesh) -> None:
    """Write a mesh as binary STL."""
    vertices, faces = mesh
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("unused", "<u2")])
    data = np.zeros(len(faces), dtype=record)
    data["corners"] = vertices[faces]
    path.write_bytes(b"\0" * 80 + np.uint32(len(faces)).tobytes() + data.tobytes())
