"""Words that make no options: what is wrong with them, without a parser's own words."""

from __future__ import annotations

import pytest

from experiments.cli import run

SENTENCES = {
    "evaluate reach expert 190000": "--agent, --task, --seeds and --out are missing",
    "evaluate --task reach --seeds 1 --out out": "--agent is missing",
    "upload model": "a word (hf://OWNER/NAME",
    "data info": "a word (the data set) is missing",
    "collect --seeds 0:5": "--seeds '0:5': a whole number is needed",
    "collect --workers=1.5": "--workers '1.5': a whole number is needed",
    "train encoder --rate fast": "--rate 'fast': a number is needed",
    "train encoder --pretrain.batch many": "--pretrain.batch 'many': a whole number is needed",
    "train world-model --image_size big": "--image-size 'big': a whole number is needed",
    "train ppo --hidden 128,128": "--hidden '128,128': each must be a whole number, with spaces",
    "train gc-bc --head transformer": "invalid choice 'transformer' for argument '--head'",
}


@pytest.mark.parametrize("words", SENTENCES)
def test_wrong_words_are_told_by_their_names(words, capsys):
    assert run(words.split()) == 2
    said = capsys.readouterr().err
    name = " ".join(said.removeprefix("worldsim ").partition(":")[0].split())
    assert said.startswith(f"worldsim {name}: {SENTENCES[words]}")
    assert said.endswith(f"(see worldsim {name} --help)\n")
    assert said.count("\n") == 1
    assert len(said) < 300
