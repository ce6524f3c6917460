"""The screen of `kinema info`: streams, signals, clocks, issues of one file or folder."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

_BARS = " ▁▂▃▄▅▆▇█"
_KINDS = {
    "GnssObservations": "raw GNSS observations",
    "BroadcastEphemerides": "broadcast ephemerides",
    "PreciseOrbits": "precise orbits",
    "PreciseClocks": "precise clocks",
    "PreparedRanges": "prepared pseudoranges",
    "Solution": "positions",
    "Imu": "inertial samples",
    "AnchorRanges": "ranges to anchors",
    "Series": "channel",
}
_SHOWN_ISSUES = 12
_SHOWN_CHANNELS = 16


def screen(told: dict[str, Any]) -> RenderableType:
    """The panel of a file, from what formats.inventory tells of it (and its path, format and agreement)."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    parts: list[RenderableType] = []
    channels = [stream for stream in told["streams"] if stream["kind"] == "Series"]
    for stream in told["streams"]:
        if stream["kind"] != "Series":
            parts += [*_stream(stream), Text()]
    if channels:
        parts += [_channels(channels), Text()]
    parts += _settings(told)
    parts += _agreement(told["agreement"])
    parts += _issues(told["issues"])
    title = f"[bold]{Path(told['path']).name or told['name']}[/]  [dim]{told['format']}[/]"
    if told["simulated"]:
        title += "  [bold magenta]simulated[/]"
    return Panel(Group(*parts), title=title, title_align="left", border_style="cyan", padding=(1, 2, 0, 2))


def _stream(stream: dict[str, Any]) -> list[RenderableType]:
    parts: list[RenderableType] = [_headline(stream)]
    if stream["kind"] == "GnssObservations":
        parts += [_receiver(stream), _signals(stream), *_profiles(stream)]
    elif stream["kind"] == "BroadcastEphemerides":
        parts.append(_messages(stream))
    elif "satellites" in stream:
        parts.append(_line("  " + "   ".join(f"{name} {n}" for name, n in stream["satellites"].items())))
    elif "status" in stream:
        parts.append(_status(stream))
    elif "force_mps2" in stream:
        up, lean = stream["up"], stream["lean_deg"]
        stands = f"[bold]{up} points up[/]" + (f", leaning {lean:.0f}°" if lean >= 1 else "")
        steps = " to ".join(f"{step:.4g}" for step in stream["step_ms"])
        parts.append(_line(f"  [dim]stands[/]  {stands}" + (f"   [dim]steps[/] {steps} ms" if steps else "")))
        axes = "   ".join(f"{axis} {value:+.2f}" for axis, value in zip("xyz", stream["force_mps2"], strict=True))
        parts.append(_line(f"  [dim]specific force, median[/]  {axes}   [bold]{stream['gravity_mps2']:.2f} m/s²[/]"))
        parts.append(_line(f"  [dim]rate, up to[/]  {math.degrees(stream['rate_max_radps']):.3g} °/s"))
    elif "anchors" in stream:
        parts.append(_line(f"  [dim]anchors[/]  {', '.join(stream['anchors'][:12])}"))
    return parts


def _line(text: str) -> RenderableType:
    from rich.text import Text

    return Text.from_markup(text)


def _headline(stream: dict[str, Any]) -> RenderableType:
    kind = _KINDS.get(stream["kind"], stream["kind"])
    text = f"[bold cyan]{stream['role']}[/]  {kind}"
    if stream.get("count"):
        text += f"   [bold]{stream['count']:,}[/] {'epochs' if 'rate_hz' in stream else 'entries'}"
    if stream.get("rate_hz"):
        text += f"   [bold]{_rate(stream['rate_hz'])}[/]"
    if stream.get("relative"):
        since = stream["tow_s"] - (604_800.0 if stream["week"] < 0 else 0.0) + 604_800.0 * max(stream["week"], 0)
        text += f"\n  {since:.10g} s → {since + stream['duration_s']:.10g} s [dim]since its own start[/]"
        text += f"   {_duration(stream['duration_s'])}"
    elif "from" in stream:
        text += f"\n  {stream['from']} → {_until(stream)} GPS   {_duration(stream['duration_s'])}"
        text += f"   [dim]week {stream['week']}, {stream['tow_s']:.10g} s[/]"
    if stream.get("gaps"):
        text += f"\n  [yellow]{stream['gaps']} gaps[/], the longest {_duration(stream['longest_gap_s'])}"
    return _line(text)


