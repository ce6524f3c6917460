"""A Score as a page of text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kinema.core.time import iso_gps

if TYPE_CHECKING:
    from kinema.analysis.judgement import Score, Stats


def as_text(score: Score) -> str:
    """The whole judgement, at most 80 characters wide."""
    lines = [*_head(score), "", *_errors(score), "", *_shares(score)]
    if len(score.by_status) > 1:
        lines += ["", *_statuses(score)]
    if score.wrong_fixes.fixed:
        lines += ["", *_wrong(score)]
    lines += ["", *_trust(score)]
    lines += [f"note: {note}" for note in score.notes]
    lines += [f"advice: {advice}" for advice in score.advice]
    return "\n".join(lines)


def _metres(value: float) -> str:
    return f"{value:9.3f}" if abs(value) < 1000 else f"{value:9.0f}"


def _percent(share: float) -> str:
    return f"{100 * share:7.1f} %" if share == share else "        –"


def _head(score: Score) -> list[str]:
    assumed = score.assumptions
    lever = assumed["lever_arm_b_m"]
    stated = (
        f"truth: {assumed['truth']}; lever arm {', '.join(f'{x:g}' for x in lever) + ' m' if lever else 'none'}; "
        f"time offset {assumed['time_offset_s']:g} s; datum {assumed['datum']}"
    )
    distance = f" over {score.distance_m / 1000:.2f} km" if score.distance_m > 1 else ""
    available = f"positions at {100 * score.availability:.1f} % of {score.expected_epochs} expected"
    return [f"{score.judged} epochs judged{distance}; {available}", stated]


def _errors(score: Score) -> list[str]:
    lines = ["error, m           RMS      mean      50 %      95 %       max"]
    rows: tuple[tuple[str, Stats | None], ...] = (
        ("horizontal", score.horizontal), ("up", score.vertical), ("3D", score.spatial),
        ("along track", score.along), ("across, right", score.across),
    )  # fmt: skip
    for name, s in rows:
        if s is not None:
            lines.append(f"{name:13s}" + " ".join(_metres(v) for v in (s.rms, s.mean, s.p50, s.p95, s.max)))
    e, n, u = score.offset_enu_m
    lines.append(f"constant part: east {e:+.3f}, north {n:+.3f}, up {u:+.3f} m")
    return lines


def _shares(score: Score) -> list[str]:
    lines = ["horizontal within   of epochs   of expected   of distance"]
    lines += [
        f"{s.limit_m:8g} m        {_percent(s.epochs)}     {_percent(s.expected_epochs)}     {_percent(s.distance)}"
        for s in score.within
    ]
    return lines


def _statuses(score: Score) -> list[str]:
    lines = ["status            share    H RMS    H 50 %    H 95 %     H max"]
    for name, row in score.by_status.items():
        h = row["horizontal"]
        numbers = " ".join(_metres(h[key]) for key in ("rms", "p50", "p95", "max"))
        lines.append(f"{name:13s} {_percent(row['share'])} {numbers}")
    return lines


def _wrong(score: Score) -> list[str]:
    wrong = score.wrong_fixes
    share = 100 * wrong.wrong / wrong.fixed
    title = f"wrong fixes (more than {wrong.limit_m:g} m off in 3D): {wrong.wrong} of {wrong.fixed} ({share:.2f} %)"
    return [title] + [
        f"  {iso_gps(c['from_ns'], 1)} GPS, {c['epochs']} epochs, up to {c['max_m']:.2f} m" for c in wrong.clusters[:5]
    ]


def _trust(score: Score) -> list[str]:
    u = score.uncertainty
    if u is None:
        return ["stated uncertainty: none"]
    ratios = (u.ratio_horizontal, u.ratio_vertical)
    verdict = "optimistic" if u.inside_ellipse < 0.9 else "cautious" if u.nees_2d < 1 else "honest"
    nees = f"NEES {u.nees_2d:.2f} of 2, {u.nees_3d:.2f} of 3"
    inside = f"95 % ellipse holds {100 * u.inside_ellipse:.1f} %, ellipsoid {100 * u.inside_ellipsoid:.1f} %"
    return [
        f"stated uncertainty: {verdict}; {inside}",
        f"  error / stated: horizontal {ratios[0]:.2f}, vertical {ratios[1]:.2f}; {nees}",
    ]
