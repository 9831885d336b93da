"""A headless Chromium, told what to do through its DevTools protocol over a pair of pipes: no port, no library.

It can reach nothing: every name and every address is mapped to one that nobody has.
"""

import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

from check import Failure, check

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Where the protocol's pipes are in Chromium; our own ends must not be there when they are moved.
COMMANDS_FD, ANSWERS_FD, FREE_FD = 3, 4, 10
OPTIONS = [
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
]


def program(environment: dict[str, str]) -> str:
    """The first Chromium in the PATH."""
    found = (shutil.which(name, path=environment["PATH"]) for name in NAMES)
    path = next(filter(None, found), None)
    check(path, f"a Chromium in the PATH: one of {', '.join(NAMES)}")
    return path


class Browser:
    """Chromium with one page; use it in a `with`."""

    def __init__(self, environment: dict[str, str], scratch: Path):
        self.events: list[dict] = []
        self._number = 0
        self._session = None
        self._rest = b""
        profile = scratch / "chromium"
        profile.mkdir(parents=True)
        # Where it runs as root it can't make its sandbox; what it opens there are our own pages.
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        command = [program(environment), *OPTIONS, *sandbox, f"--user-data-dir={profile}", "about:blank"]
        theirs, ours = pipe_pair()
        self._commands, self._answers = ours

        def place():
            os.dup2(theirs[0], COMMANDS_FD)
            os.dup2(theirs[1], ANSWERS_FD)

        log = scratch / "logs" / "chromium.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            self.child = subprocess.Popen(
                command,
                env=environment,
                cwd=scratch,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # What we have open is not inherited (Python sees to that), but for the two that `place` makes.
                close_fds=False,
                preexec_fn=place,
                start_new_session=True,
            )
        for descriptor in theirs:
            os.close(descriptor)

    def __enter__(self):
        try:
            [page] = [t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page"]
            attached = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)
            self._session = attached["sessionId"]
            for domain in ("Page", "Network", "Log", "Runtime"):
                self.call(f"{domain}.enable")
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def end(self, patience_s: float = 10):
        """Asks it to end, and kills it when it doesn't."""
        try:
            self._session = None
            self.call("Browser.close", deadline_s=patience_s)
            self.child.wait(patience_s)
        except (Failure, OSError, subprocess.TimeoutExpired):
            self.child.kill()
        self.child.wait()
        os.close(self._commands)
        os.close(self._answers)

    def call(self, method: str, *, deadline_s: float = 30, **parameters) -> dict:
        """One command's answer; what else comes meanwhile goes to `events`."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        answer = self._until(lambda said: said.get("id") == self._number, method, deadline_s)
        check("error" not in answer, f"Chromium refuses {method}", answer)
        return answer.get("result", {})

    def open(self, page: Path):
        """Opens a page, and waits until it has loaded."""
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        loaded = "Page.loadEventFired"
        if not any(event["method"] == loaded for event in self.events):
            self._until(lambda said: said.get("method") == loaded, loaded, 30)

    def look(self, *, width: int, height: int = 900, scheme: str = "light"):
        """Sets the window's width in CSS pixels, and which colors its user prefers."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.call("Emulation.setDeviceMetricsOverride", **screen)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def evaluate(self, expression: str):
        """A JavaScript expression's value. The page's own policy doesn't hold for it."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        check("exceptionDetails" not in answer, "an expression fails in the page", answer)
        return answer["result"].get("value")

    def requests(self) -> list[str]:
        """What has been asked for since the page was opened."""
        asked = (event for event in self.events if event["method"] == "Network.requestWillBeSent")
        return [event["params"]["request"]["url"] for event in asked]

    def complaints(self) -> list[str]:
        """What the browser and the page have said in the console since the page was opened."""
        kinds = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Page.javascriptDialogOpening")
        return [json.dumps(event["params"]) for event in self.events if event["method"] in kinds]

    def _until(self, is_it, what: str, deadline_s: float) -> dict:
        deadline = time.monotonic() + deadline_s
        while True:
            while b"\0" not in self._rest:
                left = deadline - time.monotonic()
                ready = left > 0 and select.select([self._answers], [], [], left)[0]
                check(ready, f"Chromium doesn't answer {what} within {deadline_s:.0f} s")
                part = os.read(self._answers, 1 << 16)
                check(part, f"Chromium has ended before it answered {what}")
                self._rest += part
            line, self._rest = self._rest.split(b"\0", 1)
            said = json.loads(line)
            if "method" in said:
                self.events.append(said)
            if is_it(said):
                return said


def pipe_pair() -> tuple[tuple[int, int], tuple[int, int]]:
    """Two pipes: Chromium's ends (to read, to write) and ours (to write, to read), none of them inherited."""

    def moved(descriptor: int) -> int:
        high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FREE_FD)
        os.close(descriptor)
        return high

    (their_read, our_write), (our_read, their_write) = os.pipe(), os.pipe()
    return (moved(their_read), moved(their_write)), (moved(our_write), moved(our_read))
