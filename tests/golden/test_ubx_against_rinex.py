"""u-blox logs against independent decoders: RTKLIB's RINEX of the same log, and its ephemerides of it."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from numpy.testing import assert_allclose

from kinema.core.ephemeris import KEPLER_COLUMNS
from kinema.core.satellites import sat_id
from kinema.core.time import GPS_MINUS_UNIX_NS, NS, gps_ns_from_calendar
from kinema.errors import FormatError
from kinema.formats import rinex_obs, ubx
from trajectories import parsed

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def log(data_dir):
    return gzip.decompress((data_dir / "receiver-ubx" / "f9p-static-15min.ubx.gz").read_bytes())


@pytest.fixture(scope="module")
def recording(log):
    return parsed(ubx.FORMAT, log)


def rows(gnss):
    epoch = np.repeat(np.arange(len(gnss.t_ns)), np.diff(gnss.row_start))
    return {(round(gnss.t_ns[e] / 1e5), int(s)): k for k, (e, s) in enumerate(zip(epoch, gnss.sat, strict=True))}


def test_observations_equal_the_rinex(recording, data_dir):
    """14,495 rows: code and phase within the RINEX's rounding, Doppler, C/N0 and half-cycle flags too."""
    ours = recording.streams["gnss"]
    text = gzip.decompress((data_dir / "receiver-ubx" / "f9p-static-15min.obs.gz").read_bytes())
    theirs = parsed(rinex_obs.FORMAT, text).streams["gnss"]
    a, b = rows(ours), rows(theirs)
    assert set(a) == set(b)
    i, j = np.array([(a[key], b[key]) for key in a]).T
    for name, tolerance in (("code_m", 5.1e-4), ("phase_cyc", 5.1e-4), ("doppler_hz", 1e-3), ("cn0_dbhz", 0)):
        assert_allclose(getattr(ours, name)[i], getattr(theirs, name)[j], atol=tolerance, rtol=0)
    assert ((ours.lli[i] & 2) == (theirs.lli[j] & 2)).all()
    slips = (ours.lli[i] & 1) != 0
    assert ((theirs.lli[j] & 1) != 0)[slips].mean() > 0.85


def test_ephemerides_equal_rtklibs(recording):
    """G07, issue 16, as RTKLIB decodes it from the same log; 19 of GPS and 28 of Galileo in all."""
    found = recording.streams["ephemerides"]
    assert np.bincount(found.message).tolist() == [19, 0, 0, 28]
    k = np.flatnonzero(found.sat == sat_id("G07"))[0]
    row = dict(zip(KEPLER_COLUMNS, found.kepler[found.row[k]], strict=True))
    assert found.toe_ns[k] == 1_673_172_000 * NS - GPS_MINUS_UNIX_NS == gps_ns_from_calendar(2023, 1, 8, 36_000 * NS)
    expected = {
        "iode": 16, "m0_rad": -1.5614536564923243, "omega0_rad": 1.6198050552908727, "cuc_rad": 7.543712854385376e-07,
        "af0_s": 0.0002621803432703018, "af1_sps": -6.025402399245648e-12, "tgd1_s": -1.1175870895385742e-08,
        "idot_radps": 3.696582548929476e-10, "omega_dot_radps": -8.057835641197865e-09, "crs_m": 12.8125,
        "cis_rad": -1.862645149230957e-09, "i0_rad": 0.9499389878346681, "omega_rad": -2.230958684544074,
        "delta_n_radps": 5.040567102709342e-09, "sqrt_a_sqrtm": 26559536.67903128**0.5,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-14)
    assert found.leap_s == 18
    assert "GAL" in found.ionosphere


def test_fixes_of_the_receiver(data_dir):
    """F9T: 299 fixes, all single, with a covariance."""
    data = gzip.decompress((data_dir / "receiver-ubx" / "F9T-L2-5min.ubx.gz").read_bytes())
    recording = parsed(ubx.FORMAT, data)
    fixes = recording.streams["fixes"]
    assert len(fixes) == 299
    assert np.isfinite(fixes.cov_p_e_m2).all()
    assert recording.streams["gnss"].signals["C"] == ("1P", "2I")
    assert np.median(np.linalg.norm(fixes.p_e_m - fixes.p_e_m.mean(axis=0), axis=1)) < 5


def test_damage_is_found_and_passed_over(log, recording):
    """One byte in twenty thousand flipped: the frames around are kept, the losses are counted."""
    damaged = bytearray(log)
    rng = np.random.default_rng(3)
    for at in rng.integers(0, len(log), 100):
        damaged[at] ^= 0x55
    found = parsed(ubx.FORMAT, bytes(damaged))
    assert "wrong checksum" in [issue.kind for issue in found.issues]
    assert len(found.streams["gnss"].t_ns) > 0.9 * len(recording.streams["gnss"].t_ns)
    cut = parsed(ubx.FORMAT, log[: len(log) // 3])
    assert len(cut.streams["gnss"].t_ns) > 200


@pytest.mark.parametrize("content", [b"\xb5\x62", b"\xb5\x62\x02\x15\xff\xff", b"\xb5\x62" * 100, b"$GPGGA,1*00\r\n"])
def test_no_frame_at_all(content):
    """Sync bytes alone are no log."""
    with pytest.raises(FormatError, match="no UBX frame"):
        parsed(ubx.FORMAT, content)
