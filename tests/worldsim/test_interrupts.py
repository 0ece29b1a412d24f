"""Ctrl-C and SIGTERM end a training between two steps; the same call goes on, to the bit."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace

import pytest
import torch

from tests.worldsim.test_training import JOINT, toy_arrays
from tests.worldsim.test_world_model import small_model
from worldsim.devices import check_device
from worldsim.errors import UserError
from worldsim.training import randomness
from worldsim.training.interrupts import Interrupts
from worldsim.training.joint import train_joint
from worldsim.training.loop import LoopConfig
from worldsim.training.randomness import generator_states, set_generator_states
from worldsim.training.run import TrainingRun

ENDS = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: SystemExit}
LOOP = LoopConfig(6, warmup=2)


def train_until(number, step, folder):
    """Train; in the middle of a step a signal arrives."""
    model, calls = small_model(), []

    def note(*_):
        calls.append(1)
        if len(calls) == step:
            os.kill(os.getpid(), number)

    model.encoder.register_forward_pre_hook(note)
    train_joint(model, toy_arrays(), JOINT, LOOP, TrainingRun(folder))
    return model


@pytest.mark.parametrize("number", ENDS)
def test_a_training_that_a_signal_ended_goes_on_to_the_bit(tmp_path, number):
    handler = signal.getsignal(number)
    with pytest.raises(ENDS[number]) as ended:
        train_until(number, 3, tmp_path / "cut")
    if number == signal.SIGTERM:
        assert ended.value.code == 143
    assert signal.getsignal(number) == handler
    state = torch.load(tmp_path / "cut" / "joint.pt", weights_only=True)
    assert state["step"] == 3  # and not the last multiple of save_every
    resumed = train_until(number, 100, tmp_path / "cut")
    whole = train_until(number, 100, tmp_path / "whole")
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, atol=0, rtol=0)


def test_a_second_signal_is_not_waited_for():
    with Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.wished == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_time_is_that_of_all_processes(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("worldsim.training.run.time.monotonic", lambda: now[0])

    def slow(seconds, steps, folder):
        run, model = TrainingRun(folder), small_model()
        model.encoder.register_forward_pre_hook(lambda *_: now.__setitem__(0, now[0] + seconds))
        train_joint(model, toy_arrays(), JOINT, LoopConfig(steps, warmup=2), run)
        return run.seconds

    assert slow(10, 2, tmp_path) == 20
    now[0] += 1000  # between two processes
    assert slow(5, 4, tmp_path) == 20 + 2 * 5
    assert slow(5, 4, tmp_path) == 30  # finished: nothing is added


def test_a_damaged_checkpoint_is_named(tmp_path):
    train_until(signal.SIGINT, 100, tmp_path)
    (tmp_path / "joint.pt").write_bytes((tmp_path / "joint.pt").read_bytes()[:1000])
    with pytest.raises(UserError, match=r"joint\.pt is damaged.*remove it"):
        train_until(signal.SIGINT, 100, tmp_path)


class Generator:
    """A device's generator, as ``torch.get_device_module`` offers it."""

    def __init__(self):
        self.state = torch.arange(8, dtype=torch.uint8)

    def get_rng_state(self, device):
        return self.state

    def set_rng_state(self, state, device):
        assert state.device.type == "cpu"
        self.state = state


def test_a_devices_own_generator_is_kept_beside_the_processors(monkeypatch):
    generator = Generator()
    module = SimpleNamespace(**{name: getattr(generator, name) for name in dir(generator)})
    monkeypatch.setattr(randomness.torch, "get_device_module", lambda device: module)
    states = generator_states("cuda:1")
    assert set(states) == {"cpu", "cuda"}
    drawn = torch.rand(3)
    generator.set_rng_state(torch.zeros(8, dtype=torch.uint8), "cuda:1")
    set_generator_states(states, "cuda:1")
    assert torch.equal(torch.rand(3), drawn)
    assert generator.state.tolist() == list(range(8))
    set_generator_states({"cpu": states["cpu"]}, "cuda:1")  # begun on the processor
    assert set(generator_states("cpu")) == {"cpu"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_training_on_cuda_goes_on_to_the_bit(tmp_path):
    loop = LoopConfig(6, warmup=2, save_every=3, device="cuda")
    whole, cut = small_model(), small_model()
    train_joint(whole, toy_arrays(), JOINT, loop, TrainingRun(tmp_path / "whole"))
    cut.encoder.register_forward_pre_hook(Stop(5))
    with pytest.raises(RuntimeError, match="stopped"):
        train_joint(cut, toy_arrays(), JOINT, loop, TrainingRun(tmp_path / "cut"))
    resumed = small_model()
    train_joint(resumed, toy_arrays(), JOINT, loop, TrainingRun(tmp_path / "cut"))
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, atol=0, rtol=0)


class Stop:
    """Fails at its so-manieth call."""

    def __init__(self, calls):
        self.left = calls

    def __call__(self, *_):
        self.left -= 1
        if self.left == 0:
            raise RuntimeError("stopped")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA")
def test_a_device_that_is_not_there_is_refused():
    check_device("cpu")
    for name in ("cuda", "cuda:3", "gpu", "meta-physics"):
        with pytest.raises(UserError, match=f"device '{name}' cannot be used here.*finds cpu"):
            check_device(name)
