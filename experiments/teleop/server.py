"""The page's server, on this machine alone: one file of HTML, and one request for a step.

    GET  /      the page
    POST /step  {"held": ["KeyW"], "pressed": ["KeyW"], "axes": [0, 0, 0, 0, 0, 0, 0]}

The answer to a step is its facts, and pictures as data URLs. Requests are taken in threads of their
own (browsers open connections that they do not use), but steps happen in the thread that calls
``work``: a simulator and its OpenGL context belong to one.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from envs.errors import UserError
from experiments.teleop.hand import Hand
from experiments.teleop.session import Session, View

HOST = "127.0.0.1"
_LONGEST = 10_000  # bytes of a message
_JPEG_QUALITY = 90
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; connect-src 'self'; img-src data:; "
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}


class Server(ThreadingHTTPServer):
    """Answers while ``serve_forever`` runs in a thread and ``work`` is called in another.

    Args:
        port: to listen at; 0 means any that is free.
        page: HTML.

    Raises:
        UserError: the port is taken or not allowed.
    """

    daemon_threads = True

    def __init__(self, port: int, page: str) -> None:
        self.page, self.jobs = page, SimpleQueue[tuple[Hand, Future[View]]]()
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            raise UserError(f"port {port} cannot be had ({error}): give another --port") from error
        self.hosts = {f"{name}:{self.server_port}" for name in (HOST, "localhost")}

    @property
    def url(self) -> str:
        """Of the page."""
        return f"http://{HOST}:{self.server_port}/"

    def work(self, session: Session, timeout_s: float) -> None:
        """Wait for the request of a step, and do it."""
        try:
            hand, answer = self.jobs.get(timeout=timeout_s)
        except Empty:
            return
        try:
            answer.set_result(session.step(hand))
        finally:
            answer.cancel()  # who waits for a step that failed need not

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that left is no error."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    timeout = 30

    def do_GET(self) -> None:
        """The page."""
        if self._is_ours("/"):
            self._answer("text/html; charset=utf-8", cast(Server, self.server).page)

    def do_POST(self) -> None:
        """A step."""
        if not self._is_ours("/step"):
            return
        # Another site's page cannot send this type without asking first, and nobody answers that.
        if self.headers.get_content_type() != "application/json":
            return self.send_error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            return self.send_error(HTTPStatus.LENGTH_REQUIRED)
        if len(length) > len(str(_LONGEST)) or int(length) > _LONGEST:
            return self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        try:
            hand = Hand.of(json.loads(self.rfile.read(int(length))))
        except (ValueError, RecursionError):  # UserError is one
            return self.send_error(HTTPStatus.BAD_REQUEST, "no message of a hand")
        answer: Future[View] = Future()
        cast(Server, self.server).jobs.put((hand, answer))
        try:
            self._answer("application/json", json.dumps(_message(answer.result())))
        except CancelledError:
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not worth a line each."""

    def _is_ours(self, path: str) -> bool:
        """Whether it is for this path and from this page or nobody's; otherwise it is refused.

        A name that somebody else's server gave to this address (DNS rebinding) shows in Host.
        """
        hosts = cast(Server, self.server).hosts
        origin = self.headers.get("Origin")
        if self.headers.get("Host") not in hosts or origin not in (
            None,
            *(f"http://{host}" for host in hosts),
        ):
            self.send_error(HTTPStatus.FORBIDDEN)
            return False
        if self.path != path:
            known = self.path in ("/", "/step")
            self.send_error(HTTPStatus.METHOD_NOT_ALLOWED if known else HTTPStatus.NOT_FOUND)
            return False
        return True

    def _answer(self, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(HTTPStatus.OK)
        for name, value in {"Content-Type": kind, "Content-Length": len(body), **_HEADERS}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)


def _message(view: View) -> dict[str, Any]:
    """A view as JSON."""
    pictures = {"frames": view.frames, "goals": view.goals}
    return {"facts": view.facts} | {name: _urls(found) for name, found in pictures.items()}


def _urls(pictures: Mapping[str, NDArray[np.uint8]]) -> dict[str, str]:
    """Name -> data URL of a JPEG."""
    found = {}
    for name, picture in pictures.items():
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "jpeg", quality=_JPEG_QUALITY)
        found[name] = f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
    return found
