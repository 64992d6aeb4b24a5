"""The whole Answer as JSON and back, with hits, draft and explanation: what is stored for replay."""

import logging

from pydantic import TypeAdapter, ValidationError

from rag.answer import Answer
from vectorstore.answers import StoredAnswer

log = logging.getLogger("dateline.engine")
ANSWERS = TypeAdapter(Answer)


def answer_to_record(answer: Answer) -> str:
    """The answer, hits and all, as JSON that `answer_from_record` reads back equal."""
    return ANSWERS.dump_json(answer).decode()


def answer_from_record(record: str) -> Answer:
    """The answer that was stored. Raises pydantic.ValidationError on a record of another shape."""
    return ANSWERS.validate_json(record)


def readable_answer(stored: StoredAnswer) -> Answer | None:
    """The answer that was stored, None for a record of another shape: one of those must not end a conversation."""
    try:
        return answer_from_record(stored.record)
    except ValidationError:
        log.warning("stored answer of another shape passed over", extra={"answer_id": stored.id})
        return None
