"""Torch's generators, of the processor and of the device that something is trained on."""

from __future__ import annotations

import torch
from torch import Tensor

_PROCESSOR = "cpu"


def generator_states(device: str) -> dict[str, Tensor]:
    """State of every generator that a training on a device draws from, by kind of device."""
    states = {_PROCESSOR: torch.get_rng_state()}
    kind = torch.device(device).type
    if kind != _PROCESSOR:
        states[kind] = torch.get_device_module(device).get_rng_state(torch.device(device))
    return states


def set_generator_states(states: dict[str, Tensor], device: str) -> None:
    """Go on from ``generator_states``.

    States are bytes in the processor's memory, whatever the device. Where a training goes on
    elsewhere than it began, the new device's generator is left as it was seeded.
    """
    torch.set_rng_state(states[_PROCESSOR].cpu())
    kind = torch.device(device).type
    if kind != _PROCESSOR and kind in states:
        torch.get_device_module(device).set_rng_state(states[kind].cpu(), torch.device(device))
