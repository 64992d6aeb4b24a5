"""Forget articles: everything made from them goes, and every quote of them in stored answers and watched questions.

What is to be forgotten is noted first and struck off last: killed anywhere, the next run finishes it.
"""

import math
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace

from rag.answer import (
    QUOTED_FORGOTTEN,
    Answer,
    Citation,
    Headline,
    Refusal,
    answer_to_record,
    readable_answer,
)
from rag.ingestion.indexing import Storage, batches, raise_if_stopped, remove
from vectorstore.answers import AnswerStore, articles_named
from vectorstore.followed import FollowedStore
from vectorstore.lock import ShouldStop, never_stop
from vectorstore.values import ArticleKey, Hit
from vectorstore.watches import NOTHING_SAID, Restated, Said, WatchStore
from vectorstore.wiping import wipe_database

REMOVED_AT_ONCE = 200
"""Articles deleted between two polls for a stop."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was forgotten: articles, and the stored answers and watched questions that quoted them.

    left: why bytes of them may still be on the disk, "" where none are; forgetting again tries that again.
    """

    articles: int = 0
    answers: int = 0
    watches: int = 0
    left: str = ""


def forget(storage: Storage, articles: Sequence[ArticleKey], stopped: ShouldStop = never_stop) -> Forgotten:
    """Forget these articles, and what an earlier run left of others. The caller holds the writer lock.

    Raises StoreError; what is left then is noted and goes the next time.
    """
    ledger = storage.ledger
    unfinished = ledger.forgetting()
    forgotten = set(articles) | set(unfinished)
    if not forgotten:
        return Forgotten()
    ledger.note_forgetting(list(forgotten))
    for library in sorted({library for library, _ in forgotten}):
        ids = sorted(article_id for of, article_id in forgotten if of == library)
        for batch in batches(ids, REMOVED_AT_ONCE):
            raise_if_stopped(stopped)
            remove(storage, library, batch)
        FollowedStore(ledger.database).forget(library, ids)
    answers = take_from_answers(AnswerStore(ledger.database), forgotten)
    watches = take_from_watches(WatchStore(ledger.database), forgotten)
    left = wipe(storage)
    if not left:
        ledger.note_forgetting(())
    return Forgotten(len(set(articles)), answers, watches, left)


def wipe(storage: Storage) -> str:
    """Take away what deleted articles left in files; returns why that failed, "" where it did not."""
    left = storage.store.wipe()
    return left or storage.lexical.purge() or wipe_database(storage.ledger.database)


def take_from_answers(store: AnswerStore, forgotten: Set[ArticleKey]) -> int:
    """Take every word of these articles out of the stored answers; returns how many had some."""
    count = 0
    for stored in store.naming({article_id for _, article_id in forgotten}):
        answer = readable_answer(stored.record)
        if answer is None:
            # A record of another shape is shown nowhere, and nothing can be taken out of it.
            store.delete(stored.id)
            count += 1
            continue
        kept = without_articles(answer, forgotten)
        if kept != answer:
            question, record = kept.standalone_question, answer_to_record(kept)
            store.replace(replace(stored, standalone_question=question, record=record))
            count += 1
    return count


def take_from_watches(store: WatchStore, forgotten: Set[ArticleKey]) -> int:
    """Take every word of these articles out of what watched questions said; returns how many of them said some.

    A watch whose answer quoted one says so in its place: it is asked again, and whoever watches hears what it says now. A
    change to such an answer, not told yet, is dropped with those after it: the next answer is compared with the one before.
    """

    def restated(said: Said, changes: Sequence[tuple[int, Said, str]]) -> Restated | None:
        kept: dict[int, str] = {}
        for change_id, before, after in changes:
            if tells(after, forgotten):
                return Restated(said_without(before, forgotten), kept)
            kept[change_id] = record_without(before.record, forgotten)
        untouched = not tells(said.record, forgotten) and list(kept.values()) == [one.record for _, one, _ in changes]
        return None if untouched else Restated(said_without(said, forgotten), kept)

    return sum(store.restate(watch.id, restated) for watch in store.everything())


