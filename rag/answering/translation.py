"""Questions in other languages than the articles': into English for the search, and what was proven back again."""

import re

from rag.answering.generative import ModelWriter, messages
from rag.answering.prompt import translate_prompt
from rag.errors import ModelError
from rag.text import clean_line
from rag.verification.citations import CITATION_NUMBER
from rag.verification.draft import is_forbidden

MAX_GROWTH = 4
"""A translation with more than so many times the characters is none."""


async def to_english(writer: ModelWriter, question: str) -> str:
    """The question in English. Raises ModelError, also when what came is no question."""
    return await translated(writer, "English", question)


async def like_question(writer: ModelWriter, answer: str, question: str) -> str:
    """A proven answer in the language of the question, each [n] as it was. Raises ModelError where one is lost or new."""
    text = await translated(writer, f'the language of "{clean_line(question)}"', answer)
    if sorted(CITATION_NUMBER.findall(text)) != sorted(CITATION_NUMBER.findall(answer)):
        raise ModelError(f"{writer.name} lost a citation in translation: the answer stays in English.")
    return text


async def translated(writer: ModelWriter, language: str, text: str) -> str:
    prompt = translate_prompt(language, text)
    limit = MAX_GROWTH * len(text) + 200
    # A translation is short, the thoughts before it are not.
    answer = await writer.server.text(messages(prompt), writer.answer_tokens, limit * 4)
    line = clean_line(" ".join(answer.split())).strip("\"'“”„«»*` ")
    if not re.search(r"\w", line) or len(line) > limit or is_forbidden(line):
        raise ModelError(f"{writer.name} gave no translation: ask in English.")
    return line
