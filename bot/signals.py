"""How long-running commands are ended: by SIGTERM or Ctrl-C, for every front end."""

import asyncio
import signal


def stop_on_signals(stop: asyncio.Event) -> None:
    """Let SIGTERM and Ctrl-C set `stop`; a second one kills the process."""
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
