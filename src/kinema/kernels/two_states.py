"""Direct or reflected, satellite by satellite: two states with memory (Rabiner 1989, forward and backward)."""

from __future__ import annotations

from typing import Any

from kinema.kernels.jit import kernel

F64 = Any
I64 = Any


@kernel
def two_states(order: I64, first: Any, likelihood: F64, prior: F64, stay: F64, forward: F64, share: F64) -> None:
    """Posterior probability share (m,) of state one, each chain forward and backward.

    order (m,) lists the rows chain by chain in time; first (m,) by place in that list: a chain begins; likelihood (m,)
    by row: the ratio of the densities of state one and of the other; prior (m,) by row: what state one has without a
    past; stay (m,) by row: how much of the row before is remembered, 0 … 1. forward (m,) receives the filter's own.
    """
    m = len(order)
    before = 0.0
    for k in range(m):
        i = order[k]
        ahead = prior[i] if first[k] else stay[i] * before + (1.0 - stay[i]) * prior[i]
        a = ahead * likelihood[i]
        before = a / (a + 1.0 - ahead)
        forward[i] = before
    one, other = 1.0, 1.0
    for k in range(m - 1, -1, -1):
        i = order[k]
        a = forward[i] * one
        b = (1.0 - forward[i]) * other
        share[i] = a / (a + b)
        if first[k]:
            one, other = 1.0, 1.0
            continue
        p = prior[i] * (1.0 - stay[i])
        q = (1.0 - prior[i]) * (1.0 - stay[i])
        a, b = likelihood[i] * one, other
        one = (stay[i] + p) * a + q * b
        other = p * a + (stay[i] + q) * b
        total = one + other
        one /= total
        other /= total
