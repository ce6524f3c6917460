"""What stands between an antenna and the satellites: tunnels, house fronts, reflections off the other side.

The street is two walls of changing height beside the way (`Circuit`). A ray is traced to the wall that it meets; a
blocked satellite may bend over an edge (diffraction) or come off the opposite wall, later and weaker (NLOS), if that
wall is high enough and the near houses let the ray in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I64, U8, Bool
from kinema.simulate.circuits import Circuit, heading_rad

CLEAR, EDGE, REFLECTED, BLOCKED = range(4)
_EDGE_RAD = np.radians(3.0)
_LOOK_M = 60


@dataclass(frozen=True)
class Passage:
    """How each satellite comes in, (epochs, satellites): kind (CLEAR, EDGE, REFLECTED, BLOCKED), delay_m, loss_db;
    `built` (epochs,): how much of the sky houses take, 0 to 1, which sets the strength of multipath."""

    kind: U8
    delay_m: F64
    loss_db: F64
    built: F64


def open_sky(epochs: int, satellites: int) -> Passage:
    """Nothing in the way."""
    shape = (epochs, satellites)
    return Passage(np.zeros(shape, np.uint8), np.zeros(shape), np.zeros(shape), np.zeros(epochs))


def along_circuit(circuit: Circuit, way_m: F64, azimuth: F64, elevation: F64, rng: np.random.Generator) -> Passage:
    """Trace rays from places on a circuit: way_m (n,), azimuth and elevation (n, s) in radians."""
    n_lap = len(circuit.p_e_m)
    here = np.floor(np.asarray(way_m) / circuit.length_m * n_lap).astype(np.int64) % n_lap
    relative = azimuth - heading_rad(circuit.p_e_m)[here][:, None]
    side = (np.sin(relative) > 0).astype(np.int64)
    flat = np.maximum(np.abs(np.sin(relative)), 1e-3)
    distance = circuit.wall_distance_m[here]
    near = np.where(side == 1, distance[:, 1:], distance[:, :1])
    # Where along the street the ray meets the front, at most as far as the street is straight.
    ahead = np.clip(near / flat * np.cos(relative), -_LOOK_M, _LOOK_M)
    hit = (here[:, None] + np.round(ahead * n_lap / circuit.length_m).astype(np.int64)) % n_lap
    tall = circuit.wall_height_m[hit, side]
    top = np.where((tall > 0) & (near > 0), np.arctan2(tall * flat, np.maximum(near, 1.0)), 0.0)
    blocked = elevation < top
    edge = blocked & (elevation > top - _EDGE_RAD)
    reflected, delay = _reflection(circuit, here, side, flat, near, tall, elevation)
    # A front of glass or plaster, the same on every lap: whether it mirrors at all.
    mirror = rng.random(n_lap)[np.newaxis, :].repeat(2, 0)
    reflected = reflected & blocked & ~edge & (mirror[1 - side, here[:, None] // 8 * 8] < 0.7)
    kind = np.where(edge, EDGE, np.where(reflected, REFLECTED, np.where(blocked, BLOCKED, CLEAR))).astype(np.uint8)
    kind[circuit.tunnel[here]] = BLOCKED
    depth = np.where(edge, (top - elevation) / _EDGE_RAD, 0.0)
    loss = np.where(edge, 4 + 9 * depth, np.where(kind == REFLECTED, 11.0, 0.0))
    built = np.clip((circuit.wall_height_m[here] > 0).sum(axis=1) / 2, 0.0, 1.0)
    return Passage(kind, np.where(kind == REFLECTED, delay, np.where(edge, 1.5 * depth, 0.0)), loss, built)


def _reflection(
    circuit: Circuit, here: I64, side: I64, flat: F64, near: F64, tall: F64, elevation: F64
) -> tuple[Bool, F64]:
    """Whether the opposite wall can mirror the satellite to here, and by how much longer that way is."""
    distance, height = circuit.wall_distance_m[here], circuit.wall_height_m[here]
    other = np.where(side == 1, distance[:, :1], distance[:, 1:])
    other_tall = np.where(side == 1, height[:, :1], height[:, 1:])
    slope = np.tan(elevation) / flat
    mirrors = (other_tall > 0) & (other * slope < other_tall)
    comes_in = (2 * other + near) * slope > tall
    return mirrors & comes_in, 2 * other * flat * np.cos(elevation)
