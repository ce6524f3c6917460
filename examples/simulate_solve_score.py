"""A drive with known truth, solved, judged and reported: python examples/simulate_solve_score.py [FOLDER]"""

import sys
from pathlib import Path

import kinema

out = Path(sys.argv[1] if len(sys.argv) > 1 else "example-drive")
out.mkdir(parents=True, exist_ok=True)

drive = kinema.simulate("monaco", seed=1, rate_hz=2.0)
solution = kinema.solve(drive.recording)
judgement = kinema.score(solution, drive.truth)
print(judgement)

kinema.write(solution, out / "drive.pos")
page = kinema.report(solution, truth=drive.truth, score=judgement, recording=drive.recording)
print("report:", page.save(out / "drive.html"))
