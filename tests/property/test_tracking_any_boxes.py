"""Whatever the detections: an identity once per frame, every box accounted for, and no matter in which order."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kinema.core.tracks import Detections
from kinema.tracking.offline import track_offline
from kinema.tracking.online import track_online


@st.composite
def scenes(draw: st.DrawFn) -> Detections:
    """A few movers with noise, misses and clutter."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_frames, movers = draw(st.integers(1, 25)), draw(st.integers(0, 6))
    frame, box = [], []
    start, speed = rng.uniform(0, 300, (movers, 2)), rng.normal(0, 8, (movers, 2))
    for k in range(1, n_frames + 1):
        place = start + speed * k + rng.normal(0, draw(st.sampled_from([0.0, 1.0, 6.0])), (movers, 2))
        clutter = rng.uniform(0, 300, (rng.integers(0, 3), 2))
        for x, y in np.concatenate((place[rng.random(movers) < 0.85], clutter)):
            frame.append(k)
            box.append((x, y, *rng.uniform(20, 60, 2)))
    m = len(frame)
    score, absent = rng.uniform(0.05, 1.0, m), np.full(m, -1)
    rate = draw(st.sampled_from([5.0, 25.0, float("nan")]))
    return Detections(np.array(frame, dtype=np.int64), np.reshape(box, (m, 4)), score, absent, absent,
                      np.zeros((m, 0)), n_frames, rate, (400, 400))  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(scenes())
def test_an_identity_stands_once_in_a_frame(scene: Detections) -> None:
    for track in (track_online, track_offline):
        tracks = track(scene)
        tracks.refuse_twins("tracks")
        assert np.isfinite(tracks.box_px).all()
        assert (tracks.box_px[:, 2:] > 0).all()
        assert ((tracks.frame >= 1) & (tracks.frame <= scene.n_frames)).all()


@settings(max_examples=60, deadline=None)
@given(scenes(), st.integers(0, 1000))
def test_the_order_within_a_frame_does_not_matter(scene: Detections, seed: int) -> None:
    """The same boxes get the same partners, whatever the numbers of the identities are."""
    order = np.lexsort((np.random.default_rng(seed).random(len(scene.frame)), scene.frame))
    turned = Detections(scene.frame, scene.box_px[order], scene.score[order], scene.label, scene.tag,
                        scene.appearance, scene.n_frames, scene.frame_rate_hz, scene.image_size_px)  # fmt: skip
    groups = []
    for each in (scene, turned):
        tracks = track_online(each)
        seen: dict[int, set[tuple[float, ...]]] = {}
        for frame, track, box in zip(tracks.frame, tracks.track, tracks.box_px, strict=True):
            seen.setdefault(int(track), set()).add((float(frame), *np.round(box, 6)))
        groups.append({frozenset(boxes) for boxes in seen.values()})
    assert groups[0] == groups[1]
