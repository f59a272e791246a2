"""Headless Chromium through its debugging pipe: no package, no port."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

PROGRAM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
FLAGS = (
    "--headless --no-sandbox --remote-debugging-pipe --use-angle=swiftshader --enable-unsafe-swiftshader "
    "--no-first-run --hide-scrollbars --disable-background-networking --disable-component-update --window-size=560,400"
)
PATIENCE = 60.0  # seconds


class Browser:
    """A page in a browser; what it writes on its console is kept.

    ``--remote-debugging-pipe`` reads commands from file 3 and writes answers to file 4, JSON ended by a zero byte.
    """

    def __init__(self, profile: Path) -> None:
        assert PROGRAM is not None
        command_read, self._write = os.pipe()
        self._read, answer_write = os.pipe()

        def connect() -> None:
            os.dup2(command_read, 3)
            os.dup2(answer_write, 4)

        # The ends that the browser gets must not be those numbers already, which dup2 would leave as they are.
        command_read, answer_write = _above(command_read), _above(answer_write)
        self._process = subprocess.Popen(
            [PROGRAM, *FLAGS.split(), f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(3, 4),
            preexec_fn=connect,
        )
        for end in (command_read, answer_write):
            os.close(end)
        self._numbers, self._buffer = itertools.count(1), b""
        self._session: str | None = None
        self.console: list[str] = []
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the DevTools protocol and its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != number:
            self._note(answer)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def open(self, url: str) -> None:
        """Go to a page and wait until it says that it is ready."""
        self.call("Page.navigate", url=url)
        self.wait("document.body && document.body.dataset.ready === 'yes'")

    def value(self, expression: str) -> Any:
        """What a JavaScript expression is."""
        given = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in given, given
        return given["result"].get("value")

    def wait(self, expression: str) -> None:
        """Until an expression is true."""
        until = time.monotonic() + PATIENCE
        while not self.value(f"Boolean({expression})"):
            assert time.monotonic() < until, f"{expression}: not within {PATIENCE} s; {self.console}"
            self.value("new Promise((done) => setTimeout(done, 20))")

    def click(self, selector: str) -> None:
        """A click with the mouse in the middle of an element."""
        box = self.value(f"document.querySelector('{selector}').getBoundingClientRect().toJSON()")
        self.mouse("mousePressed", box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        self.mouse("mouseReleased", box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def mouse(self, kind: str, x: float, y: float) -> None:
        """A movement or a button of the mouse."""
        held = 0 if kind == "mouseReleased" else 1
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=held, clickCount=1)

    def picture(self) -> bytes:
        """A PNG of what is shown."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def close(self) -> None:
        """End the browser."""
        os.close(self._write)
        self._process.kill()
        self._process.wait()
        os.close(self._read)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            part = os.read(self._read, 1 << 16)
            assert part, "the browser is gone"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def _note(self, event: dict[str, Any]) -> None:
        method, parameters = event.get("method"), event.get("params", {})
        if method == "Runtime.consoleAPICalled":
            self.console.append(f"{parameters['type']}: {[a.get('value') for a in parameters['args']]}")
        elif method == "Runtime.exceptionThrown":
            self.console.append(f"exception: {parameters['exceptionDetails']}")
        elif method == "Log.entryAdded":
            self.console.append(f"log: {parameters['entry'].get('text')}")
        elif method == "Network.requestWillBeSent":
            url = parameters["request"]["url"]
            if not url.startswith(("file:", "data:", "about:", "blob:", "http://127.0.0.1")):
                self.console.append(f"network: {url}")


def _above(end: int) -> int:
    """The same end of a pipe under a number above 4."""
    import fcntl

    if end > 4:
        return end
    moved = fcntl.fcntl(end, fcntl.F_DUPFD, 5)
    os.close(end)
    return moved
