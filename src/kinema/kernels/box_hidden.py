"""How much of a box is hidden behind nearer ones in the same frame."""

from __future__ import annotations

import numpy as np

from kinema.kernels.box_motion import covered_share
from kinema.kernels.jit import kernel


@kernel
def hidden_shares(frame: np.ndarray, box: np.ndarray, start: np.ndarray, others: np.ndarray, share: np.ndarray) -> None:
    """share (k,) gets the largest share of each box (k, 4) that one of the boxes of its frame hides.

    The boxes of frame f are others[start[f]:start[f + 1]]; all are centre x, y, width, height.
    """
    for i in range(len(frame)):
        share[i] = 0.0
        for j in range(start[frame[i]], start[frame[i] + 1]):
            share[i] = max(share[i], covered_share(box[i], others[j]))
