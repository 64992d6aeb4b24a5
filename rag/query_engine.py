"""The engine as LlamaIndex's query engine: for its agents, routers and evaluators. Each source node is one verbatim quote."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.response.schema import Response
from llama_index.core.prompts.mixin import PromptMixinType
from llama_index.core.schema import NodeRelationship, NodeWithScore, QueryBundle, RelatedNodeInfo, TextNode

from rag.answer import Answer, Citation, answer_json
from rag.factory import open_engine
from rag.protocols import AnswersQuestions
from rag.settings import Settings
from vectorstore.values import Hit, Scope


class DatelineQueryEngine(BaseQueryEngine):
    """Asks an engine on the event loop where it was opened, from any thread and from within any other loop.

    Raises DatelineError as the engine does. Answers are not stored: they are not shown to a reader here.
    """

    def __init__(self, engine: AnswersQuestions, loop: asyncio.AbstractEventLoop, scope: Scope | None = None) -> None:
        super().__init__(callback_manager=None)
        self.engine = engine
        self.loop = loop
        self.scope = scope

    def _query(self, query_bundle: QueryBundle) -> Response:
        asking = self.begin(query_bundle.query_str)
        try:
            return asking.result()
        finally:
            asking.cancel()  # What was interrupted, by Ctrl-C for instance; a finished question stays as it is.

    async def _aquery(self, query_bundle: QueryBundle) -> Response:
        if running_loop() is self.loop:
            return await self.ask(query_bundle.query_str)
        return await asyncio.wrap_future(self.begin(query_bundle.query_str))

    def _get_prompt_modules(self) -> PromptMixinType:
        return {}

    async def ask(self, question: str) -> Response:
        """One question, on the engine's own loop."""
        return response_of(await self.engine.ask(question, scope=self.scope))

    def begin(self, question: str) -> "Future[Response]":
        """A question handed to the engine's loop. Raises RuntimeError where nobody would answer it."""
        if self.loop.is_closed():
            raise RuntimeError("The query engine is closed: ask within the block that opened it.")
        if running_loop() is self.loop:
            raise RuntimeError("query() would wait for the event loop that calls it: await aquery() here.")
        return asyncio.run_coroutine_threadsafe(self.ask(question), self.loop)


@contextmanager
def open_query_engine(
    settings: Settings, scope: Scope | None = None, on_wait: Callable[[str], None] | None = None
) -> Iterator[DatelineQueryEngine]:
    """A query engine on the library that the settings name, with an event loop in a thread of its own.

    scope: what every question may search. Raises StoreError, EmbedderError, ModelError, SettingsError.
    """
    opened: Future[DatelineQueryEngine] = Future()
    closed: Future[None] = Future()

    async def keep_open() -> None:
        async with open_engine(settings, on_wait) as engine:
            opened.set_result(DatelineQueryEngine(engine, asyncio.get_running_loop(), scope))
            await asyncio.wrap_future(closed)

    def report_failure(running: "Future[None]") -> None:
        if not opened.done():
            opened.set_exception(running.exception())

    thread = ThreadPoolExecutor(1, "query-engine")
    thread.submit(lambda: asyncio.run(keep_open())).add_done_callback(report_failure)
    try:
        yield opened.result()
    finally:
        closed.set_result(None)
        thread.shutdown()


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread, if any does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def response_of(answer: Answer) -> Response:
    """An answer with a source node for each citation; a refusal is its sentence, without any. Metadata: the answer as JSON."""
    said = answer.refusal.reason if answer.refusal is not None else answer.text
    sources = [source_node(citation, answer.hits) for citation in answer.citations]
    return Response(said, sources, answer_json(answer))


def source_node(citation: Citation, hits: tuple[Hit, ...]) -> NodeWithScore:
    """A quote, its offsets in the stored article, and the score of the passage that holds it."""
    holding = [hit for hit in hits if holds(hit, citation)]
    node = TextNode(
        id_=f"{citation.library}/{citation.article_id}:{citation.start}-{citation.end}",
        text=citation.quote,
        start_char_idx=citation.start,
        end_char_idx=citation.end,
        metadata={
            "number": citation.number,
            "article_id": citation.article_id,
            "title": citation.title,
            "source": citation.source,
            "url": citation.url,
            "published": citation.published.isoformat() if citation.published else "",
            "published_guessed": citation.published_guessed,
        },
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=citation.article_id)},
    )
    return NodeWithScore(node=node, score=max((hit.score for hit in holding), default=None))


def holds(hit: Hit, citation: Citation) -> bool:
    chunk = hit.chunk
    same_article = (chunk.library, chunk.article_id) == (citation.library, citation.article_id)
    return same_article and chunk.start <= citation.start and citation.end <= chunk.end
