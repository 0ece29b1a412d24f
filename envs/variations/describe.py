"""Every factor's ranges as a page of tables.

python -m envs.variations.describe      # writes them into docs/variations.md
"""

from __future__ import annotations

from pathlib import Path

from envs.variations.factors import FACTORS
from envs.variations.ranges import LEVELS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "variations.md"
BEGIN, END = "<!-- ranges: written by envs.variations.describe -->", "<!-- end of ranges -->"


def ranges_page() -> str:
    """A Markdown heading and table for each factor: parameters down, levels across."""
    lines = []
    for name, factor in FACTORS.items():
        described = {level: factor.describe(level) for level in LEVELS}
        lines += [f"### {name}", "", f"| | {' | '.join(LEVELS)} |", "|---" * 6 + "|"]
        for parameter in described["training"]:
            cells = [described[level].get(parameter, "") for level in LEVELS]
            lines.append(f"| {parameter} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def rewritten(page: str) -> str:
    """A page with the tables between its two marks brought up to date."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{ranges_page()}\n{END}{after}"


def main() -> None:
    """Bring the page up to date."""
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
