// From the plane of the map to latitude and longitude (WGS84), and back.

const A = 6378137.0, F = 1 / 298.257223563, E2 = F * (2 - F);

function ecef(lat, lon, height) {
  const s = Math.sin(lat), n = A / Math.sqrt(1 - E2 * s * s), r = (n + height) * Math.cos(lat);
  return [r * Math.cos(lon), r * Math.sin(lon), (n * (1 - E2) + height) * s];
}

export class LocalPlane {
  constructor([lat, lon, height]) {
    this.origin = ecef(lat, lon, height);
    const [sp, cp, sl, cl] = [Math.sin(lat), Math.cos(lat), Math.sin(lon), Math.cos(lon)];
    this.east = [-sl, cl, 0];
    this.north = [-sp * cl, -sp * sl, cp];
    this.lat = lat;
    this.lon = lon;
    this.height = height;
  }

  // Latitude and longitude in degrees of a point of the plane (Bowring's start is enough far below the orbits).
  geodetic(e, n) {
    const [x, y, z] = this.origin.map((o, k) => o + e * this.east[k] + n * this.north[k]);
    const r = Math.hypot(x, y), b = A * (1 - F), ep2 = E2 / (1 - E2);
    const u = Math.atan2(z * A, r * b);
    const lat = Math.atan2(z + ep2 * b * Math.sin(u) ** 3, r - E2 * A * Math.cos(u) ** 3);
    return [(lat * 180) / Math.PI, (Math.atan2(y, x) * 180) / Math.PI];
  }

  plane(latDegrees, lonDegrees) {
    const p = ecef((latDegrees * Math.PI) / 180, (lonDegrees * Math.PI) / 180, this.height);
    const d = p.map((value, k) => value - this.origin[k]);
    return [d[0] * this.east[0] + d[1] * this.east[1], d[0] * this.north[0] + d[1] * this.north[1] + d[2] * this.north[2]];
  }
}
