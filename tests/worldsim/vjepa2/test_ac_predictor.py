"""Block causality, cached planning and refusals of the action-conditioned predictor."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from worldsim.vjepa2 import ACPredictor, ACPredictorConfig

STEPS, PATCHES, WIDTH = 4, 8, 24
Inputs = dict[str, Tensor]


def make(use_extrinsics: bool = False, grid: tuple[int, int] = (4, 2)) -> ACPredictor:
    """A predictor whose weights are large enough for leaks to show."""
    config = ACPredictorConfig(
        grid=grid,
        embed_dim=WIDTH,
        predictor_embed_dim=48,
        depth=3,
        num_heads=2,
        state_dim=10,
        use_extrinsics=use_extrinsics,
    )
    predictor = ACPredictor(config).eval()
    for parameter in predictor.parameters():
        nn.init.normal_(parameter, std=0.2)
    return predictor


def inputs(batch: int, extrinsics: bool = False) -> Inputs:
    given = {
        "tokens": torch.randn(batch, STEPS * PATCHES, WIDTH),
        "actions": torch.randn(batch, STEPS, 7),
        "states": torch.randn(batch, STEPS, 10),
    }
    return given | ({"extrinsics": torch.randn(batch, STEPS, 6)} if extrinsics else {})


@torch.no_grad()
@pytest.mark.parametrize("name", ["tokens", "actions", "states", "extrinsics"])
@pytest.mark.parametrize("step", range(STEPS))
def test_the_future_never_changes_the_past(name, step):
    predictor, given = make(use_extrinsics=True), inputs(2, extrinsics=True)
    before = predictor(**given).unflatten(1, (STEPS, PATCHES))
    changed = {key: value.clone() for key, value in given.items()}
    changed[name].unflatten(1, (STEPS, -1))[:, step] += 5.0
    after = predictor(**changed).unflatten(1, (STEPS, PATCHES))
    assert torch.equal(before[:, :step], after[:, :step])
    # The step itself and every later one do feel it.
    assert ((before - after)[:, step:].abs().amax(dim=(0, 2, 3)) > 1e-4).all()


@torch.no_grad()
def test_attention_is_full_within_a_step():
    predictor, given = make(), inputs(1)
    before = predictor(**given)
    given["tokens"] = given["tokens"].clone()
    given["tokens"][:, PATCHES - 1] += 5.0  # the last patch of the first step
    assert (predictor(**given) - before)[:, 0].abs().max() > 1e-4  # reaches its first patch


@torch.no_grad()
@pytest.mark.parametrize("extrinsics", [False, True])
@pytest.mark.parametrize("known", [0, 1, 2])
def test_cached_steps_equal_the_full_forward(extrinsics, known):
    """S candidates that share ``known`` past steps and the current frame."""
    predictor, given = make(extrinsics), inputs(5, extrinsics)
    for name, tensor in given.items():
        per_step = tensor.shape[1] // STEPS
        shared = known + (name != "actions")  # the current step's action differs already
        tensor[:, : shared * per_step] = tensor[:1, : shared * per_step]
    full = predictor(**given).unflatten(1, (STEPS, PATCHES))

    per_step = {k: v.unflatten(1, (STEPS, -1)) for k, v in given.items()}  # (S, T, n, size)
    past = {k: v[:1, :known].flatten(1, 2) for k, v in per_step.items()}
    cache = predictor.prefill(**past)
    for step in range(known, STEPS):
        names = {"tokens": "tokens", "actions": "action", "states": "state"}
        now = {names.get(k, k): v[:, step] for k, v in per_step.items()}
        now = {k: v if k == "tokens" else v.squeeze(1) for k, v in now.items()}
        if step == known:
            now = {k: v if k == "action" else v[:1] for k, v in now.items()}  # batch of one
        got, cache = predictor.step(cache, **now, keep=step + 1 < STEPS)
        torch.testing.assert_close(got, full[:, step], atol=1e-5, rtol=0)


@torch.no_grad()
def test_many_plans_can_start_from_one_cache():
    predictor, given = make(), inputs(3)
    past = (given["tokens"][:1, :PATCHES], given["actions"][:1, :1], given["states"][:1, :1])
    cache = predictor.prefill(*past)
    now = given["tokens"][:1, PATCHES : 2 * PATCHES], given["actions"][:, 1], given["states"][:1, 1]
    first, grown = predictor.step(cache, *now)
    predictor.step(grown, first, now[1], now[2])
    second, _ = predictor.step(cache, *now)
    assert torch.equal(first, second)
    assert cache.steps == 1
    assert grown.steps == 2


@torch.no_grad()
def test_a_predictor_takes_one_of_two_stacked_views():
    predictor = make(grid=(4, 2))
    one = predictor(
        torch.randn(2, STEPS * 4, WIDTH), torch.randn(2, STEPS, 7), torch.zeros(2, STEPS, 10)
    )
    assert one.shape == (2, STEPS * 4, WIDTH)


@torch.no_grad()
def test_width_step_matters_off_the_square_only():
    def build(grid: tuple[int, int], width_step: float) -> ACPredictor:
        torch.manual_seed(1)
        config = ACPredictorConfig(grid, WIDTH, 48, 2, 2, width_step=width_step)
        predictor = ACPredictor(config)
        for parameter in predictor.parameters():
            nn.init.normal_(parameter, std=0.2)
        return predictor

    given = torch.randn(1, 8, WIDTH), torch.randn(1, 1, 7), torch.randn(1, 1, 7)
    plain, stretched = build((4, 2), 1.0)(*given), build((4, 2), 2.0)(*given)
    assert (plain - stretched).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("name", "shape", "sentence"),
    [
        ("actions", (1, STEPS, 6), "actions have 6 dimensions: the model has 7"),
        ("states", (1, STEPS, 7), "states have 7 dimensions: the model has 10"),
        ("states", (1, STEPS - 1, 10), "time steps differ: actions 4, states 3"),
        ("tokens", (1, STEPS * PATCHES, 12), "latents have 12 dimensions: the model has 24"),
        ("tokens", (1, STEPS * PATCHES - 1, WIDTH), "31 tokens do not make 4 steps"),
        ("tokens", (1, STEPS * PATCHES * 2, WIDTH), "64 tokens do not make 4 steps"),
        ("extrinsics", (1, STEPS, 6), "built without extrinsics"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(name, shape, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()(**(inputs(1) | {name: torch.zeros(shape)}))


def test_missing_extrinsics_are_refused():
    with pytest.raises(ValueError, match="built with extrinsics"):
        make(use_extrinsics=True)(**inputs(1))


def test_gradients_reach_actions():
    given = inputs(2)
    given["actions"].requires_grad_()
    make()(**given).square().mean().backward()
    assert (given["actions"].grad.abs().sum(dim=2) > 0).all()
