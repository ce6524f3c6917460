"""Your own files: python examples/read_solve_report.py rover.obs brdc.nav [more files or a folder …]"""

import sys

import kinema

recording = kinema.read(*sys.argv[1:])
for issue in recording.issues:
    print("issue:", issue)

solution = kinema.solve(recording)
print(f"{len(solution)} epochs, {solution.valid.mean():.1%} with a position, {solution.provenance.mode}")
kinema.write(solution, "drive.gpx")
print("report:", kinema.report(solution, recording=recording).save("drive.html"))
