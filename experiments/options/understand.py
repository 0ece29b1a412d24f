"""What a model knows of the scene, measured on items whose answers the simulator gives.

    worldsim understand --suite counterfactual --model tiny --out runs/understand/counterfactual

Items are made from development seeds, one a seed; nothing of them is asked of a model before the
simulator has answered. The suites (docs/understand.md):

- counterfactual: from a state near contact, chunks of actions are simulated. Which of them would a
  model, a cloned policy or an RL agent choose, and is it a good one?
- motion: what happened in two seconds (pushed left or right, picked up, put down, dropped, ...),
  from frozen latents of eight frames, of these frames in disorder, and of one of them.
- anticipate: what will be going on in a second, from what is seen, and from what is imagined too.
- expectation: an object is carried through the dark, and what comes to light is another one, none,
  or elsewhere. Does that surprise more than what is possible?
- pairs: two clips that differ by a few millimetres, in one of which the object is lifted (taken
  along, dropped, pushed) and in the other not; one question in words. Are both answers right?

It writes ``items.jsonl``, ``manifest.txt`` (a hash of each item's states), ``pictures`` of the
first items and ``summary.json``: suite, model, n, score with its interval, chance, the score of the
same model with random weights, and what the suite adds. Ctrl-C keeps what is finished; the same
command goes on where it stopped.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class UnderstandConfig:
    """Options of ``worldsim understand``.

    Attributes:
        out: folder for the items and the summary; the same command on the same folder continues.
        suite: what is asked.
        model: a world model's name, folder or released file.
        items: how many are asked about; if left out, as many as take two cores a quarter of an
            hour.
        variation: recipe of appearances.
        against: folder of the same suite and model in another variation: probes are fitted there
            and tried here, on the seeds of both, and the summary tells the drop.
        critic: folder that ``train sac-her --task grasp`` wrote, whose Q is asked, too; the
            shipped weights are actors alone.
        threads: of the numerical libraries.
        workers: processes; items do not depend on it.
    """

    out: str
    suite: str = "counterfactual"
    model: str = "tiny"
    items: int | None = None
    variation: str = "default"
    against: str | None = None
    critic: str | None = None
    threads: int = 1
    workers: int = 1
