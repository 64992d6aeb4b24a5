"""The whole Answer as JSON and back, with hits, draft and explanation: what is stored for replay."""

from pydantic import TypeAdapter

from rag.answer import Answer

ANSWERS = TypeAdapter(Answer)


def answer_to_record(answer: Answer) -> str:
    """The answer, hits and all, as JSON that `answer_from_record` reads back equal."""
    return ANSWERS.dump_json(answer).decode()


def answer_from_record(record: str) -> Answer:
    """The answer that was stored. Raises pydantic.ValidationError on a record of another shape."""
    return ANSWERS.validate_json(record)
