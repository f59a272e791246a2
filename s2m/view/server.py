"""A server for one page and its motion, on this machine alone."""

from __future__ import annotations

import re
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from s2m.errors import UserError, one_line
from s2m.view.collection import Collection
from s2m.view.page import Shown, viewer_page

HOST = "127.0.0.1"
_MOTION = re.compile(r"/motion/(\d{1,6})\.glb")


class ViewServer(ThreadingHTTPServer):
    """Serves ``/`` and ``/motion/NUMBER.glb``, to this machine.

    Args:
        collection: What is shown.
        names: What the files are called.
        title: Of the page.
        beside: Whether the second file is shown beside the first from the start.
        port: To listen on; 0 for any that is free.

    Raises:
        UserError: The port is taken.
    """

    daemon_threads = True

    def __init__(self, collection: Collection, names: list[str], title: str, *, beside: bool, port: int = 0) -> None:
        self.collection = collection
        shown = [Shown(name, url=f"/motion/{number}.glb") for number, name in enumerate(names)]
        self.page = viewer_page(shown, title, beside=beside).encode()
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise UserError(f"--port {port}: expected a free one, found: {error.strerror or error}") from error

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: ViewServer

    def do_GET(self) -> None:
        """Answer with the page, or with a GLB."""
        # A page of another site that a browser was led to under this address would name that site here.
        if self.headers.get("Host", "").partition(":")[0] not in (HOST, "localhost"):
            self._answer(HTTPStatus.FORBIDDEN, b"not this host", "text/plain")
            return
        motion = _MOTION.fullmatch(self.path)
        if self.path == "/":
            self._answer(HTTPStatus.OK, self.server.page, "text/html; charset=utf-8")
        elif motion is not None and int(motion[1]) < len(self.server.collection.files):
            self._motion(int(motion[1]))
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"no such page", "text/plain")

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: the terminal shows what was read, not what the browser asked."""

    def _motion(self, number: int) -> None:
        try:
            content = self.server.collection.glb(number)
        except (UserError, OSError) as error:
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, one_line(error).encode(), "text/plain; charset=utf-8")
            return
        self._answer(HTTPStatus.OK, content, "model/gltf-binary")

    def _answer(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(content)
