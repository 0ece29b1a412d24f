"""What to call the arms of a set: everything that tells them apart, and nothing else.

An arm's *conditions* are what its episodes are (goal pictures, cameras, image size, variation); its
*label* says who acted (agent, options, weights, threads). Both follow from the whole specification
and show what differs within the set; what all arms share is said once (``shared``). Two arms of a
set never bear the same name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from experiments.runs.seeds import describe_seeds
from experiments.runs.spec import RunSpec

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Subject:
    """What a name follows from.

    Attributes:
        spec: of the run.
        facts: what the agent is made of (``experiments.runs.agent_facts``), where that is known.
        seeds: of its episodes.
        folder: where it lies, the last resort.
    """

    spec: RunSpec
    facts: Facts
    seeds: tuple[int, ...]
    folder: str


@dataclass(frozen=True)
class Name:
    """What to call an arm: conditions beside its task, and its label."""

    conditions: str
    label: str


_CONDITIONS: tuple[tuple[Callable[[RunSpec], Hashable], Callable[[RunSpec], str]], ...] = (
    (lambda spec: spec.cameras, lambda spec: f"cameras {'+'.join(spec.cameras)}"),
    (lambda spec: spec.image_size, lambda spec: f"{spec.image_size} px"),
    (lambda spec: spec.variation, lambda spec: f"variation {spec.variation}"),
)


def conditions(spec: RunSpec) -> tuple[Hashable, ...]:
    """What episodes must share to be compared: task, goal pictures, cameras, size, variation."""
    return (spec.task, spec.goal, *(value(spec) for value, _ in _CONDITIONS))


def names(subjects: Sequence[Subject], weights: bool = True) -> list[Name]:
    """Names in the order of the subjects.

    Args:
        subjects: the set at hand.
        weights: whether weights tell arms apart. Without, trainings of one recipe share a name,
            which then is not anybody's own.
    """
    shown = [words for value, words in _CONDITIONS if _differ(value(s.spec) for s in subjects)]
    found = [
        Name(
            ", ".join((s.spec.goal, *(words(s.spec) for words in shown))),
            " ".join((_agent(s), *_apart(s, subjects, weights))),
        )
        for s in subjects
    ]
    return _made_unique(subjects, found) if weights else found


def shared(subjects: Sequence[Subject]) -> list[str]:
    """What all arms of a set have in common, as words, and what all arms of an agent have."""
    said = [words(subjects[0].spec) for v, words in _CONDITIONS if not _differ_in(v, subjects)]
    if not _differ(s.spec.threads for s in subjects):
        said.append(_threads(subjects[0].spec))
    if not _differ(s.seeds for s in subjects):
        said.append(f"seeds {describe_seeds(subjects[0].seeds)}")
    for agent in dict.fromkeys(s.spec.agent for s in subjects):
        mine = [flat(s.spec.options) for s in subjects if s.spec.agent == agent]
        same = [f"{k}={v}" for k, v in mine[0].items() if _is_shared(k, mine) and k != "model"]
        said += [f"{agent} {' '.join(same)}"] if same else []
    return said


def flat(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options at any depth as ``outer.inner``, by name."""
    found: dict[str, Any] = {}
    for name, value in sorted(options.items()):
        if isinstance(value, Mapping):
            found |= {f"{name}.{inner}": v for inner, v in flat(value).items()}
        else:
            found[name] = value
    return found


def _agent(subject: Subject) -> str:
    return str(subject.facts.get("label", subject.spec.agent))


def _apart(subject: Subject, subjects: Sequence[Subject], weights: bool) -> list[str]:
    """Words for what tells an arm from the others of its agent."""
    spec = subject.spec
    same = [s for s in subjects if s.spec.agent == spec.agent]
    options = [flat(s.spec.options) for s in same]
    words = [
        f"{name}={value}"
        for name, value in flat(spec.options).items()
        if name != "model" and not _is_shared(name, options)
    ]
    if _differ(s.facts.get("recipe") for s in same) and subject.facts.get("recipe"):
        words.append(f"recipe={subject.facts['recipe']}")
    if weights:
        words += _weights(spec, [s.spec for s in same if s.spec.task == spec.task])
    if _differ(s.spec.threads for s in subjects):
        words.append(_threads(spec))
    return words


def _is_shared(name: str, options: Sequence[Mapping[str, Any]]) -> bool:
    """Whether several arms of an agent all have an option, and the same."""
    values = [repr(found.get(name)) for found in options]
    return len(values) > 1 and not _differ(values)


def _weights(spec: RunSpec, same: Sequence[RunSpec]) -> list[str]:
    """Which weights, where arms of an agent on a task have different ones."""
    if not _differ(identity(s) for s in same):
        return []
    place = _place(spec)
    ambiguous = _differ(identity(s) for s in same if _place(s) == place)
    return [f"weights={spec.weights}" if ambiguous else f"model={place}"]


def identity(spec: RunSpec) -> str:
    """Which weights a run is of; before they had digests, where they lay."""
    return spec.weights or str(spec.options.get("model", "shipped"))


def _place(spec: RunSpec) -> str:
    return str(spec.options.get("model", "shipped")).rstrip("/").rpartition("/")[2]


def _threads(spec: RunSpec) -> str:
    return f"{spec.threads} thread{'s' if spec.threads > 1 else ''}"


def _made_unique(subjects: Sequence[Subject], found: list[Name]) -> list[Name]:
    """Seeds, then folders, beside names that several arms of a task bear."""
    ways: tuple[Callable[[Subject], str], ...] = (
        lambda s: f"seeds {describe_seeds(s.seeds)}",
        lambda s: f"({s.folder})",
    )
    for more in ways:
        count = Counter((s.spec.task, name) for s, name in zip(subjects, found, strict=True))
        found = [
            replace(name, label=f"{name.label} {more(s)}") if count[s.spec.task, name] > 1 else name
            for s, name in zip(subjects, found, strict=True)
        ]
    return found


def _differ_in(value: Callable[[RunSpec], Hashable], subjects: Sequence[Subject]) -> bool:
    return _differ(value(s.spec) for s in subjects)


def _differ(values: Any) -> bool:
    return len(set(values)) > 1
