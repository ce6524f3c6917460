"""Where a satellite is when it transmits, and what its clock shows: broadcast messages and precise tables.

Positions and velocities are ECEF, in the frame of the moment of transmission (not turned by the flight time: see
geodesy.line_of_sight). Clocks include the relativistic term of the orbit's eccentricity and leave out every group
delay. Times enter as integer nanoseconds and are subtracted as integers.
"""

from __future__ import annotations

import math

import numpy as np

from kinema.kernels.geodesy import C_MPS
from kinema.kernels.jit import kernel

MU_GPS = 3.986005e14
MU_GAL = 3.986004418e14
MU_GLO = 3.986004418e14
RATE_GPS = 7.2921151467e-5
RATE_BDS = 7.292115e-5
RATE_GLO = 7.292115e-5
J2_GLO = 1.0826257e-3
RADIUS_GLO = 6_378_136.0
GLO_STEP_S = 60.0
BDT_OFFSET_S = 14.0
_SIN5 = math.sin(math.radians(-5.0))
_COS5 = math.cos(math.radians(-5.0))

# Classes of orbit model, one per message: which constants, and BeiDou's geostationary rotation.
ORBIT_GPS, ORBIT_GAL, ORBIT_BDS, ORBIT_BDS_GEO, ORBIT_GLO = 0, 1, 2, 3, 4


@kernel
def kepler_state(eph: np.ndarray, orbit: int, tk: float, out: np.ndarray) -> None:
    """State of a Keplerian broadcast orbit at `tk` seconds from its toe, into out (8,).

    out: position (3), velocity (3), relativistic clock term (s) and its rate. `eph` is a row of
    core.ephemeris.KEPLER_COLUMNS (IS-GPS-200 20.3.3.4.3, CNAV's rates of 30.3.3.1, BDS-SIS-ICD 5.2.4.12).
    """
    mu = MU_GPS if orbit == ORBIT_GPS else MU_GAL
    rate = RATE_GPS if orbit <= ORBIT_GAL else RATE_BDS
    a0 = eph[5] * eph[5]
    a_dot = eph[20] if math.isfinite(eph[20]) else 0.0
    dn_dot = eph[21] if math.isfinite(eph[21]) else 0.0
    e = eph[6]
    n = math.sqrt(mu / (a0 * a0 * a0)) + eph[11]
    m = eph[10] + (n + 0.5 * dn_dot * tk) * tk
    n += dn_dot * tk
    a = a0 + a_dot * tk
    ecc = m
    for _ in range(15):
        step = (ecc - e * math.sin(ecc) - m) / (1 - e * math.cos(ecc))
        ecc -= step
        if abs(step) < 1e-14:
            break
    se, ce = math.sin(ecc), math.cos(ecc)
    ecc_dot = n / (1 - e * ce)
    root = math.sqrt(1 - e * e)
    phi = math.atan2(root * se, ce - e) + eph[9]
    phi_dot = ecc_dot * root / (1 - e * ce)
    s2, c2 = math.sin(2 * phi), math.cos(2 * phi)
    u = phi + eph[15] * s2 + eph[14] * c2
    u_dot = phi_dot * (1 + 2 * (eph[15] * c2 - eph[14] * s2))
    r = a * (1 - e * ce) + eph[17] * s2 + eph[16] * c2
    r_dot = a_dot * (1 - e * ce) + a * e * se * ecc_dot + 2 * phi_dot * (eph[17] * c2 - eph[16] * s2)
    i = eph[7] + eph[12] * tk + eph[19] * s2 + eph[18] * c2
    i_dot = eph[12] + 2 * phi_dot * (eph[19] * c2 - eph[18] * s2)
    su, cu, si, ci = math.sin(u), math.cos(u), math.sin(i), math.cos(i)
    x, y = r * cu, r * su
    x_dot, y_dot = r_dot * cu - y * u_dot, r_dot * su + x * u_dot
    toe_s = eph[4] - (BDT_OFFSET_S if orbit >= ORBIT_BDS else 0.0)
    toe_s -= math.floor(toe_s / 604_800.0) * 604_800.0
    node_dot = eph[13] - (0.0 if orbit == ORBIT_BDS_GEO else rate)
    node = eph[8] + node_dot * tk - rate * toe_s
    so, co = math.sin(node), math.cos(node)
    px, py, pz = x * co - y * ci * so, x * so + y * ci * co, y * si
    w = y_dot * ci - y * si * i_dot
    vx = x_dot * co - w * so - py * node_dot
    vy = x_dot * so + w * co + px * node_dot
    vz = y_dot * si + y * ci * i_dot
    if orbit == ORBIT_BDS_GEO:
        sr, cr = math.sin(rate * tk), math.cos(rate * tk)
        gy, gz = py * _COS5 + pz * _SIN5, -py * _SIN5 + pz * _COS5
        hy, hz = vy * _COS5 + vz * _SIN5, -vy * _SIN5 + vz * _COS5
        gx, hx = px, vx
        px, py, pz = gx * cr + gy * sr, -gx * sr + gy * cr, gz
        vx, vy, vz = hx * cr + hy * sr + rate * py, -hx * sr + hy * cr - rate * px, hz
    out[0], out[1], out[2], out[3], out[4], out[5] = px, py, pz, vx, vy, vz
    f = -2 * math.sqrt(mu) / (C_MPS * C_MPS) * e * eph[5]
    out[6], out[7] = f * se, f * ce * ecc_dot


