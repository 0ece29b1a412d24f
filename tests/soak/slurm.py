"""A sweep and a training on a real SLURM of one node on this machine; see docs/testing.md.

    apt-get install slurm-wlm munge
    python -m tests.soak.slurm --out results/slurm.txt

munged, slurmctld and slurmd run as root with everything of theirs in a temporary folder, and end
with this command. There is no accounting. Of the sweep's jobs one is cancelled, one killed, and
some are left by Ctrl-C; a training has to make room for a job of a better partition, by SIGTERM.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path

from tests.soak.commands import CLONING, COLLECTION, Command
from tests.soak.processes import WORLDSIM, descendants, finish, kill, start, wait_for
from tests.soak.report import arguments, write
from tests.soak.sweeps import RUNS, Sweep

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")

CONFIGURATION = """
ClusterName=soak
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
KillWait=30
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=60
PartitionName=urgent Nodes={host} State=UP PriorityTier=9 PreemptMode=OFF
"""


def free_ports(count: int) -> list[int]:
    """On which nobody listens now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def daemon(folder: Path, *words: str) -> Iterator[None]:
    """A process in the foreground, until it is left."""
    process = start(words, folder / f"{words[0]}.log")
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def slurm(folder: Path) -> Iterator[None]:
    """SLURM of one node."""
    for name in ("munge", "state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge" / "key"
    key.touch(0o600)
    key.write_bytes(os.urandom(128))
    controller, port = free_ports(2)
    host = socket.gethostname().partition(".")[0]
    file = folder / "slurm.conf"
    file.write_text(
        CONFIGURATION.format(host=host, controller=controller, daemon=port, folder=folder)
    )
    os.environ["SLURM_CONF"] = str(file)
    own = {
        **{"key-file": key, "socket": folder / "munge" / "socket"},
        **{"pid-file": folder / "munge" / "pid", "seed-file": folder / "munge" / "seed"},
    }
    options = [f"--{name}={path}" for name, path in own.items()]
    with ExitStack() as stack:
        stack.enter_context(daemon(folder, "munged", "--foreground", "--force", *options))
        wait_for("munged", own["socket"].exists)
        stack.enter_context(daemon(folder, "slurmctld", "-D", "-f", str(file)))
        stack.enter_context(daemon(folder, "slurmd", "-D", "-f", str(file)))
        wait_for("a node", lambda: "idle" in said("sinfo", "--noheader", "--format=%t"))
        try:
            yield
        finally:
            said("scancel", "--user=root", "--signal=KILL", "--full")
            said("scancel", "--user=root")
            wait_for("no jobs", lambda: not jobs())


def said(*words: str) -> str:
    """What a command prints."""
    return subprocess.run(words, capture_output=True, text=True).stdout


def jobs(states: str = "all") -> list[str]:
    """Those that SLURM has, an array's one by one."""
    words = ["squeue", "--array", "--noheader", "--format=%A"]
    more = [] if states == "all" else [f"--states={states}"]
    return said(*words, *more).split()


def processes(job: str) -> list[int]:
    """Of a job, but for SLURM's own."""
    listed = [line.split() for line in said("scontrol", "listpids", job).splitlines()[1:]]
    roots = [int(words[0]) for words in listed if words[0].isdigit() and int(words[0]) > 0]
    return [pid for root in roots for pid in [root, *descendants(root)]]


def interrupted_sweep(sweep: Sweep) -> list[str]:
    """A sweep whose jobs are cancelled, killed and left; returns what was seen."""
    total, seen = RUNS * sweep.episodes, []
    process, began = sweep.start(), time.monotonic()

    def running_job(share: float) -> str:
        wait_for(
            f"{share:.0%} of the episodes and a job",
            lambda: (
                process.poll() is not None
                or (len(sweep.kept()) >= share * total and bool(jobs("running")))
            ),
        )
        assert process.poll() is None, sweep.log.read_text()[-2000:]
        return jobs("running")[0]

    def note(what: str) -> None:
        when = f"{time.monotonic() - began:.0f} s, {len(sweep.kept())} of {total} episodes"
        seen.append(f"{when}: {what}")

    job = running_job(0.1)
    said("scancel", job)
    note("a running job cancelled (scancel)")
    found = processes(running_job(0.3))
    kill(found)
    note(f"all {len(found)} processes of a running job killed (SIGKILL)")
    running_job(0.5)
    process.send_signal(signal.SIGINT)
    code = process.wait()
    wait_for("an empty queue", lambda: not jobs())
    note(f"Ctrl-C: exit code {code}, the queue empty")
    process = sweep.start()
    finish(process, sweep.log)
    note("started again, finished, exit code 0")
    return seen


def preempted_training(words: tuple[str, ...], folder: Path) -> str:
    """A training that makes room, and is taken up again by SLURM."""
    whole, cut = Command(folder / "whole", words), Command(folder / "cut", words)
    finish(whole.start(), whole.log)
    cut.folder.mkdir()
    command = ["srun", *WORLDSIM, *words, "--out", str(cut.out)]
    script = folder / "training.sh"
    # A job that ends by itself while it is asked to go is not taken up again unasked.
    again = 'scontrol requeue "$SLURM_JOB_ID"'
    script.write_text(f"#!/bin/sh\n{shlex.join(command)} || {again}\n")
    options = ["--requeue", "--open-mode=append", f"--output={cut.log}", "--partition=cpu"]
    said("sbatch", "--exclusive", *options, str(script))
    wait_for("a training at work", lambda: cut.log.exists() and "/900" in cut.log.read_text())
    began = time.monotonic()
    said("srun", "--partition=urgent", "--exclusive", "true")
    waited = time.monotonic() - began
    wait_for("the training's end", lambda: not jobs())
    text = cut.log.read_text()
    saved = [line for line in text.splitlines() if "saved; the same command" in line]
    assert saved, text[-2000:]
    cut.check(whole)
    step = saved[0].rpartition("gc-bc, ")[2]
    return (
        f"{' '.join(words[:2])}: preempted by SIGTERM, out of the way in {waited:.0f} s "
        f"({step}); requeued by SLURM, it ended with the bytes of one that nobody disturbed"
    )


def soak(episodes: int) -> list[str]:
    """Run everything; returns what was seen."""
    with tempfile.TemporaryDirectory(prefix="worldsim-soak-") as name:
        folder = Path(name)
        local = Sweep(folder / "local", episodes, ["--workers", "2"])
        finish(local.start(), local.log)
        options = ["--executor", "slurm", "--workers", "2", "--slurm", "slurm_partition=cpu"]
        sweep = Sweep(folder / "sweep", episodes, options)
        data = Command(folder / "data", (*COLLECTION, "--seeds", "8"))
        finish(data.start(), data.log)
        (folder / "slurm").mkdir()
        with slurm(folder / "slurm"):
            seen = interrupted_sweep(sweep)
            seen.append(sweep.agreed(local))
            seen.append(preempted_training((*CLONING, "--data", str(data.out)), folder))
        return seen


def main() -> None:
    """The command."""
    lacking = "SLURM's daemons need root and Debian's slurm-wlm and munge"
    given = arguments(__doc__, NEEDED, lacking)
    packages = f"{said('slurmctld', '-V').strip()}, submitit {version('submitit')}"
    write(soak(given.episodes), "tests.soak.slurm", packages, given.out)


if __name__ == "__main__":
    main()
