"""Cut articles into chunks with exact character offsets, by LlamaIndex's SentenceSplitter. Pure."""

import hashlib
import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from rag.sentences import sentence_spans, strip_span
from vectorstore.values import Article, Chunk, Span

if TYPE_CHECKING:
    from llama_index.core.node_parser import SentenceSplitter
    from tokenizers import Tokenizer

CHUNKING = "1"
"""Goes up when the same article would be cut differently: stored chunks are then remade."""

MAX_CHARACTERS_PER_TOKEN = 8
"""WordPiece calls a word of any length one [UNK]; a megabyte without a space must not become one chunk."""
WORD_BETWEEN_SPACES = re.compile(r"[A-Za-z0-9][^ ]*")

Splitter = Callable[[str], list[str]]


def chunk_splitter(tokenizer: "Tokenizer", chunk_tokens: int) -> "SentenceSplitter":
    """A splitter of whole sentences up to `chunk_tokens`, without overlap: sentences are never quoted twice."""
    from llama_index.core.node_parser import SentenceSplitter

    @lru_cache(maxsize=65_536)
    def tokens(text: str) -> Sequence[int]:
        if (fewest := fewest_tokens(text)) > chunk_tokens:
            # It is cut in any case; how much too long it is, nobody asks.
            return range(fewest)
        count = len(tokenizer.encode(text, add_special_tokens=False).ids)
        return range(max(count, fewest))

    return SentenceSplitter(
        chunk_size=chunk_tokens,
        chunk_overlap=0,
        tokenizer=tokens,
        # nltk, the default, refuses hard-linked data files; and its sentences are not the ones we quote.
        chunking_tokenizer_fn=sentence_pieces,
        include_metadata=False,
        include_prev_next_rel=False,
    )


def fewest_tokens(text: str) -> int:
    """So many tokens a text has at least, found in a hundredth of the time of counting them: one for each word between spaces
    with a Latin letter or digit."""
    return max(len(WORD_BETWEEN_SPACES.findall(text)), len(text) // MAX_CHARACTERS_PER_TOKEN)


def sentence_pieces(text: str) -> list[str]:
    """The text in pieces that each end where a sentence ends: joined again they are the text."""
    starts = [0, *(start for start, _ in sentence_spans(text)[1:]), len(text)]
    return [text[start:end] for start, end in pairwise(starts) if start < end]


def chunk_spans(text: str, split: Splitter) -> list[Span]:
    """Where the splitter's pieces lie in the text. They come in order, with only white space left out between them."""
    spans: list[Span] = []
    cursor = 0
    for piece in split(text):
        words = piece.strip()
        if not words:
            continue
        start = text.index(words, cursor)
        cursor = start + len(words)
        spans.append((start, cursor))
    return spans


def chunks_of(article: Article, split: Splitter) -> list[Chunk]:
    """The article's chunks in reading order: `article.text[start:end] == text`, each with its sentences."""
    sentences = sentence_spans(article.text)
    ends = [end for _, end in sentences]
    digest = article.digest
    return [
        Chunk(
            id=hashlib.sha256(f"{digest}:{CHUNKING}:{start}:{end}".encode()).hexdigest()[:32],
            article_id=article.id,
            library=article.library,
            position=position,
            start=start,
            end=end,
            text=article.text[start:end],
            title=article.title,
            source=article.source,
            url=article.url,
            published=article.published,
            title_derived=article.title_derived,
            sentences=sentences_within(article.text, sentences[bisect_left(ends, start + 1) :], start, end),
            published_guessed=article.published_guessed,
            updated=article.updated,
        )
        for position, (start, end) in enumerate(chunk_spans(article.text, split))
    ]


def sentences_within(text: str, sentences: Sequence[Span], start: int, end: int) -> tuple[Span, ...]:
    """The parts of sentences that lie in [start, end); a sentence longer than a chunk is cut where the chunk is."""
    inside: list[Span] = []
    for sentence_start, sentence_end in sentences:
        if sentence_start >= end:
            break
        part = strip_span(text, max(sentence_start, start), min(sentence_end, end))
        if part[0] < part[1]:
            inside.append(part)
    return tuple(inside)