def _until(stream: dict[str, Any]) -> str:
    same_day = stream["from"][:10] == stream["to"][:10]
    return str(stream["to"][11:] if same_day else stream["to"])


def _rate(hz: float) -> str:
    return f"{hz:.4g} Hz" if hz >= 0.5 else f"every {1 / hz:.4g} s"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.4g} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


def _receiver(stream: dict[str, Any]) -> RenderableType:
    named = [stream[key] for key in ("marker", "receiver", "antenna") if stream[key]]
    text = f"  [dim]{' · '.join(named)}[/]\n" if named else ""
    text += f"  {stream['satellites']} satellites, {stream['mean_satellites']:.1f} at a time"
    if stream["clock_steps"]:
        text += f"   [yellow]{stream['clock_steps']} receiver clock steps[/]"
    return _line(text)


def _signals(stream: dict[str, Any]) -> RenderableType:
    from rich.table import Table

    table = Table(box=None, padding=(0, 1), header_style="dim", pad_edge=True)
    for name, how in (
        (" system", "left"), ("sats", "right"), ("mean", "right"), ("signal", "left"), ("code %", "right"),
        ("phase %", "right"), ("Doppler %", "right"), ("C/N0 dB-Hz", "left"), ("slips", "right"), ("half", "right"),
    ):  # fmt: skip
        table.add_column(name, justify="right" if how == "right" else "left", no_wrap=True)
    for system in stream["systems"]:
        first = (f" [bold]{system['system']}[/]", str(system["satellites"]), f"{system['mean_satellites']:.1f}")
        for k, signal in enumerate(system["signals"]):
            shares = (_share(signal[key]) for key in ("code", "phase", "doppler"))
            table.add_row(
                *(first if k == 0 else ("", "", "")), signal["signal"], *shares, _strength(signal["cn0_dbhz"]),
                _count(signal["slips"]), _count(signal["half_cycles"]),
            )  # fmt: skip
    return table


def _share(share: float) -> str:
    text = f"{100 * share:.0f}" if share == 0 or share == 1 else f"{100 * share:.1f}"
    return f"[dim]{text}[/]" if share == 0 else text if share > 0.9 else f"[yellow]{text}[/]"


def _strength(cn0_dbhz: float | None) -> str:
    if cn0_dbhz is None:
        return "[dim]–[/]"
    colour = "green" if cn0_dbhz >= 40 else "yellow" if cn0_dbhz >= 32 else "red"
    return f"{cn0_dbhz:4.1f} [{colour}]{'━' * max(1, min(10, round((cn0_dbhz - 20) / 3.5)))}[/]"


def _count(n: int) -> str:
    return f"{n:,}" if n else "[dim]0[/]"


def _profiles(stream: dict[str, Any]) -> list[RenderableType]:
    rows: list[RenderableType] = []
    for label, key, unit in (("satellites", "satellites_profile", ""), ("C/N0", "cn0_profile_dbhz", " dB-Hz")):
        values = [value for value in stream[key] if value is not None]
        if not values:
            continue
        low, high = min(values), max(values)
        bars = "".join(
            " " if value is None else _BARS[1 + round(7 * (value - low) / (high - low))] if high > low else "▅"
            for value in stream[key]
        )
        rows.append(_line(f"  [dim]{label:<11}[/][cyan]{bars}[/] [dim]{low:.0f} to {high:.0f}{unit}[/]"))
    return rows


def _messages(stream: dict[str, Any]) -> RenderableType:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2), header_style="dim", pad_edge=True)
    for name in ("system", "message", "sats", "count", "unhealthy"):
        table.add_column(name, justify="right" if name in ("sats", "count") else "left", overflow="fold")
    for one in stream["messages"]:
        sick = " ".join(one["unhealthy"])
        row = (f"[bold]{one['system']}[/]", one["message"], str(one["satellites"]), f"{one['count']:,}")
        table.add_row(*row, f"[yellow]{sick}[/]" if sick else "[dim]none[/]")
    if stream["ionosphere"]:
        table.caption, table.caption_justify = f"  ionosphere: {' '.join(stream['ionosphere'])}", "left"
    return table


def _status(stream: dict[str, Any]) -> RenderableType:
    shares = "   ".join(f"{name} {_share(share)} %" for name, share in stream["status"].items())
    text = f"  {shares}"
    if "distance_m" in stream:
        text += f"   [dim]{stream['distance_m'] / 1e3:.2f} km[/]"
    if stream["channels"]:
        text += f"\n  [dim]channels: {', '.join(stream['channels'])}[/]"
    return _line(text)


