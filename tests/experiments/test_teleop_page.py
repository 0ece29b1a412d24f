"""Teleoperation's page: who is answered, what a browser does, and how it ends."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import threading
import time
import urllib.error
import urllib.request
from functools import partial

import numpy as np
import pytest

from envs.spec import EnvSpec
from experiments.cli import run
from experiments.teleop.page import page
from experiments.teleop.server import Server
from experiments.teleop.session import View
from tests.screens import screen, until
from worldsim.data import TrajectoryDataset

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NOTHING = {"held": [], "pressed": [], "axes": [0] * 7}
FACTS = {"seed": 7, "steps": 0, "budget": 30, "stage": "none", "solved": False, "recording": True}
FACTS |= {"kept": 0, "driver": "you", "driven": False, "goal": "none", "note": "<b>hello</b>"}


class Told:
    """In a session's place: remembers the hands."""

    def __init__(self):
        self.hands = []

    def step(self, hand):
        self.hands.append(hand)
        picture = np.full((8, 8, 3), 128, np.uint8)
        return View({"left": picture}, {"left": picture}, FACTS | {"steps": len(self.hands)})


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def server(told):
    """A server at work in a thread of its own."""
    spec, ended = EnvSpec("grasp", ("left",), 128, 0.25, 30), threading.Event()
    with Server(0, page(spec, "gc-bc")) as found:

        def work():
            while not ended.is_set():
                found.work(told, 0.02)

        targets = (partial(found.serve_forever, 0.02), work)
        threads = [threading.Thread(target=target) for target in targets]
        for thread in threads:
            thread.start()
        yield found
        ended.set()
        found.shutdown()
        for thread in threads:
            thread.join()


def post(url, message, path="step", **headers):
    data = message if isinstance(message, bytes) else json.dumps(message).encode()
    headers = {"Content-Type": "application/json"} | headers
    request = urllib.request.Request(url + path, data, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_a_step_is_answered_with_facts_and_pictures(server, told):
    answer = post(server.url, NOTHING | {"pressed": ["Enter"]}, Origin=server.url[:-1])
    assert answer["facts"]["steps"] == 1
    assert answer["frames"]["left"].startswith("data:image/jpeg;base64,")
    assert told.hands[0].pressed == ("Enter",)


def test_the_page_loads_nothing_from_elsewhere(server):
    with urllib.request.urlopen(server.url, timeout=60) as answer:
        text, policy = answer.read().decode(), answer.headers["Content-Security-Policy"]
    assert "grasp by hand" in text
    assert "http" not in text
    assert "default-src 'none'" in policy


@pytest.mark.parametrize(
    ("status", "request_of"),
    [
        (404, {"path": "nowhere"}),
        (404, {"path": "../../etc/passwd"}),
        (405, {"path": ""}),
        (400, {"message": b"{"}),
        (400, {"message": b"\xff"}),
        (400, {"message": b"[" * 9_000}),
        (400, {"message": {"held": []}}),
        (413, {"message": b" " * 20_000}),
        (415, {"Content-Type": "text/plain"}),
        (403, {"Origin": "http://example.com"}),
        (403, {"Origin": "null"}),
        (403, {"Host": "example.com"}),
        (403, {"Host": "127.0.0.1:1"}),
    ],
)
def test_a_wrong_request_is_refused_without_a_traceback(server, told, capfd, status, request_of):
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(server.url, **{"message": NOTHING} | request_of)
    assert refused.value.code == status
    assert told.hands == []
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/step", {}, 405),
        ("POST", "/step", {"Content-Type": "application/json"}, 411),
        ("POST", "/step", {"Content-Type": "application/json", "Content-Length": "-1"}, 411),
        ("POST", "/step", {"Content-Type": "application/json", "Content-Length": "9" * 5000}, 413),
        ("PUT", "/", {}, 501),
    ],
)
def test_odd_requests_are_refused(server, capfd, method, path, headers, status):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    connection.putrequest(method, path)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == status
    connection.close()
    assert capfd.readouterr().err == ""


def test_a_connection_that_nobody_uses_holds_up_no_one(server):
    idle = http.client.HTTPConnection("127.0.0.1", server.server_port)
    idle.connect()
    assert post(server.url, NOTHING)["facts"]["seed"] == 7
    idle.close()


