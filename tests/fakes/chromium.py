"""A headless Chromium for tests: opens a page, clicks and types as a person does, collects what the console complains of."""

import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
    "--window-size=1200,900",
)
START_SECONDS = 60.0


def installed_browser() -> str | None:
    """Path of a Chromium on this machine."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Page:
    """One open page. `complaints` are console errors, uncaught exceptions, blocked or failed requests."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.numbers = count(1)
        self.complaints: list[str] = []
        self.loaded = False

    async def send(self, method: str, **parameters: object) -> dict[str, object]:
        """One command of the DevTools protocol; events that come meanwhile are noted."""
        number = next(self.numbers)
        await self.socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self.receive()
            if message.get("id") == number:
                assert "error" not in message, message
                reply = message["result"]
                assert isinstance(reply, dict)
                return reply

    async def receive(self) -> dict[str, object]:
        """The next message; complaints are kept."""
        message: dict[str, object] = json.loads((await self.socket.receive(timeout=START_SECONDS)).data)
        text = json.dumps(message.get("params"))
        match message.get("method"):
            case "Runtime.exceptionThrown" | "Network.loadingFailed":
                self.complaints.append(text)
            case "Runtime.consoleAPICalled" if '"type": "error"' in text:
                self.complaints.append(text)
            case "Log.entryAdded" if '"level": "error"' in text:
                self.complaints.append(text)
            case "Page.loadEventFired":
                self.loaded = True
        return message

    async def open(self, address: str) -> None:
        """Load a page and wait until it has loaded."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.send(f"{domain}.enable")
        await self.send("Page.navigate", url=address)
        while not self.loaded:
            await self.receive()

    async def value(self, expression: str) -> object:
        """What an expression is worth on the page."""
        reply = await self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in reply, reply
        found = reply["result"]
        assert isinstance(found, dict)
        return found.get("value")

    async def click(self, selector: str) -> None:
        """Press and release the mouse over the middle of an element."""
        script = (
            f"(() => {{ const one = document.querySelector({json.dumps(selector)}); one.scrollIntoView({{block: 'center'}});"
            " const box = one.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        place = await self.value(script)
        assert isinstance(place, list)
        for kind in ("mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    async def type(self, text: str) -> None:
        """Type into what has the focus."""
        await self.send("Input.insertText", text=text)

    async def screenshot(self) -> bytes:
        """What is seen, as PNG."""
        return base64.b64decode(str((await self.send("Page.captureScreenshot"))["data"]))


@contextmanager
def running_chromium(browser: str) -> Iterator[int]:
    """A browser with a profile that is thrown away; the port on which it takes commands."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [browser, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield debugging_port(Path(profile) / "DevToolsActivePort")
        finally:
            process.terminate()
            process.wait(timeout=START_SECONDS)


def debugging_port(file: Path) -> int:
    """The port that the browser writes down once it listens."""
    last_moment = time.monotonic() + START_SECONDS
    while time.monotonic() < last_moment:
        if file.exists() and (written := file.read_text().split()):
            return int(written[0])
        time.sleep(0.05)
    raise TimeoutError(f"the browser did not start within {START_SECONDS:.0f} s")


@asynccontextmanager
async def open_page(port: int) -> AsyncIterator[Page]:
    """The one page of a running browser."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/json/list") as reply:
            targets = await reply.json()
        address = next(target["webSocketDebuggerUrl"] for target in targets if target["type"] == "page")
        async with session.ws_connect(address, max_msg_size=0) as socket:
            yield Page(socket)
