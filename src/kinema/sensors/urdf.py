"""Forward kinematics of a URDF: poses of links in the root, for whole time series of joint angles.

Only what a leg needs: fixed, revolute, continuous and prismatic joints (ROS URDF specification, "joint").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np

from kinema.core.arrays import F64
from kinema.errors import ConfigError


@dataclass(frozen=True)
class Joint:
    """parent → child: offset (3,), rotation (3, 3) of its frame, axis (3,) in it, kind of joint."""

    name: str
    kind: str
    parent: str
    child: str
    offset_m: F64
    c_pc: F64
    axis: F64


def rotation_from_rpy(rpy: F64) -> F64:
    """URDF's roll, pitch, yaw about fixed axes: Rz Ry Rx."""
    (sr, sp, sy), (cr, cp, cy) = np.sin(rpy), np.cos(rpy)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def about_axis(axis: F64, angle_rad: F64) -> F64:
    """Rotations (n, 3, 3) about a unit axis (3,) by angles (n,) (Rodrigues)."""
    x, y, z = axis
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    s, c = np.sin(angle_rad)[:, None, None], np.cos(angle_rad)[:, None, None]
    return np.asarray(np.eye(3) + s * k + (1 - c) * (k @ k))


@dataclass(frozen=True)
class Robot:
    """Joints by the link that they carry."""

    joints: Mapping[str, Joint]

    @staticmethod
    def parse(text: str) -> Robot:
        """From URDF text. Raises ConfigError. Entities are refused: a robot needs none."""
        if "<!ENTITY" in text:
            raise ConfigError("the URDF declares XML entities; remove them")
        try:
            root = ElementTree.fromstring(text)
        except ElementTree.ParseError as error:
            raise ConfigError(f"the URDF is no valid XML ({error})") from None
        joints = {}
        for node in root.findall("joint"):
            parent, child = node.find("parent"), node.find("child")
            if parent is None or child is None:
                continue
            origin, axis = node.find("origin"), node.find("axis")
            joint = Joint(
                node.get("name", ""), node.get("type", "fixed"), parent.get("link", ""), child.get("link", ""),
                _vector(origin, "xyz", "0 0 0"), rotation_from_rpy(_vector(origin, "rpy", "0 0 0")),
                _vector(axis, "xyz", "1 0 0"),
            )  # fmt: skip
            joints[joint.child] = joint
        return Robot(joints)

    def chain(self, root: str, link: str) -> list[Joint]:
        """Joints from root to link. Raises ConfigError where there is no such way."""
        out: list[Joint] = []
        at = link
        while at != root:
            joint = self.joints.get(at)
            if joint is None or len(out) > 200:
                raise ConfigError(f"the URDF has no chain from '{root}' to '{link}'")
            out.append(joint)
            at = joint.parent
        return out[::-1]

    def pose(self, root: str, link: str, angles: Mapping[str, F64], n: int) -> tuple[F64, F64]:
        """Position (n, 3) and rotation (n, 3, 3) of `link` in `root`; joints without angles stay at zero."""
        p, c = np.zeros((n, 3)), np.broadcast_to(np.eye(3), (n, 3, 3)).copy()
        for joint in self.chain(root, link):
            p = p + c @ joint.offset_m
            c = c @ joint.c_pc
            value = angles.get(joint.name)
            if value is None or joint.kind == "fixed":
                continue
            axis = joint.axis / np.linalg.norm(joint.axis)
            if joint.kind == "prismatic":
                p = p + np.einsum("nij,j,n->ni", c, axis, value)
            else:
                c = c @ about_axis(axis, value)
        return p, c


def _vector(node: ElementTree.Element | None, name: str, default: str) -> F64:
    text = default if node is None else node.get(name, default)
    try:
        values = [float(part) for part in text.split()]
    except ValueError:
        raise ConfigError(f"the URDF has '{text}' where three numbers belong") from None
    if len(values) != 3:
        raise ConfigError(f"the URDF has '{text}' where three numbers belong")
    return np.array(values)
