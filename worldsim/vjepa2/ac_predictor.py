"""V-JEPA 2-AC's action-conditioned predictor (arXiv 2506.09985, section 3.1).

Per time step the tokens are ``[action, state, (extrinsics), patches]``. Attention is block-causal:
full within a step and to all earlier steps. Only patch tokens come out. Action and state tokens
carry temporal positions only.

Planning reuses what candidates share. ``prefill`` reads the steps whose actions are known, once;
``step`` then imagines one step for many candidates at a time::

    cache = predictor.prefill(past_tokens, past_actions, past_states)    # batch of one
    tokens, cache = predictor.step(cache, now, actions, state)           # batch of S
    tokens, cache = predictor.step(cache, normalise(tokens), ...)

This equals the full forward pass. The current frame cannot be read beforehand: within a step every
patch looks at the action, so from the first block on its features belong to one candidate. Only
its embedding is shared, which happens by itself where ``now`` has a batch of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from worldsim.errors import UserError
from worldsim.vjepa2.layers import NORM_EPS, Memory, grid_table, initialise, make_blocks


@dataclass(frozen=True)
class ACPredictorConfig:
    """Sizes of an action-conditioned predictor; the defaults are the released V-JEPA 2-AC.

    Attributes:
        grid: (rows, columns) of patches per time step; two stacked views double the rows. Fewer
            rows than these may be given at any call.
        embed_dim: width D of the encoder's latents.
        predictor_embed_dim: width inside.
        depth: blocks.
        num_heads: attention heads.
        action_dim, state_dim: sizes of one action and one state.
        use_extrinsics: whether a camera-pose token joins each step.
        mlp_ratio: hidden width over the width inside.
        width_step: distance between columns in rotary positions, rows being 1 apart. Upstream
            has rows / columns; the two agree on the square grids of the released weights.
    """

    grid: tuple[int, int] = (16, 16)
    embed_dim: int = 1408
    predictor_embed_dim: int = 1024
    depth: int = 24
    num_heads: int = 16
    action_dim: int = 7
    state_dim: int = 7
    use_extrinsics: bool = False
    mlp_ratio: float = 4.0
    width_step: float = 1.0


@dataclass(frozen=True)
class Cache:
    """Steps a predictor has read; never changed, so that many futures can start from one.

    Attributes:
        memories: keys and values of each block.
        steps: time steps read.
    """

    memories: tuple[Memory, ...]
    steps: int


@lru_cache(maxsize=64)
def _step_table(
    first: int,
    steps: int,
    grid: tuple[int, int],
    extra: int,
    head_dim: int,
    width_step: float,
    device: torch.device,
) -> Tensor:
    """Rotary table (2, steps * (extra + P), head_dim) of time steps ``first`` onwards."""
    last = first + steps
    patches = grid_table(last, *grid, head_dim, device, (1.0, width_step))  # (2, last * P, d)
    with torch.inference_mode(False):
        patches = patches.unflatten(1, (last, -1))[:, first:]  # (2, T, P, d)
        # The first patch of a step has row and column 0, hence is turned by time alone.
        others = patches[:, :, :1].expand(-1, -1, extra, -1)  # (2, T, E, d)
        return torch.cat([others, patches], dim=2).flatten(1, 2)


class ACPredictor(nn.Module):
    """Latents, actions and states of steps 1..T to latents of steps 2..T+1.

    Shapes: B batch, T time steps, P patches per step, E = 2 or 3 other tokens per step, D width of
    the encoder's latents, C width inside. A batch of one is stretched to that of other arguments.
    """

    def __init__(self, config: ACPredictorConfig) -> None:
        super().__init__()
        self.config = config
        width = config.predictor_embed_dim
        self.predictor_embed = nn.Linear(config.embed_dim, width)
        self.action_encoder = nn.Linear(config.action_dim, width)
        self.state_encoder = nn.Linear(config.state_dim, width)
        # In the released weights even where it is not used.
        self.extrinsics_encoder = nn.Linear(config.action_dim - 1, width)
        self.predictor_blocks = make_blocks(config.depth, width, config.num_heads, config.mlp_ratio)
        self.predictor_norm = nn.LayerNorm(width, eps=NORM_EPS)
        self.predictor_proj = nn.Linear(width, config.embed_dim)
        initialise(self, self.predictor_blocks)

    def forward(
        self, tokens: Tensor, actions: Tensor, states: Tensor, extrinsics: Tensor | None = None
    ) -> Tensor:
        """Predict the next step of every step.

        Args:
            tokens: (B, T * P, D) patch latents, step after step.
            actions: (B, T, action_dim).
            states: (B, T, state_dim).
            extrinsics: (B, T, 6), where the model uses them.

        Returns:
            (B, T * P, D): the tokens at step t predict step t + 1.

        Raises:
            ValueError: when the sizes do not fit the model or each other.
        """
        x = self._interleave(tokens, actions, states, extrinsics)  # (B, T, E + P, C)
        table = self._table(x, first=0)
        steps, x = x.shape[1], x.flatten(1, 2)  # (B, T * (E + P), C)
        for block in self.predictor_blocks:
            x = block(x, table, steps)
        return self._patches_out(x, steps)

    def prefill(
        self, tokens: Tensor, actions: Tensor, states: Tensor, extrinsics: Tensor | None = None
    ) -> Cache:
        """Read steps whose actions are known already; shapes as in ``forward``, T may be 0."""
        memories = tuple(Memory() for _ in self.predictor_blocks)
        steps = actions.shape[1]
        if steps == 0:
            return Cache(memories, 0)
        x = self._interleave(tokens, actions, states, extrinsics)
        table = self._table(x, first=0)
        x = x.flatten(1, 2)  # (B, T * (E + P), C)
        for block, memory in zip(self.predictor_blocks, memories, strict=True):
            x = block(x, table, steps, memory)
        return Cache(memories, steps)

    def step(
        self,
        cache: Cache,
        tokens: Tensor,
        action: Tensor,
        state: Tensor,
        extrinsics: Tensor | None = None,
        keep: bool = True,
    ) -> tuple[Tensor, Cache]:
        """Predict what follows one more step.

        Args:
            cache: what came before, of batch 1 or B; it is not changed.
            tokens: (B, P, D) latents of this step.
            action: (B, action_dim) taken from it.
            state: (B, state_dim).
            extrinsics: (B, 6), where the model uses them.
            keep: whether the returned cache holds this step. The last step of a plan need not be
                kept, which saves memory.

        Returns:
            The next step (B, P, D) and the cache to go on with.

        Raises:
            ValueError: when the sizes do not fit the model or each other.
        """
        one = None if extrinsics is None else extrinsics.unsqueeze(1)
        x = self._interleave(tokens, action.unsqueeze(1), state.unsqueeze(1), one)
        table = self._table(x, first=cache.steps)
        x = x.flatten(1, 2)  # (B, E + P, C)
        grown = []
        for block, memory in zip(self.predictor_blocks, cache.memories, strict=True):
            branch = memory.branch()
            x = block(x, table, 1, branch)
            if keep:
                grown.append(branch)
        after = Cache(tuple(grown), cache.steps + 1) if keep else cache
        return self._patches_out(x, 1), after

    # -- inside -----------------------------------------------------------------------------------

    def _interleave(
        self, tokens: Tensor, actions: Tensor, states: Tensor, extrinsics: Tensor | None
    ) -> Tensor:
        """Embed everything: (B, T, E + P, C)."""
        self._check(tokens, actions, states, extrinsics)
        steps = actions.shape[1]
        parts = [self.action_encoder(actions), self.state_encoder(states)]
        if self.config.use_extrinsics:
            parts.append(self.extrinsics_encoder(extrinsics))
        parts = [part.unsqueeze(2) for part in parts]  # (B, T, 1, C) each
        parts.append(self.predictor_embed(tokens).unflatten(1, (steps, -1)))  # (B, T, P, C)
        batch = max(len(part) for part in parts)
        return torch.cat([part.expand(batch, -1, -1, -1) for part in parts], dim=2)

    def _table(self, x: Tensor, first: int) -> Tensor:
        """Rotary table (2, T * (E + P), d) of tokens (B, T, E + P, C)."""
        cfg = self.config
        extra = 2 + cfg.use_extrinsics
        grid = ((x.shape[2] - extra) // cfg.grid[1], cfg.grid[1])
        head_dim = cfg.predictor_embed_dim // cfg.num_heads
        return _step_table(first, x.shape[1], grid, extra, head_dim, cfg.width_step, x.device)

    def _patches_out(self, x: Tensor, steps: int) -> Tensor:
        """(B, T * (E + P), C) -> (B, T * P, D)."""
        patches = x.unflatten(1, (steps, -1))[:, :, 2 + self.config.use_extrinsics :]
        out: Tensor = self.predictor_proj(self.predictor_norm(patches.flatten(1, 2)))
        return out

    def _check(
        self, tokens: Tensor, actions: Tensor, states: Tensor, extrinsics: Tensor | None
    ) -> None:
        cfg = self.config
        given = [("latents", tokens, cfg.embed_dim), ("actions", actions, cfg.action_dim)]
        given.append(("states", states, cfg.state_dim))
        if cfg.use_extrinsics:
            if extrinsics is None:
                raise UserError("this predictor was built with extrinsics: pass (B, T, 6)")
            given.append(("extrinsics", extrinsics, cfg.action_dim - 1))
        elif extrinsics is not None:
            raise UserError("this predictor was built without extrinsics: pass none")
        for name, tensor, size in given:
            if tensor.shape[-1] != size:
                raise UserError(f"{name} have {tensor.shape[-1]} dimensions: the model has {size}")
        steps = actions.shape[1]
        if any(tensor.shape[1] != steps for _, tensor, _ in given[1:]):
            shapes = ", ".join(f"{name} {tensor.shape[1]}" for name, tensor, _ in given[1:])
            raise UserError(f"time steps differ: {shapes}")
        rows, columns = cfg.grid
        if tokens.shape[1] % (steps * columns) or tokens.shape[1] > steps * rows * columns:
            raise UserError(
                f"{tokens.shape[1]} tokens do not make {steps} steps of up to {rows} rows of "
                f"{columns} patches"
            )
