"""RTKLIB's own reader understands the .pos files that we write."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import kinema
from kinema.formats.rtklib_pos import Q_OF_STATUS
from trajectories import solution


def test_rtklib_reads_what_we_write(tmp_path):
    """Position to 0.1 mm, Q, satellites, and the covariance from the signed roots."""
    rtklib = pytest.importorskip("pyrtklib5")
    made = solution(30)
    path = kinema.write(made, tmp_path / "drive.pos")
    buffer = rtklib.solbuf_t()
    assert rtklib.readsol([str(path)], 1, buffer) == 1
    assert buffer.n == 30
    for k in range(30):
        one = buffer.data[k]
        assert_allclose([one.rr[i] for i in range(3)], made.p_e_m[k], atol=1e-4)
        assert one.stat == Q_OF_STATUS[made.status[k]]
        assert one.ns == made.n_sats[k]
        cov = made.cov_p_e_m2[k]
        ours = [cov[0, 0], cov[1, 1], cov[2, 2], cov[0, 1], cov[1, 2], cov[2, 0]]
        assert_allclose([one.qr[i] for i in range(6)], ours, atol=4e-4 * np.sqrt(np.abs(cov).max()))
