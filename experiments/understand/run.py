"""Running a suite: make the items that are missing, keep each as it comes, sum them up.

Options and help: ``experiments.options.understand``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from tqdm import tqdm

from envs.errors import UserError
from envs.spec import check_choice
from experiments.options.understand import UnderstandConfig
from experiments.runs.executors import make_executor
from experiments.runs.store import read_json
from experiments.runs.versions import versions
from experiments.understand.elsewhere import Answered, drop
from experiments.understand.items import SEEDS, Features, Item, ItemStore
from worldsim.checkpoint import load_world_model
from worldsim.devices import check_threads, use_threads
from worldsim.encoders import encoder_digest
from worldsim.files import write_atomically

SUITES = {
    "counterfactual": ("counterfactual:Counterfactual", 1000),
    "motion": ("motion:Motion", 2000),
    "anticipate": ("anticipate:Anticipate", 2000),
    "expectation": ("expectation:Expectation", 2000),
    "pairs": ("pairs:Pairs", 1000),
}
"""Name -> module:Class in this room, and items unless others are asked for (docs/understand.md)."""


class Suite(Protocol):
    """What a suite is: made of the options."""

    def item(self, seed: int) -> Item:
        """What a seed gives, answered by the simulator and by the models."""
        ...

    def summarise(self, items: Sequence[Item], features: Features) -> dict[str, Any]:
        """``score, low, high, chance, random_weights`` and what the suite adds.

        Args:
            items: (n,) those that are asked about.
            features: name -> (n, ...).
        """
        ...


def main(config: UnderstandConfig) -> None:
    """Make what is missing, write the manifest and the summary."""
    check_choice("suite", config.suite, tuple(SUITES))
    check_threads(config.threads)
    count = SUITES[config.suite][1] if config.items is None else config.items
    if not 1 <= count <= len(SEEDS):
        raise UserError(f"items {count}: allowed are 1 to {len(SEEDS):,}")
    home = _home(config)
    store = ItemStore(Path(config.out), _spec(config))
    items = _fill(config, store, count)
    store.write_manifest(items)
    made = [item for item in store.items() if item.seed <= items[-1].seed]
    summary = {
        "suite": config.suite,
        "model": config.model,
        "n": len(items),
        **open_suite(config).summarise(items, store.features(items)),
        "variation": config.variation,
        **({} if home is None else _against(config, home, store)),
        "dropped": dict(Counter(item.dropped for item in made if item.dropped)),
        "seeds": f"{items[0].seed} to {items[-1].seed} (development)",
        "versions": versions(),
    }
    text = json.dumps(summary, indent=1) + "\n"
    write_atomically(store.folder / "summary.json", text)
    print(f"{text}wrote {store.folder / 'summary.json'}")


@lru_cache(maxsize=1)
def open_suite(config: UnderstandConfig) -> Suite:
    """The suite of some options: one in a process."""
    module, _, name = SUITES[config.suite][0].partition(":")
    suite: Suite = getattr(import_module(f"experiments.understand.{module}"), name)(config)
    return suite


def make_item(config: UnderstandConfig, seed: int) -> Item:
    """One item, in whatever process."""
    use_threads(config.threads)
    return open_suite(config).item(seed)


def _fill(config: UnderstandConfig, store: ItemStore, count: int) -> list[Item]:
    """The first items, by seed, about which something is asked; those missing are made.

    Raises:
        UserError: there are not as many.
    """
    executor = make_executor("local", config.workers, config.threads, store.folder)
    with tqdm(total=count, desc=config.suite, unit="item") as bar:
        while True:
            done = store.items()
            kept = [item for item in done if not item.dropped][:count]
            bar.update(len(kept) - bar.n)
            if len(kept) == count:
                return kept
            made = {item.seed for item in done}
            left = [seed for seed in SEEDS if seed not in made][: count - len(kept)]
            if not left:
                raise UserError(f"{len(SEEDS):,} seeds give only {len(kept)} items")
            for item in executor.run(partial(make_item, config), left):
                store.append(item)
                bar.update(not item.dropped)


def _home(config: UnderstandConfig) -> ItemStore | None:
    """The folder to compare with, if one is given.

    Raises:
        UserError: it holds nothing, or items of another suite, model or critic, or of this scene.
    """
    if config.against is None:
        return None
    folder = Path(config.against)
    variation = read_json(folder / "spec.json").get("variation")
    if variation == config.variation:
        raise UserError(f"--against {folder} holds items of {variation!r}, too: another is needed")
    return ItemStore(folder, _spec(config) | {"variation": variation})


def _against(config: UnderstandConfig, home: ItemStore, away: ItemStore) -> dict[str, Any]:
    """What is lost on the way from one folder to the other."""
    variation = read_json(home.folder / "spec.json")["variation"]
    lost = drop(open_suite(config).summarise, Answered.of(home), Answered.of(away))
    return {"against": {"variation": variation} | lost}


def _spec(config: UnderstandConfig) -> dict[str, Any]:
    """What decides an item and its answers."""
    return {
        "suite": config.suite,
        "model": config.model,
        "weights": encoder_digest(load_world_model(config.model)),
        "variation": config.variation,
        "critic": config.critic,
    }
