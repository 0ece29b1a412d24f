"""The page of a comparison: one static HTML file, no network, readable on a phone and in the dark.

worldsim report runs/compare
"""

from __future__ import annotations

import base64
import html
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from experiments.compare import HEADER, cells
from experiments.store import write_atomically

STAGES = ("none", "reached", "grasped", "lifted", "placed")

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--bar:#3b82c4}
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:auto;padding:1rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
td,th{border-bottom:1px solid var(--line);padding:.3rem .6rem;text-align:left}
.scroll{overflow-x:auto}.bar{background:var(--bar);height:.6rem;border-radius:.3rem}
.videos{display:grid;grid-template-columns:repeat(auto-fill,minmax(12rem,1fr));gap:.8rem}
video{width:100%;border-radius:.3rem}figure{margin:0}figcaption{font-size:.85rem}
code{overflow-wrap:anywhere}
"""


@dataclass(frozen=True)
class ReportConfig:
    """Options of ``worldsim report``.

    Attributes:
        folder: a comparison's folder.
    """

    folder: Positional[str]


def main(config: ReportConfig) -> None:
    """Write the page again from a comparison's results."""
    print(write_report(Path(config.folder)))


def write_report(folder: Path) -> Path:
    """Write ``index.html`` into a comparison's folder.

    Raises:
        ValueError: when the folder holds no comparison.
    """
    source = folder / "results.json"
    if not source.exists():
        raise ValueError(f"{folder} holds no comparison: run 'worldsim compare --out {folder}'")
    results = json.loads(source.read_text())
    body = [
        "<h1>worldsim: agents on identical seeds</h1>",
        f"<p><code>{html.escape(results['command'])}</code></p>",
        _results(results["summaries"]),
        _paired(results["paired"]),
        _funnels(results["summaries"]),
        _videos(folder / "videos"),
        "<h2>Versions</h2>",
        f"<p><code>{html.escape(json.dumps(results['summaries'][0]['versions']))}</code></p>"
        if results["summaries"]
        else "",
    ]
    page = (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>worldsim comparison</title><style>{_STYLE}</style></head><body>"
        + "\n".join(body)
        + "</body></html>\n"
    )
    path = folder / "index.html"
    write_atomically(path, page)
    return path


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{html.escape(text)}</th>" for text in header)
    lines = ["".join(f"<td>{html.escape(text)}</td>" for text in row) for row in rows]
    inner = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<div class='scroll'><table><tr>{head}</tr>{inner}</table></div>"


def _results(summaries: list[dict[str, Any]]) -> str:
    return (
        "<h2>Success</h2>"
        + _table(HEADER, [cells(summary) for summary in summaries])
        + "<p>Tiers are not one ranking: A sees privileged state, B learns online from pictures, "
        "C plans or acts from pictures and offline data.</p>"
    )


def _paired(comparisons: list[dict[str, Any]]) -> str:
    if not comparisons:
        return ""
    header = ("task", "world-model minus", "difference", "95 % interval", "McNemar p")
    rows = [
        (
            c["task"],
            c["other"],
            f"{c['difference']:+.0%}",
            f"{c['low']:+.0%} to {c['high']:+.0%}",
            f"{c['p_value']:.3g}",
        )
        for c in comparisons
    ]
    return "<h2>Paired on the same seeds</h2>" + _table(header, rows)


def _funnels(summaries: list[dict[str, Any]]) -> str:
    """Share of episodes that got at least so far."""
    parts = ["<h2>How far episodes got</h2>"]
    for summary in summaries:
        parts.append(f"<p><b>{summary['task']}</b> {html.escape(summary['agent'])}</p>")
        for index, stage in enumerate(STAGES[1:], start=1):
            count = sum(summary["stages"].get(later, 0) for later in STAGES[index:])
            share = count / summary["n"]
            if share:
                width = max(1, round(100 * share))
                parts.append(
                    f"<div>{stage} {share:.0%}<div class='bar' style='width:{width}%'></div></div>"
                )
    return "".join(parts)


def _videos(folder: Path) -> str:
    """Videos inside the page, grouped by task and seed so that agents stand side by side."""
    if not folder.exists():
        return ""
    files = sorted(folder.glob("*.mp4"), key=lambda p: (p.stem.split("_")[0], p.stem.split("_")[2]))
    parts = ["<h2>Videos</h2><div class='videos'>"]
    for path in files:
        data = base64.b64encode(path.read_bytes()).decode()
        caption = html.escape(path.stem.replace("_", " "))
        parts.append(
            f"<figure><video controls loop muted playsinline preload='metadata' "
            f"src='data:video/mp4;base64,{data}'></video><figcaption>{caption}</figcaption></figure>"
        )
    return "".join(parts) + "</div>"