@kernel
def _glonass_force(s: np.ndarray, a: np.ndarray, d: np.ndarray) -> None:
    r2 = s[0] * s[0] + s[1] * s[1] + s[2] * s[2]
    r3 = r2 * math.sqrt(r2)
    w2 = RATE_GLO * RATE_GLO
    k = 1.5 * J2_GLO * MU_GLO * RADIUS_GLO * RADIUS_GLO / r2 / r3
    q = 5.0 * s[2] * s[2] / r2
    c = -MU_GLO / r3 - k * (1.0 - q)
    d[0], d[1], d[2] = s[3], s[4], s[5]
    d[3] = (c + w2) * s[0] + 2 * RATE_GLO * s[4] + a[0]
    d[4] = (c + w2) * s[1] - 2 * RATE_GLO * s[3] + a[1]
    d[5] = (c - 2 * k) * s[2] + a[2]


@kernel
def glonass_state(eph: np.ndarray, tk: float, out: np.ndarray) -> None:
    """State of a GLONASS broadcast orbit at `tk` seconds from its toe, into out (8,); terms 6, 7 are zero.

    Runge–Kutta of fourth order, steps of at most 60 s (GLONASS ICD 5.1, A.3.1.2); PZ-90.11, which agrees with
    WGS84 to centimetres.
    """
    s, w, acc = np.empty(6), np.empty(6), np.empty(3)
    d1, d2, d3, d4 = np.empty(6), np.empty(6), np.empty(6), np.empty(6)
    for j in range(3):
        s[j], s[3 + j], acc[j] = eph[3 + j], eph[6 + j], eph[9 + j]
    left = tk
    while abs(left) > 1e-9:
        h = min(GLO_STEP_S, max(-GLO_STEP_S, left))
        _glonass_force(s, acc, d1)
        for j in range(6):
            w[j] = s[j] + 0.5 * h * d1[j]
        _glonass_force(w, acc, d2)
        for j in range(6):
            w[j] = s[j] + 0.5 * h * d2[j]
        _glonass_force(w, acc, d3)
        for j in range(6):
            w[j] = s[j] + h * d3[j]
        _glonass_force(w, acc, d4)
        for j in range(6):
            s[j] += h / 6 * (d1[j] + 2 * d2[j] + 2 * d3[j] + d4[j])
        left -= h
    for j in range(6):
        out[j] = s[j]
    out[6] = out[7] = 0.0


@kernel
def broadcast_states(
    t_ns: np.ndarray, flight_s: np.ndarray, choice: np.ndarray,
    orbit: np.ndarray, toe_ns: np.ndarray, row: np.ndarray, kepler: np.ndarray, glonass: np.ndarray,
    p: np.ndarray, v: np.ndarray, clock_m: np.ndarray, drift_mps: np.ndarray,
) -> None:  # fmt: skip
    """States at transmission of m rows received at tag t_ns (m,) after flight_s (m,) = pseudorange / c.

    choice (m,) indexes the messages (orbit class, toe_ns, row into kepler or glonass), −1: none, which gives NaN.
    Tag minus pseudorange / c is the satellite's own clock reading whatever the receiver's clock shows.
    """
    out = np.empty(8)
    for i in range(len(choice)):
        c = choice[i]
        if c < 0 or not math.isfinite(flight_s[i]):
            p[i, 0] = p[i, 1] = p[i, 2] = v[i, 0] = v[i, 1] = v[i, 2] = np.nan
            clock_m[i] = drift_mps[i] = np.nan
            continue
        tk = (t_ns[i] - toe_ns[c]) * 1e-9 - flight_s[i]
        r = row[c]
        if orbit[c] == ORBIT_GLO:
            tau, gamma = glonass[r, 1], glonass[r, 2]
            clock = -tau + gamma * tk
            clock = -tau + gamma * (tk - clock)
            glonass_state(glonass[r], tk - clock, out)
            drift = gamma
        else:
            since = tk + (kepler[r, 4] - kepler[r, 0])
            f0, f1, f2 = kepler[r, 1], kepler[r, 2], kepler[r, 3]
            clock = f0 + since * (f1 + since * f2)
            kepler_state(kepler[r], orbit[c], tk - clock, out)
            at = since - clock - out[6]
            clock = f0 + at * (f1 + at * f2) + out[6]
            drift = f1 + 2 * f2 * at + out[7]
        for j in range(3):
            p[i, j], v[i, j] = out[j], out[3 + j]
        clock_m[i], drift_mps[i] = clock * C_MPS, drift * C_MPS


