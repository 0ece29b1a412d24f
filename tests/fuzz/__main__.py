"""A fuzzer: wrong inputs over every command and the Python interface; each must be one sentence.

    python -m tests.fuzz --count 2000 --out results/fuzz.txt

Faults go to stderr as they are found, counts to ``--out`` in the end; exit code 1 where there are
any. The same seed gives the same inputs.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from experiments.runs.versions import hardware, versions
from tests.fuzz.explore import Found, areas, explore, load
from tests.fuzz.garden import Garden


def report(found: list[Found], seconds: float, words: list[str]) -> str:
    """Counts by area and kind, faults, versions."""
    faulty = [each for each in found if each.answer.faults]
    codes = Counter(each.answer.code for each in found)
    lines = [
        f"python -m tests.fuzz {' '.join(words)}",
        f"{len(found)} wrong inputs in {seconds / 60:.1f} min: {len(faulty)} answered wrongly; "
        f"{codes[2]} refused with a sentence, {codes[0]} harmless damages taken as they were",
        f"slowest answer: {max(each.answer.seconds for each in found):.1f} s",
        f"{versions()} {hardware()}",
        "",
        "inputs  area",
        *_table(Counter(each.area for each in found)),
        "",
        "inputs  what is wrong",
        *_table(Counter(each.given.kind for each in found)),
        *(f"\nFAULT {each.area}: {told(each)}" for each in faulty),
    ]
    return "\n".join(lines) + "\n"


def told(found: Found) -> str:
    """An input that was answered wrongly, so that it can be given again."""
    given = found.given
    words = " ".join(map(ascii, getattr(given, "words", ())))
    what = f"{given.kind} | {given.damage or ''} | {words}"
    return f"{what}\n  {'; '.join(found.answer.faults)}\n  {found.answer.said.strip()[-300:]}"


def _table(counts: Counter[str]) -> list[str]:
    return [f"{count:6}  {name}" for name, count in sorted(counts.items())]


def main() -> int:
    """Answer them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="areas with this in their names")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    load()
    started, found = time.monotonic(), list[Found]()
    with tempfile.TemporaryDirectory(prefix="worldsim-garden-") as folder:
        garden = Garden(Path(folder))
        names = [name for name in areas(garden) if given.only in name]
        counts = {
            name: given.count * (number + 1) // len(names) - given.count * number // len(names)
            for number, name in enumerate(names)
        }
        with contextlib.suppress(KeyboardInterrupt):  # what is answered by then is reported
            for each in tqdm(explore(garden, counts, given.seed), total=given.count, unit="input"):
                found.append(each)
                if each.answer.faults:
                    tqdm.write(f"{each.area}: {told(each)}", file=sys.stderr)
    text = report(found, time.monotonic() - started, sys.argv[1:])
    sys.stdout.write(text)
    if given.out is not None:
        given.out.write_text(text)
    return int(any(each.answer.faults for each in found))


if __name__ == "__main__":
    sys.exit(main())