def _channels(streams: list[dict[str, Any]]) -> RenderableType:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2), header_style="dim", pad_edge=False, title_justify="left")
    for name in ("channel", "values", "rate", "unit", "from", "to"):
        table.add_column(name, justify="left" if name in ("channel", "unit") else "right")
    for stream in streams[:_SHOWN_CHANNELS]:
        rate = _rate(stream["rate_hz"]) if stream.get("rate_hz") else "[dim]–[/]"
        ends = [f"{stream[key]:.5g}" if key in stream else "[dim]–[/]" for key in ("min", "max")]
        table.add_row(f"[bold cyan]{stream['role']}[/]", f"{stream['count']:,}", rate, stream.get("unit", ""), *ends)
    if len(streams) > _SHOWN_CHANNELS:
        table.caption, table.caption_justify = f"and {len(streams) - _SHOWN_CHANNELS} more channels", "left"
    return table


def _settings(told: dict[str, Any]) -> list[RenderableType]:
    """Places of anchors, and how sensors are said to sit."""
    from rich.text import Text

    lines = []
    for name, place in list(told["anchors"].items())[:8]:
        lines.append(f"[dim]anchor[/] {name}  " + ", ".join(f"{v:.4g}" for v in place) + " m")
    for role, mount in told["mounts"].items():
        said = []
        if mount["p_b_m"] is not None:
            said.append("at " + ", ".join(f"{v:+.3g}" for v in mount["p_b_m"]) + " m")
        if mount["rpy_bs_rad"] is not None:
            said.append("turned by " + ", ".join(f"{math.degrees(v):+.4g}" for v in mount["rpy_bs_rad"]) + "°")
        if said:
            lines.append(f"[dim]mount of {role}[/]  {'   '.join(said)}")
    return [_line("\n".join(["[bold]settings[/]", *(f"  {line}" for line in lines)])), Text()] if lines else []


def _agreement(told: dict[str, Any]) -> list[RenderableType]:
    """How the streams fit together, a line for each pair."""
    from rich.text import Text

    lines: list[str] = []
    noise = told.get("imu")
    if noise:
        gyro, accel = math.degrees(noise["gyro_noise"]), noise["accel_noise"] / 9.80665e-6
        lines.append(f"[dim]imu's noise at its quietest[/]  gyro {gyro:.2g} °/s/√Hz   accelerometer {accel:.0f} µg/√Hz")
    both = told.get("imu and fixes")
    if both:
        text = f"[dim]imu and fixes[/]  {_duration(both['together_s'])} together"
        if both.get("found"):
            text += f"   turns agree to [green]{both['turns']:.2f}[/]   imu's clock "
            text += f"{1e3 * both['offset_s']:+.0f} ± {1e3 * both['offset_sigma_s']:.0f} ms"
        elif "turns" in both:
            text += f"   [yellow]turns agree to {both['turns']:.2f} only[/]: few turns, or another clock or drive"
        else:
            text += "   [red]never at the same time[/]"
        lines.append(text)
        if both.get("found") and not 0.7 < both["rate_scale"] < 1.4:
            times = f"{both['rate_scale']:.3g}"
            lines.append(f"[red]the gyro reads {times} times the turns of the course[/]: its unit or sign")
    wheels = told.get("wheels and fixes")
    if wheels:
        colour = "green" if abs(wheels["times"] - 1) < 0.15 else "red"
        times = f"[{colour}]{wheels['times']:.3f}[/]"
        lines.append(f"[dim]wheels and fixes[/]  wheels read {times} times the speed of the fixes")
    return [_line("\n".join(["[bold]agreement[/]", *(f"  {line}" for line in lines)])), Text()] if lines else []


def _issues(issues: list[dict[str, Any]]) -> list[RenderableType]:
    from rich.markup import escape

    from kinema.core.recording import Issue

    if not issues:
        return [_line("[green]no issues[/]")]
    lines = [f"[yellow]•[/] {escape(str(Issue(**issue)))}" for issue in issues[:_SHOWN_ISSUES]]
    if len(issues) > _SHOWN_ISSUES:
        lines.append(f"[dim]and {len(issues) - _SHOWN_ISSUES} more; --json shows all[/]")
    return [_line("\n".join([f"[bold]issues[/] [dim]{len(issues)}[/]", *lines]))]
