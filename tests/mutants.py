"""Which small faults do the tests overlook? See docs/testing.md.

    pip install cosmic-ray
    python -m tests.mutants --count 40 --out results/mutants.txt

Cosmic Ray makes the mutants, a sample of them in each area. Each is tried in a process forked after
the libraries were loaded, in which its module alone reads otherwise; no file is touched.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.metadata import PackageNotFoundError, version
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType
from typing import Any

from tqdm import tqdm

LIBRARIES = ("gymnasium", "mujoco", "numpy", "pytest", "scipy.spatial.transform", "torch")
KINDS = ("BinaryOperator", "Comparison", "UnaryOperator", "Number", "AndWith", "OrWith")
"""What cosmic-ray's operators have in their names that change what is computed."""
LOUD = ("Bit", "Shift", "Invert", "Mod", "_Is")
"""The same of those that numbers with a fraction cannot bear, or that change nothing."""
SECONDS = 300


@dataclass(frozen=True)
class Area:
    """Modules, and the tests that ought to notice."""

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]


AREAS = (
    Area("statistics", ("experiments.runs.statistics",), ("tests/experiments/test_statistics.py",)),
    Area(
        "planning",
        tuple(
            f"worldsim.planning.{name}"
            for name in ("cem", "cost", "gaussian", "gradient", "icem", "mppi", "vjepa2_ac")
        ),
        tuple(f"tests/worldsim/test_{name}.py" for name in ("planning", "planners", "energies")),
    ),
    Area(
        "tasks",
        tuple(f"envs.{name}" for name in ("grasp", "pick_place", "push", "reach", "task")),
        tuple(f"tests/envs/test_{name}.py" for name in ("rewards", "tasks", "push", "starts")),
    ),
)


@dataclass(frozen=True)
class Mutant:
    """A module with one fault: its whole text, and where it differs."""

    module: str
    path: Path
    text: str

    def __str__(self) -> str:
        before, after = self.path.read_text().splitlines(), self.text.splitlines()
        line = next(n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b)
        return f"{self.path}:{line + 1}\n    - {before[line].strip()}\n    + {after[line].strip()}"


def mutants(module: str) -> Iterator[Mutant]:
    """All of a module that compute something else: annotations and text are no faults."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    path = Path(*module.split(".")).with_suffix(".py")
    text = path.read_text()
    nodes, usual = list(ast_nodes(get_ast(text))), _computed(text)
    for name in operator_names():
        if any(kind in name for kind in KINDS) and not any(kind in name for kind in LOUD):
            operator = get_operator(name)()
            places = sum(1 for node in nodes for _ in operator.mutation_positions(node))
            for occurrence in range(places):
                changed = mutate_code(text, operator, occurrence)
                if changed is not None and _computed(changed) != usual:
                    yield Mutant(module, path, changed)


def _computed(text: str) -> str:
    """A module without what is not run."""

    class Bare(ast.NodeTransformer):
        def visit_arg(self, node: ast.arg) -> ast.arg:
            node.annotation = None
            return node

        def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
            node.annotation = ast.Constant(None)
            self.generic_visit(node)
            return node

        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
            node.returns = None
            self.generic_visit(node)
            return node

    try:
        return ast.dump(Bare().visit(ast.parse(text)))
    except SyntaxError:
        return ast.dump(ast.parse(""))


class _Loader(SourceFileLoader):
    """Loads a mutant in its module's place."""

    def __init__(self, mutant: Mutant) -> None:
        super().__init__(mutant.module, str(mutant.path.absolute()))
        self._text = mutant.text

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._text, self.path, "exec")

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        found = spec_from_loader(name, self) if name == self.name else None
        if found is not None:
            found.origin, found.has_location = self.path, True
        return found


def survives(mutant: Mutant | None, tests: tuple[str, ...]) -> bool:
    """Whether all tests pass with a mutant; without one they must."""
    child = os.fork()
    if child == 0:
        import pytest

        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1), os.dup2(quiet, 2)
        if mutant is not None:
            sys.meta_path.insert(0, _Loader(mutant))
        os._exit(int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "--no-cov", *tests])) != 0)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def main() -> None:
    """Try a sample of each area and tell what survives."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=40, help="mutants of each area")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--out", type=Path, default=Path("results/mutants.txt"))
    options = parser.parse_args()
    try:
        told = [f"cosmic-ray {version('cosmic-ray')}, seed {options.seed}"]
    except PackageNotFoundError:
        sys.exit("mutants are made by cosmic-ray: pip install cosmic-ray")
    for name in LIBRARIES:
        importlib.import_module(name)
    for area in AREAS:
        if not survives(None, area.tests):
            sys.exit(f"{area.name}: its tests fail without a mutant")
        made = [mutant for module in area.modules for mutant in mutants(module)]
        sample = random.Random(options.seed).sample(made, min(options.count, len(made)))
        bar = tqdm(sample, desc=area.name)
        left = [mutant for mutant in bar if survives(mutant, area.tests)]
        told.append(f"\n{area.name}: {len(left)} of {len(sample)} survive ({len(made):,} in all)")
        told += [str(mutant) for mutant in left]
        options.out.write_text("\n".join(told) + "\n")


if __name__ == "__main__":
    main()
