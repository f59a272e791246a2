"""A camera, live: a page on this machine alone shows the bodies over its picture."""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import time
from collections import deque
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Thread
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from s2m.detect import Picture
from s2m.errors import UserError, one_line
from s2m.optional import require
from s2m.options import say
from s2m.recover.recoverer import Recoverer

_LOCAL = "127.0.0.1"
_QUALITY = 80
_COUNTED = 20  # frames of which the rate is the mean
_LETTERS, _SMALLEST_LETTERS = 0.025, 12.0  # height: of the picture's, and pixels
_FPS = 30.0
_PAGE = b"""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>s2m recover</title>
<link rel="icon" href="data:,">
<body style="margin:0;background:#222">
<img src="/stream" alt="The camera's picture with bodies" style="width:100%">
"""
# Where systems have their cameras: PyAV's format, and the name of camera N.
_CAMERAS = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}"), "win32": ("vfwcap", "{}")}


class Latest:
    """The newest picture, for everybody who waits for one."""

    def __init__(self) -> None:
        self._picture, self._number, self._changed = b"", 0, Condition()

    def put(self, picture: bytes) -> None:
        """Make a picture the newest.

        Args:
            picture: JPEG.
        """
        with self._changed:
            self._picture, self._number = picture, self._number + 1
            self._changed.notify_all()

    def after(self, number: int, seconds: float = 1.0) -> tuple[int, bytes]:
        """Wait for a picture.

        Args:
            number: Of the one that is known; 0 for none.
            seconds: How long to wait.

        Returns:
            Number and JPEG of the newest one.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._number > number, seconds)
            return self._number, self._picture


def page_server(latest: Latest, port: int = 0) -> ThreadingHTTPServer:
    """A server of the page, for this machine alone.

    Args:
        latest: What the page shows.
        port: Of the page; 0 for any that is free.

    Returns:
        The server, which does not run yet.

    Raises:
        UserError: The port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/stream":
                self._stream()
            elif self.path == "/":
                self._answer(200, _PAGE)
            else:
                self._answer(404, b"")

        def _answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _stream(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            number = 0
            while True:
                number, picture = latest.after(number)
                try:
                    self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + picture + b"\r\n")
                except OSError:  # the browser is gone
                    return

        def log_message(self, *arguments: Any) -> None:
            """Requests are of no interest to anybody."""

    try:
        server = ThreadingHTTPServer((_LOCAL, port), Handler)
    except OSError as error:
        raise UserError(f"--port {port}: expected a free port, found: {error.strerror or error}") from error
    server.daemon_threads = True
    return server


def camera_frames(number: int) -> Iterator[Picture]:
    """The pictures of a camera of this machine, the newest each time.

    Args:
        number: Of the camera, from 0.

    Yields:
        (H, W, 3) uint8.

    Raises:
        UserError: There is no such camera.
    """
    av = require("av", "photo")
    kind, name = _CAMERAS.get(sys.platform, _CAMERAS["linux"])
    try:
        container = av.open(name.format(number), format=kind)
        stream = container.streams.video[0]
    except (OSError, ValueError, IndexError) as error:
        raise UserError(f"--webcam {number}: expected a camera, found none ({one_line(error, 120)})") from error
    newest: list[Any] = []
    stop = Event()

    def read() -> None:
        for frame in container.decode(stream):
            newest[:] = [frame]
            if stop.is_set():
                return

    reader = Thread(target=read, daemon=True)
    reader.start()
    try:
        while reader.is_alive():
            if newest:
                yield np.ascontiguousarray(newest.pop().to_ndarray(format="rgb24"))
            else:
                reader.join(0.002)
    finally:
        stop.set()


def show(frames: Iterator[Picture], recoverer: Recoverer, latest: Latest) -> None:
    """Recover frame after frame, and show each.

    Args:
        frames: The frames.
        recoverer: Who recovers them.
        latest: Where they are shown.
    """
    shown = deque([time.perf_counter()], _COUNTED)
    for picture in frames:
        drawn = Image.fromarray(recoverer.draw(picture, recoverer(picture, time.perf_counter())))
        shown.append(time.perf_counter())
        rate = (len(shown) - 1) / max(shown[-1] - shown[0], 1e-6)
        ImageDraw.Draw(drawn).text(
            (8, 8),
            f"{rate:.1f} frames per second",
            fill="white",
            font_size=max(_LETTERS * drawn.height, _SMALLEST_LETTERS),
            stroke_width=2,
            stroke_fill="black",
        )
        content = io.BytesIO()
        drawn.save(content, format="JPEG", quality=_QUALITY)
        latest.put(content.getvalue())


def serve_webcam(arguments: argparse.Namespace) -> int:
    """Show a camera until Ctrl-C.

    Args:
        arguments: Parsed options of ``s2m recover``.

    Returns:
        Exit code 0.

    Raises:
        UserError: There is no such camera, or the port is taken.
    """
    from s2m.recover.detectors import detector_of

    frames = camera_frames(arguments.webcam)
    first = next(frames, None)
    if first is None:
        raise UserError(f"--webcam {arguments.webcam}: expected pictures, found none")
    recoverer = Recoverer(
        _FPS,
        detector=detector_of(arguments),
        focal=arguments.focal,
        height=arguments.height,
        min_confidence=arguments.min_confidence,
        run=arguments.run_folder,
        lifter=arguments.lifter,
    )
    latest = Latest()
    with page_server(latest, arguments.port) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        say(arguments, f"http://{_LOCAL}:{server.server_address[1]}/ shows camera {arguments.webcam}; Ctrl-C ends it")
        with contextlib.suppress(KeyboardInterrupt):
            show(frames, recoverer, latest)
        server.shutdown()
    return 0
