"""The page of a comparison or sweep: one HTML file, no network, for phones and for the dark."""

from __future__ import annotations

import base64
import html
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from importlib import resources
from pathlib import Path

from envs.task import STAGES
from experiments.report.tables import paired_cells
from experiments.runs.arms import TIERS, Arm, Comparison, groups


def page(
    arms: list[Arm], pairs: list[Comparison], missing: list[str], command: str, videos: Path
) -> str:
    """The whole page as text.

    Args:
        arms: finished runs.
        pairs: arms that were compared.
        missing: what was not run.
        command: that led here.
        videos: folder of MP4 files as ``experiments.report.video`` names them.
    """
    episodes = sum(arm.summary["n"] for arm in arms)
    clips, script = _clips(videos), _asset("player.js")
    parts = [
        "<h1>worldsim: agents on identical seeds</h1>",
        f"<p class='note'>{len(arms)} runs, {episodes:,} episodes. Every agent starts from the "
        "same states and, where it acts on pictures, is given the same goal pictures. Intervals "
        "are 95 % (Wilson for rates, Newcombe for paired differences).</p>",
        _success(arms),
        "".join(f"<p class='note'>Not run: {html.escape(text)}</p>" for text in missing),
        _pairs(pairs),
        "<h2>Success against time per action</h2><div class='plots'>",
        *(f"<div><h3>{_title(group)}</h3>{_scatter(group)}</div>" for group in groups(arms)),
        "</div><h2>How far episodes got</h2><div class='plots'>",
        *(f"<div><h3>{_title(group)}</h3>{_funnels(group)}</div>" for group in groups(arms)),
        "</div>",
        _player(clips) if clips else "",
        _provenance(arms, command),
        f"<script>{script}</script>" if clips else "",
    ]
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        "<link rel='icon' href='data:,'>"
        f"<title>worldsim report</title><style>{_asset('style.css')}</style></head><body>"
        + "\n".join(parts)
        + "</body></html>\n"
    )


def _asset(name: str) -> str:
    return resources.files("experiments.report").joinpath("assets", name).read_text()


def _title(group: list[Arm]) -> str:
    return f"{group[0].spec.task} <small>({html.escape(group[0].conditions)})</small>"


def _row(texts: Sequence[str], cell: str = "td") -> str:
    return "<tr>" + "".join(f"<{cell}>{text}</{cell}>" for text in texts) + "</tr>"


def _success(arms: list[Arm]) -> str:
    """A table a task, agents under their tier."""
    parts = ["<h2>Success</h2>"]
    header = _row(("agent", "success", "", "steps", "ms per action"), "th")
    for group in groups(arms):
        rows = []
        for tier, meaning in TIERS.items():
            inside = [arm for arm in group if arm.summary["tier"] == tier]
            if inside:
                rows.append(f"<tr class='tier'><td colspan='5'>Tier {tier}: {meaning}</td></tr>")
            rows += [_row(_success_cells(arm)) for arm in inside]
        parts.append(
            f"<h3>{_title(group)}</h3><div class='scroll'><table>{header}{''.join(rows)}"
            "</table></div>"
        )
    parts.append(
        "<p class='note'>Tiers are not one ranking: they see and learn different things.</p>"
    )
    return "".join(parts)


def _success_cells(arm: Arm) -> tuple[str, ...]:
    s = arm.summary
    steps, seconds = s["median_steps_to_success"], s["median_seconds_per_action"]
    interval = f"{s['wilson_low']:.0%} to {s['wilson_high']:.0%}"
    return (
        html.escape(arm.label),
        f"{s['successes']}/{s['n']} = {s['success_rate']:.1%}<br><small>{interval}</small>",
        _interval(s["success_rate"], s["wilson_low"], s["wilson_high"], 0.0, 1.0),
        "-" if steps is None else f"{steps:.0f}",
        "-" if seconds is None else f"{1000 * seconds:.1f}",
    )


def _interval(middle: float, low: float, high: float, left: float, right: float) -> str:
    """A point with its range on a line from left to right."""
    x0, x, x1 = (round(6 + 148 * (v - left) / (right - left), 1) for v in (low, middle, high))
    zero = round(6 + 148 * (0 - left) / (right - left), 1)
    return (
        "<svg width='160' height='18' role='img'>"
        f"<title>{middle:.1%}, {low:.1%} to {high:.1%}</title>"
        "<line class='axis' x1='6' x2='154' y1='9' y2='9'/>"
        f"<line class='axis' x1='{zero}' x2='{zero}' y1='2' y2='16'/>"
        f"<line class='range' x1='{x0}' x2='{x1}' y1='9' y2='9'/>"
        f"<circle class='point' cx='{x}' cy='9' r='4'/></svg>"
    )


def _pairs(pairs: list[Comparison]) -> str:
    if not pairs:
        return ""
    header = (
        "task",
        "conditions",
        "first",
        "second",
        "difference",
        "interval",
        "",
        "2×2 table",
        "p (Holm)",
    )
    rows = []
    for pair in pairs:
        cells, p = [html.escape(text) for text in paired_cells(pair)], pair.result
        cells.insert(6, _interval(p.difference, p.low, p.high, -1.0, 1.0))
        rows.append(_row(cells))
    return (
        "<h2>Paired on the same starts</h2><div class='scroll'><table>"
        f"{_row(header, 'th')}{''.join(rows)}</table></div>"
        "<p class='note'>First minus second. The table counts seeds: both / only the first / only "
        "the second / neither succeeded; exact McNemar, adjusted over all rows.</p>"
    )