@kernel
def sp3_state(t_ns: np.ndarray, table: np.ndarray, at_ns: int, frac_s: float, order: int, out: np.ndarray) -> bool:
    """Position and velocity out (6,) at at_ns + frac_s from an SP3 table (epochs, 3) of one satellite.

    Lagrange polynomial over order + 1 nodes turned into the Earth-fixed frame of the wanted moment, so that the
    polynomial follows an inertial path (RTKLIB manual E.4); its derivative gives the velocity. False where
    the nodes lack values or the moment lies more than one interval outside of them.
    """
    n, k = len(t_ns), order + 1
    if n < k:
        return False
    first = int(np.searchsorted(t_ns, at_ns)) - k // 2
    first = min(max(first, 0), n - k)
    step = t_ns[1] - t_ns[0]
    if at_ns < t_ns[first] - step or at_ns > t_ns[first + order] + step:
        return False
    x, px, py, pz = np.empty(k), np.empty(k), np.empty(k), np.empty(k)
    for a in range(k):
        q = table[first + a]
        if not math.isfinite(q[0]):
            return False
        x[a] = (t_ns[first + a] - at_ns) * 1e-9 - frac_s
        s, c = math.sin(RATE_GPS * x[a]), math.cos(RATE_GPS * x[a])
        px[a], py[a], pz[a] = c * q[0] - s * q[1], s * q[0] + c * q[1], q[2]
    for a in range(6):
        out[a] = 0.0
    for a in range(k):
        value, slope, below = 1.0, 0.0, 1.0
        for b in range(k):
            if b != a:
                slope = slope * -x[b] + value
                value *= -x[b]
                below *= x[a] - x[b]
        value, slope = value / below, slope / below
        out[0] += value * px[a]
        out[1] += value * py[a]
        out[2] += value * pz[a]
        out[3] += slope * px[a]
        out[4] += slope * py[a]
        out[5] += slope * pz[a]
    out[3] += RATE_GPS * out[1]
    out[4] -= RATE_GPS * out[0]
    return True


@kernel
def clock_at(t_ns: np.ndarray, table: np.ndarray, at_ns: int, frac_s: float) -> tuple[float, float]:
    """Clock (s) and drift (s/s) by a straight line between the neighbours of at_ns + frac_s; NaN where one lacks."""
    n = len(t_ns)
    if n < 2:
        return np.nan, np.nan
    j = int(np.searchsorted(t_ns, at_ns))
    j = min(max(j, 1), n - 1)
    width = (t_ns[j] - t_ns[j - 1]) * 1e-9
    into = (at_ns - t_ns[j - 1]) * 1e-9 + frac_s
    if into < -width or into > 2 * width:
        return np.nan, np.nan
    drift = (table[j] - table[j - 1]) / width
    return table[j - 1] + drift * into, drift


@kernel
def precise_states(
    t_ns: np.ndarray, flight_s: np.ndarray, sat_row: np.ndarray, clock_row: np.ndarray, order: int,
    orbit_t_ns: np.ndarray, orbit_p: np.ndarray, clock_t_ns: np.ndarray, clock_s: np.ndarray,
    p: np.ndarray, v: np.ndarray, clock_m: np.ndarray, drift_mps: np.ndarray,
) -> None:  # fmt: skip
    """States at transmission from SP3 positions (satellites, epochs, 3) and a clock table (satellites, epochs).

    sat_row and clock_row (m,) pick the satellite, −1: none, which gives NaN. The relativistic term −2 r·v / c² is
    added to the clock (IS-GPS-200 20.3.3.3.3.1); centres are those of the tables (no antenna offsets).
    """
    out = np.empty(6)
    for i in range(len(sat_row)):
        p[i, 0] = p[i, 1] = p[i, 2] = v[i, 0] = v[i, 1] = v[i, 2] = np.nan
        clock_m[i] = drift_mps[i] = np.nan
        if sat_row[i] < 0 or clock_row[i] < 0 or not math.isfinite(flight_s[i]):
            continue
        clock, drift = clock_at(clock_t_ns, clock_s[clock_row[i]], t_ns[i], -flight_s[i])
        if not math.isfinite(clock):
            continue
        if not sp3_state(orbit_t_ns, orbit_p[sat_row[i]], t_ns[i], -flight_s[i] - clock, order, out):
            continue
        for j in range(3):
            p[i, j], v[i, j] = out[j], out[3 + j]
        clock -= 2 * (out[0] * out[3] + out[1] * out[4] + out[2] * out[5]) / (C_MPS * C_MPS)
        clock_m[i], drift_mps[i] = clock * C_MPS, drift * C_MPS
