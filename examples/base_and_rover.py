"""A rover in a made-up town and a base station 8 km away, as RINEX for any program:
python examples/base_and_rover.py [FOLDER]"""

import sys

import kinema

folder = sys.argv[1] if len(sys.argv) > 1 else "example-town"
drive = kinema.simulate("grid", seed=7, duration_s=60.0, rate_hz=1.0, systems="GEC", frequencies=3, base_km=8.0)
drive.save(folder)
print(f"{folder}: rover.obs, base.obs, drive.nav, truth.pos, kinema.toml")

reflected = (drive.known.kind == 2).mean()
print(f"{reflected:.1%} of the rover's observations came off a wall")
