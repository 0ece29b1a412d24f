"""A sweep on a Ray cluster of three nodes, two of which die on the way; see docs/testing.md.

    python -m tests.soak.cluster --out results/ray-cluster.txt

Each node lives in a network namespace of its own on this machine (iproute2, as root), with nothing
in common with the others but a switch and the file system. One is killed, all its processes at
once; the cable of another is pulled, as when a machine loses its power: nobody says good-bye. The
rows must be those of the same sweep on this machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path

from tests.soak.processes import finish, kill, start, title, wait_for
from tests.soak.report import arguments, write
from tests.soak.sweeps import RUNS, Sweep

PORT = 6379
SUBNET = "10.77.0"


def ip(*words: str) -> str:
    """iproute2."""
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


@contextmanager
def namespace(name: str) -> Iterator[str]:
    """One, until it is left; whatever runs there then ends, too."""
    ip("netns", "add", name)
    try:
        ip("-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        kill_all(name)
        ip("netns", "delete", name)


def pids(name: str) -> list[int]:
    """Processes in a namespace."""
    return [int(word) for word in ip("netns", "pids", name).split()]


def kill_all(name: str) -> None:
    """Every process in a namespace, and those that they still start."""
    while found := pids(name):
        kill(found)
        time.sleep(0.05)


@contextmanager
def switch(name: str) -> Iterator[str]:
    """A namespace with a bridge in it."""
    with namespace(name):
        ip("-n", name, "link", "add", "bridge", "type", "bridge")
        ip("-n", name, "addr", "add", f"{SUBNET}.254/24", "dev", "bridge")
        ip("-n", name, "link", "set", "bridge", "up")
        yield name


class Node:
    """A machine of the cluster.

    Args:
        name: of its namespace.
        number: of its address.
        switch: that its cable leads to.
        folder: that it has as its /tmp/ray.
    """

    def __init__(self, name: str, number: int, switch: str, folder: Path) -> None:
        self.name, self.address = name, f"{SUBNET}.{number}"
        self._switch, self._port, self._folder = switch, f"port{number}", folder
        folder.mkdir()
        ends = ["link", "add", self._port, "netns", switch]
        ip(*ends, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("-n", switch, "link", "set", self._port, "master", "bridge", "up")
        ip("-n", name, "addr", "add", f"{self.address}/24", "dev", "eth0")
        ip("-n", name, "link", "set", "eth0", "up")
        # Leads nowhere; Ray finds out its own address by asking which way it would take.
        ip("-n", name, "route", "add", "default", "via", f"{SUBNET}.254")

    @property
    def before(self) -> list[str]:
        """Words that make a command run here."""
        own = f'mount --bind {self._folder} /tmp/ray && exec "$0" "$@"'
        return ["ip", "netns", "exec", self.name, "sh", "-c", own]

    def start(self, *options: str) -> None:
        """Ray, with one core."""
        ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block"]
        words = [*ray, f"--node-ip-address={self.address}", "--num-cpus=1", *options]
        words += ["--object-store-memory=100000000", "--disable-usage-stats"]
        start([*self.before, *words], self._folder / "log")

    def working(self) -> bool:
        """Whether an episode runs here."""
        return any(b"work_off" in title(pid) for pid in pids(self.name))

    def die(self) -> None:
        """Every process at once."""
        kill_all(self.name)

    def pull_cable(self) -> None:
        """Its processes go on; nobody hears of them."""
        ip("-n", self._switch, "link", "set", self._port, "down")


def nodes_alive(node: Node) -> int:
    """As Ray on a node counts them."""
    code = f"import ray; ray.init('{node.address}:{PORT}', log_to_driver=False); "
    code += "print(sum(n['Alive'] for n in ray.nodes()))"
    found = subprocess.run(
        [*node.before, sys.executable, "-c", code], capture_output=True, text=True
    )
    return int(found.stdout or 0)


def soak(episodes: int) -> list[str]:
    """Run the sweep here and there; returns what was seen."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="worldsim-soak-")))
        local = Sweep(folder / "local", episodes, ["--workers", "2"])
        finish(local.start(), local.log)
        Path("/tmp/ray").mkdir(exist_ok=True)
        middle = stack.enter_context(switch(f"soak{os.getpid()}-switch"))
        names = [
            stack.enter_context(namespace(f"soak{os.getpid()}-{number}")) for number in (1, 2, 3)
        ]
        head, first, second = [
            Node(name, number, middle, folder / f"node{number}")
            for number, name in enumerate(names, start=1)
        ]
        head.start("--head", f"--port={PORT}", "--include-dashboard=false")
        for node in (first, second):
            node.start(f"--address={head.address}:{PORT}")
        wait_for("three nodes", lambda: nodes_alive(head) == 3)
        options = ["--executor", "ray", "--address", f"{head.address}:{PORT}", "--workers", "3"]
        sweep = Sweep(folder / "ray", episodes, options, head.before)
        process, began = sweep.start(), time.monotonic()
        total = RUNS * episodes
        seen = []

        def wait_until(share: float, node: Node) -> str:
            for what, condition in (
                (f"{share:.0%} of the episodes", lambda: len(sweep.kept()) >= share * total),
                (f"an episode at {node.name}", node.working),
            ):
                wait_for(what, lambda it=condition: process.poll() is not None or it())
            assert process.poll() is None, sweep.log.read_text()[-2000:]
            return f"{time.monotonic() - began:.0f} s, {len(sweep.kept())} of {total} episodes"

        when = wait_until(0.3, first)
        first.die()
        seen.append(f"{when}: every process of node 2 killed, an episode in flight")
        when = wait_until(0.6, second)
        second.pull_cable()
        seen.append(f"{when}: the cable of node 3 pulled, an episode in flight")
        finish(process, sweep.log)
        seen.append(f"{time.monotonic() - began:.0f} s: finished, exit code 0")
        seen.append(sweep.agreed(local))
        return seen


def main() -> None:
    """The command."""
    given = arguments(__doc__, ("ip",), "network namespaces need root and iproute2")
    write(soak(given.episodes), "tests.soak.cluster", f"ray {version('ray')}", given.out)


if __name__ == "__main__":
    main()
