"""What an ideal IMU on a simulated car reads, and that it adds up: python examples/ideal_imu.py"""

import numpy as np

import kinema

drive = kinema.simulate("open", seed=3)
motion = drive.motion
imu = motion.sample(motion.times(rate_hz=100.0), point_b_m=(0.2, 0.0, -0.5))

print(f"{len(imu.t_ns)} samples, {imu.way_m[-1]:.0f} m")
print("at rest   f", np.round(imu.f_ib_b_mps2[100], 4), "m/s²")
sideways = np.abs(imu.f_ib_b_mps2[:, 1]).max()
print(
    f"cornering f up to {sideways:.2f} m/s² sideways, turning at up to {np.abs(imu.w_ib_b_radps[:, 2]).max():.2f} rad/s"
)