def _scatter(group: list[Arm]) -> str:
    """Success against milliseconds per action, the latter on a logarithmic scale."""
    points = [(a, 1000 * a.summary["median_seconds_per_action"]) for a in group if _timed(a)]
    if not points:
        return "<p class='note'>No agent was timed.</p>"
    low = math.floor(math.log10(min(ms for _, ms in points)))
    high = max(low + 1, math.ceil(math.log10(max(ms for _, ms in points))))

    def x(ms: float) -> float:
        return round(40 + 250 * (math.log10(ms) - low) / (high - low), 1)

    def y(rate: float) -> float:
        return round(170 - 150 * rate, 1)

    marks = [
        "<svg viewBox='0 0 310 200' width='100%' role='img'><title>success against time</title>"
    ]
    for rate in (0.0, 0.5, 1.0):
        marks.append(f"<line class='axis' x1='40' x2='290' y1='{y(rate)}' y2='{y(rate)}'/>")
        marks.append(f"<text class='dim' x='2' y='{y(rate) + 4}'>{rate:.0%}</text>")
    for power in range(low, high + 1):
        ms = 10.0**power
        marks.append(f"<text class='dim' x='{x(ms) - 8}' y='190'>{ms:g} ms</text>")
    points.sort(key=lambda point: point[1])
    for number, (arm, ms) in enumerate(points, start=1):
        s = arm.summary
        marks.append(
            f"<line class='range' x1='{x(ms)}' x2='{x(ms)}' y1='{y(s['wilson_low'])}' "
            f"y2='{y(s['wilson_high'])}'/><circle class='point' cx='{x(ms)}' "
            f"cy='{y(s['success_rate'])}' r='4'/><text x='{x(ms) + 6}' "
            f"y='{y(s['success_rate']) + 4}'>{number}</text>"
        )
    names = "".join(f"<li>{html.escape(arm.label)}</li>" for arm, _ in points)
    return "".join([*marks, f"</svg><ol class='note'>{names}</ol>"])


def _timed(arm: Arm) -> bool:
    return bool(arm.summary["median_seconds_per_action"])


def _funnels(group: list[Arm]) -> str:
    """Share of episodes that got at least so far."""
    parts = []
    for arm in group:
        somewhere = arm.summary["n"] - arm.summary["stages"].get(STAGES[0], 0)
        text = "" if somewhere else "<br>no episode reached a stage"
        parts.append(f"<p><b>{html.escape(arm.label)}</b>{text}</p>")
        for index, stage in enumerate(STAGES[1:], start=1):
            count = sum(arm.summary["stages"].get(later, 0) for later in STAGES[index:])
            share = count / arm.summary["n"]
            if share:
                bar = f"<i><b style='width:{share:.1%}'></b></i>"
                parts.append(
                    f"<div class='stage'><span>{stage}</span>{bar}<span>{share:.0%}</span></div>"
                )
    return "".join(parts)


def _clips(folder: Path) -> list[dict[str, str | int]]:
    """Videos as data, by task and seed."""
    clips: list[dict[str, str | int]] = []
    for path in sorted(folder.glob("*.mp4")):
        note = json.loads(path.with_suffix(".json").read_text())
        data = base64.b64encode(path.read_bytes()).decode()
        clips.append({**note, "source": f"data:video/mp4;base64,{data}"})
    return clips


def _player(clips: list[dict[str, str | int]]) -> str:
    data = json.dumps(clips).replace("</", "<\\/")
    return (
        "<h2>Episodes side by side</h2><div class='controls'>"
        "<label>Task <select id='task'></select></label>"
        "<label>Seed <select id='seed'></select></label>"
        "<button id='play'>Play</button>"
        "<input id='time' type='range' min='0' max='1' step='0.001' value='0' aria-label='time'>"
        "<label>Speed <select id='speed'><option value='0.5'>½</option>"
        "<option value='1' selected>1</option><option value='2'>2</option>"
        "<option value='4'>4</option></select></label></div>"
        "<div class='videos' id='stage'></div>"
        f"<script type='application/json' id='clips'>{data}</script>"
    )


def _provenance(arms: list[Arm], command: str) -> str:
    """How to get the same again."""
    specs = [asdict(arm.spec) | {"run_key": arm.spec.key} for arm in arms]
    hardware = {json.dumps(row.get("hardware")) for arm in arms for row in arm.rows[:1]}
    return (
        "<h2>How this was made</h2>"
        f"<pre>{html.escape(command)}</pre>"
        f"<pre>{html.escape(json.dumps(arms[0].summary['versions'], indent=1))}</pre>"
        f"<pre>{html.escape(chr(10).join(sorted(hardware)))}</pre>"
        "<details><summary>Specifications of all runs</summary>"
        f"<pre>{html.escape(json.dumps(specs, indent=1))}</pre></details>"
    )