def tells(record: str, forgotten: Set[ArticleKey]) -> bool:
    """True if an answer's record has a word of these articles."""
    return record_without(record, forgotten) != record


def record_without(record: str, forgotten: Set[ArticleKey]) -> str:
    """An answer's record without these articles, the same where it has none; "" for one of another shape that names some."""
    if {article_id for _, article_id in forgotten}.isdisjoint(articles_named(record)):
        return record
    answer = readable_answer(record)
    if answer is None:
        return ""
    kept = without_articles(answer, forgotten)
    return record if kept == answer else answer_to_record(kept)


def said_without(said: Said, forgotten: Set[ArticleKey]) -> Said:
    """What was said without these articles, by so little later that an answer that is being found meanwhile is told apart."""
    record = record_without(said.record, forgotten)
    return Said(record, math.nextafter(said.at, math.inf)) if record else NOTHING_SAID


def articles_of(answer: Answer) -> frozenset[ArticleKey]:
    """The articles that an answer holds words of; the headlines in it are of these, too."""
    quoted = [*answer.citations, *answer.disagreement]
    if answer.refusal is not None and answer.refusal.closest is not None:
        quoted.append(answer.refusal.closest)
    chunks = [chunk for hit in answer.hits for chunk in (hit.chunk, *hit.copies)]
    named = [(one.library, one.article_id) for one in quoted]
    return frozenset([*named, *((chunk.library, chunk.article_id) for chunk in chunks)])


def without_articles(answer: Answer, forgotten: Set[ArticleKey]) -> Answer:
    """The answer without a word of these articles, the same where it has none.

    One that quotes them says so instead of what it said: prose cannot be taken apart. Its question stays as it was typed.
    """
    ids = {article_id for _, article_id in forgotten}

    def is_kept(headline: Headline) -> bool:
        # A headline does not say which library it is of: with the same id in two, one of another goes, too.
        return headline.article_id not in ids

    def is_quotable(citation: Citation) -> bool:
        return (citation.library, citation.article_id) not in forgotten

    hits = tuple(hit for hit in answer.hits if is_found(hit, forgotten))
    answer = replace(
        answer,
        hits=tuple(
            replace(hit, copies=tuple(copy for copy in hit.copies if (copy.library, copy.article_id) not in forgotten))
            for hit in hits
        ),
        draft=answer.draft if len(hits) == len(answer.hits) else None,
        citations=without_copies(answer.citations, is_kept),
        disagreement=without_copies(answer.disagreement, is_kept) if all(map(is_quotable, answer.disagreement)) else (),
        refusal=refusal_without(answer.refusal, is_kept, is_quotable),
    )
    if all(map(is_quotable, answer.citations)):
        return answer
    explanation = replace(answer.explanation, rewritten="", read_as="")
    return replace(
        answer,
        standalone_question=answer.question,
        text="",
        citations=(),
        disagreement=(),
        refusal=Refusal(QUOTED_FORGOTTEN),
        note="",
        draft=None,
        explanation=explanation,
    )


def is_found(hit: Hit, forgotten: Set[ArticleKey]) -> bool:
    """True for a passage of another article."""
    return (hit.chunk.library, hit.chunk.article_id) not in forgotten


def without_copies(citations: Sequence[Citation], is_kept: Callable[[Headline], bool]) -> tuple[Citation, ...]:
    """The citations without those copies that are not kept."""
    return tuple(replace(citation, copies=tuple(filter(is_kept, citation.copies))) for citation in citations)


def refusal_without(
    refusal: Refusal | None, is_kept: Callable[[Headline], bool], is_quotable: Callable[[Citation], bool]
) -> Refusal | None:
    """The refusal without the headlines and the passage that go."""
    if refusal is None:
        return None
    closest = refusal.closest if refusal.closest is None or is_quotable(refusal.closest) else None
    kept = None if closest is None else without_copies([closest], is_kept)[0]
    return replace(refusal, nearest=tuple(filter(is_kept, refusal.nearest)), closest=kept)
