"""What the bot counts, and the loopback port that serves it as /healthz and /metrics."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.aiohttp import make_aiohttp_handler

from rag.errors import SettingsError

LAG_EVERY = 0.5


class Metrics:
    """One registry per process; it outlives the client, which may be restarted."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter = partial(Counter, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        histogram = partial(Histogram, registry=self.registry)
        self.questions = counter("dateline_questions", "Questions by what became of them.", ["outcome"])
        self.answer_seconds = histogram(
            "dateline_answer_seconds",
            "From the question's arrival to its answer shown.",
            buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
        )
        self.defer_seconds = histogram(
            "dateline_defer_seconds",
            "From an interaction's arrival to its acknowledgement; Discord waits three seconds.",
            buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 3),
        )
        self.queue_length = gauge("dateline_queue_length", "Questions waiting for their turn.")
        self.gateway_up = gauge("dateline_gateway_up", "1 while the gateway is connected.")
        self.model_errors = counter("dateline_model_errors", "Answers a model failed to write.")
        self.votes = counter("dateline_votes", "Votes on answers.", ["useful"])
        self.watched_asked = counter("dateline_watched_questions", "Watched questions that were asked again.")
        self.changes_told = counter("dateline_watch_changes", "Changed answers that were told.")
        self.send_errors = counter("dateline_send_errors", "Messages Discord did not take.")
        self.loop_lag = gauge("dateline_event_loop_lag_seconds", "Worst delay lately.")
        self.restarts = counter("dateline_client_restarts", "Times the client was started anew.")
        self.connected = False

    def gateway(self, connected: bool) -> None:
        """Note that the gateway was connected or lost."""
        self.connected = connected
        self.gateway_up.set(1 if connected else 0)

    async def watch_loop(self) -> None:
        """Measure, until cancelled, how late the event loop wakes: the delay that a blocked loop costs every user."""
        while True:
            before = time.perf_counter()
            await asyncio.sleep(LAG_EVERY)
            self.loop_lag.set(max(0.0, time.perf_counter() - before - LAG_EVERY))


@asynccontextmanager
async def serve_metrics(metrics: Metrics, port: int) -> AsyncIterator[None]:
    """Answer on 127.0.0.1:port while the block runs; on nothing when the port is 0."""
    if port == 0:
        yield
        return

    async def health(_request: web.Request) -> web.Response:
        body = {"status": "ok" if metrics.connected else "disconnected", "gateway": metrics.connected}
        return web.json_response(body, status=200 if metrics.connected else 503)

    application = web.Application()
    application.router.add_get("/healthz", health)
    application.router.add_get("/metrics", make_aiohttp_handler(metrics.registry))
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except OSError as error:
            raise SettingsError(
                f"DATELINE_DISCORD_PORT={port} cannot be used ({error.strerror}): choose a free port, or 0 for none."
            ) from None
        watcher = asyncio.create_task(metrics.watch_loop())
        try:
            yield
        finally:
            watcher.cancel()
    finally:
        await runner.cleanup()
