"""Every value of real observation files as an independent reader (RTKLIB's, through pyrtklib5) reads it."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.core.satellites import sat_id, sat_name
from kinema.core.time import GPS_MINUS_UNIX_NS
from kinema.formats.base import ReadOptions
from kinema.formats.opening import open_source
from kinema.formats.rinex_obs import read

FILES = [
    "car-rtk-japan-2021-265/SEPT265G.21O",
    "car-rtk-japan-2021-265/3034265G.21O",
    "receiver-ubx/f9p-static-15min.obs.gz",
    pytest.param("static-rtk-1m/rover.obs.gz", marks=pytest.mark.slow),
    pytest.param("static-rtk-1m/base.obs.gz", marks=pytest.mark.slow),
    pytest.param("static-rtk-japan-2021-078/SEPT078M.21O", marks=pytest.mark.slow),
    pytest.param("static-rtk-japan-2021-078/SEPT078M1.21O", marks=pytest.mark.slow),
    pytest.param("static-rtk-japan-2021-078/3034078M1.21O", marks=pytest.mark.slow),
    pytest.param("sim-spirent-rtk/Base-static_MO_Spirent.obs.gz", marks=pytest.mark.slow),
    pytest.param("sim-spirent-rtk/Rover-dynamic_MO_Spirent.obs.gz", marks=pytest.mark.slow),
    pytest.param("ppp-esbc-24h/ESBC00DNK_R_20201770000_01D_30S_MO.crx.gz", marks=pytest.mark.slow),
]
BEYOND_RTKLIB = {"C59", "C60"}
"""Satellites that the reader we compare with has no numbers for."""


@pytest.mark.data
@pytest.mark.parametrize("name", FILES)
def test_observations_equal_those_of_rtklib(data_dir, tmp_path, name):
    rtklib = pytest.importorskip("pyrtklib5")
    opened = open_source(data_dir / name)
    plain = tmp_path / "plain.obs"
    plain.write_bytes(opened.data)
    obs, nav, station = rtklib.obs_t(), rtklib.nav_t(), rtklib.sta_t()
    rtklib.readrnx(str(plain), 1, "", obs, nav, station)
    gnss = read(opened, ReadOptions()).streams["gnss"]
    epoch_ns = np.repeat(gnss.t_ns, np.diff(gnss.row_start))
    row_of = {key: row for row, key in enumerate(zip(epoch_ns.tolist(), gnss.sat.tolist(), strict=True))}
    names: dict[int, str] = {}
    compared = 0
    for i in range(obs.n):
        one = obs.data[i]
        sat = names.get(one.sat) or names.setdefault(one.sat, _name(rtklib, one.sat))
        if sat[0] not in "GRECJ":
            continue
        t_ns = one.time.time * 1_000_000_000 + round(one.time.sec * 1e9) - GPS_MINUS_UNIX_NS
        row = row_of.pop((t_ns, sat_id(sat)))
        for k in range(3):
            if not one.code[k]:
                continue
            slot = gnss.signals[sat[0]].index(rtklib.code2obs(one.code[k]))
            ours = (gnss.code_m[row, slot], gnss.phase_cyc[row, slot], gnss.doppler_hz[row, slot])
            assert np.nan_to_num(ours).tolist() == [one.P[k], one.L[k], one.D[k]], (t_ns, sat, slot)
            assert abs(np.nan_to_num(gnss.cn0_dbhz[row, slot]) - one.SNR[k]) < 1e-3
            assert gnss.lli[row, slot] == one.LLI[k] & 3
            compared += 1
    assert {sat_name(sat) for _, sat in row_of} <= BEYOND_RTKLIB
    assert compared > 2 * len(gnss.t_ns)


def _name(rtklib, sat: int) -> str:
    letters = rtklib.Arr1Dchar(8)
    rtklib.satno2id(sat, letters)
    return str(letters[0])[:3]


@pytest.mark.data
def test_ephemerides_equal_those_of_rtklib(data_dir, tmp_path):
    """Kepler elements of the GPS, Galileo and BeiDou messages that both keep, by satellite and toe."""
    rtklib = pytest.importorskip("pyrtklib5")
    import kinema
    from kinema.core.ephemeris import KEPLER_COLUMNS

    path = data_dir / "car-rtk-japan-2021-265" / "SEPT2650.21P"
    obs, nav, station = rtklib.obs_t(), rtklib.nav_t(), rtklib.sta_t()
    rtklib.readrnx(str(path), 1, "", obs, nav, station)
    eph = kinema.read(path).streams["ephemerides"]
    ours = {}
    for k in range(len(eph.sat)):
        values = dict(zip(KEPLER_COLUMNS, eph.kepler[eph.row[k]].tolist(), strict=True))
        ours.setdefault((int(eph.sat[k]), int(eph.toe_ns[k])), []).append(values)
    same = 0
    for i in range(nav.n):
        one = nav.eph[i]
        key = (sat_id(_name(rtklib, one.sat)), one.toe.time * 1_000_000_000 - GPS_MINUS_UNIX_NS)
        wanted = (one.f0, one.f1, one.A**0.5, one.e, one.i0, one.OMG0, one.omg, one.M0, one.deln, one.crs, one.cuc)
        names = ("af0_s", "af1_sps", "sqrt_a_sqrtm", "e", "i0_rad", "omega0_rad", "omega_rad", "m0_rad",
                 "delta_n_radps", "crs_m", "cuc_rad")  # fmt: skip
        same += any(
            np.allclose([v[name] for name in names], wanted, rtol=1e-14, atol=0) and v["tgd1_s"] == one.tgd[0]
            for v in ours[key]
        )
    assert same == nav.n > 200