def test_only_this_machine_is_listened_to(server):
    assert server.server_address[0] == "127.0.0.1"


# -- in a browser ---------------------------------------------------------------------------------

_PAD = """
const buttons = Array.from({length: 17}, () => ({pressed: false}));
window.inHand = {mapping: "standard", axes: [0, 0, 0, 0], buttons};
navigator.getGamepads = () => [null, window.inHand];
"""


def test_keys_and_a_gamepad_in_a_browser_reach_the_session(server, told):
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab, problems = browser.new_page(viewport={"width": 390, "height": 800}), []
        tab.set_default_timeout(120_000)
        tab.on("console", lambda message: problems.append(message.text))
        tab.on("pageerror", lambda error: problems.append(str(error)))
        tab.add_init_script(_PAD)
        tab.goto(server.url)
        tab.wait_for_selector("#frames img")
        assert "start 7" in tab.text_content("#facts")
        assert tab.text_content("#note") == "<b>hello</b>"
        assert tab.evaluate("document.body.className") == "recording"
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        tab.keyboard.press("Enter")
        until(lambda: any(hand.pressed == ("Enter",) for hand in told.hands))
        tab.keyboard.down("w")
        until(lambda: told.hands[-1].action(0.0)[0] == 0.4 and not told.hands[-1].pressed)
        tab.keyboard.up("w")
        tab.evaluate("inHand.axes[1] = -0.5; inHand.buttons[0].pressed = true")
        until(lambda: told.hands[-1].axes[0] == 0.5 and told.hands[-1].held == {"Space"})
        assert sum("Space" in hand.pressed for hand in told.hands) == 1  # held, it is pressed once
        assert problems == []
        browser.close()


# -- the command ----------------------------------------------------------------------------------


def by_hand(out, *options):
    words = ["teleop", "--task", "reach", "--cameras", "left", "--image-size", "32", "--port", "0"]
    return run([*words, "--out", str(out), *options])


def by_somebody(out, capsys, visit, *options):
    """Let somebody press keys on the page, ``visit(press)``, then Ctrl-C; what each was told."""
    told = []

    def person():
        while not (url := capsys.readouterr().out.partition(" ")[0]).startswith("http"):
            time.sleep(0.05)
        visit(lambda key: told.append(post(url, NOTHING | {"pressed": [key]})["facts"]))
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=person)
    thread.start()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    assert by_hand(out, *options) == 130
    signal.signal(signal.SIGINT, before)
    thread.join()
    return told


def test_ctrl_c_keeps_the_episode_that_is_being_recorded(tmp_path, capsys):
    def visit(press):
        for key in ("Enter", "KeyR", "KeyR"):
            press(key)

    told = by_somebody(tmp_path / "data", capsys, visit)
    assert [facts["steps"] for facts in told] == [0, 1, 2]
    assert told[0]["goal"] == "the task's"
    data = TrajectoryDataset(tmp_path / "data")
    assert (data.lengths.tolist(), data.column("seed").tolist()) == ([3], [0])


def test_a_window_beside_the_page_shows_what_keys_do(tmp_path, monkeypatch, capsys):
    def visit(press):
        before = shown.still_picture()
        press("KeyF")
        until(lambda: (shown.picture() != before).any())

    with screen() as shown:
        monkeypatch.setenv("DISPLAY", shown.display)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        (facts,) = by_somebody(tmp_path / "data", capsys, visit, "--window")
        until(lambda: not shown.picture().any())  # it goes with the command
    assert facts["steps"] == 1


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--window"], "neither DISPLAY nor WAYLAND_DISPLAY is set"),
        (["--first-seed", "100000"], "allowed are 0 to 99999"),
        (["--task", "grip"], "did you mean grasp?"),
        (["--cameras", "above"], "left"),
        (["--model", "play"], "--agent"),
        (["--agent", "gc-cb"], "did you mean gc-bc?"),
        (["--port", "99999"], "port 99999"),
        (["--port", "-1"], "port -1"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(
    tmp_path, monkeypatch, capsys, options, named
):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert by_hand(tmp_path / "data", *options) == 2
    error = capsys.readouterr().err
    assert named in error
    assert error.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_a_port_that_is_taken_is_one_sentence(server, tmp_path, capsys):
    assert by_hand(tmp_path / "data", "--port", str(server.server_port)) == 2
    assert "give another --port" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
