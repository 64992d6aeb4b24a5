"""Stop asking a server that keeps failing, for a while: a question then gets its extractive answer without waiting."""

from dataclasses import dataclass


@dataclass(slots=True)
class CircuitBreaker:
    """Open after `failures_to_open` failures in a row, for `open_seconds`; then one call at a time may try again.

    Three and thirty are guesses: long enough to spare a server that restarts, short enough not to be noticed after.
    """

    failures_to_open: int = 3
    open_seconds: float = 30.0
    failures: int = 0
    open_until: float = 0.0

    def seconds_to_wait(self, now: float) -> float:
        """0 when a call may be made; it then counts as the one trial until it ends. `now` is any steady clock."""
        if self.failures < self.failures_to_open:
            return 0.0
        if now < self.open_until:
            return self.open_until - now
        self.open_until = now + self.open_seconds
        return 0.0

    def succeeded(self) -> None:
        """The server answered: close."""
        self.failures = 0

    def failed(self, now: float) -> None:
        """The server did not answer."""
        self.failures += 1
        self.open_until = now + self.open_seconds
