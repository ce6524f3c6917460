"""What py-motmetrics says of tracks: run by the Python that has it (it needs NumPy below 2), not by Kinema's.

    python -m venv /tmp/peer && /tmp/peer/bin/pip install "numpy<2" motmetrics==1.4.0
    /tmp/peer/bin/python bench/peer_motmetrics.py GT TRACKS [GT TRACKS …]

Prints JSON: seconds from files to values, and the values of each pair and of all.
"""

from __future__ import annotations

import json
import sys
import time

import motmetrics

METRICS = ["mota", "idf1", "num_switches", "num_fragmentations", "mostly_tracked", "mostly_lost", "num_misses",
           "num_false_positives"]  # fmt: skip


def main() -> None:
    files = sys.argv[1:]
    start = time.perf_counter()
    accumulators, names = [], []
    for gt, tracks in zip(files[::2], files[1::2], strict=False):
        truth = motmetrics.io.loadtxt(gt, fmt="mot15-2D", min_confidence=1)
        found = motmetrics.io.loadtxt(tracks, fmt="mot15-2D")
        accumulators.append(motmetrics.utils.compare_to_groundtruth(truth, found, "iou", distth=0.5))
        names.append(tracks)
    table = motmetrics.metrics.create().compute_many(accumulators, metrics=METRICS, names=names, generate_overall=True)
    seconds = time.perf_counter() - start
    values = {name: {k: float(v) for k, v in row.items()} for name, row in table.to_dict("index").items()}
    print(json.dumps({"seconds": seconds, "values": values}))


if __name__ == "__main__":
    main()
