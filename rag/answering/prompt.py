"""Fill the prompts in rag/answering/prompts/: passages fenced as data, trimmed to the context. Pure but for the files."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from string import Template

from rag.answer import Turn, day_words
from rag.prompt_injection import is_instruction, without_flagged
from rag.sentences import sentence_spans
from rag.text import clean_line
from vectorstore.values import Hit

PROMPT_HISTORY_TURNS = 3
MAX_HISTORY_ANSWER = 400

# Marks that would pass for ours, and tokens that some servers read as the end of a message wherever they stand.
FORGED_MARK = re.compile(r"[\[【［〔]\s*([\d\s,;–-]{1,20})\s*(?:†[^\]】]*)?[\]】］〕]")
CONTROL_TOKEN = re.compile(r"<(?=[|/]?\s*[A-Za-z_|]{1,30}\|?>?)|\[(?=/?(?:INST|SYS|TOOL))")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is sent: the two messages, how many of the hits it goes through (the first ones), how many were left out."""

    system: str
    user: str
    passages: int = 0
    left_out: int = 0


@cache
def template(name: str) -> str:
    return (files("rag.answering") / "prompts" / f"{name}.md").read_text("utf-8")


def prompt_version(name: str) -> str:
    """A short digest of a prompt file: changes when a word of it does."""
    return f"{name}-{hashlib.sha256(template(name).encode()).hexdigest()[:8]}"


def estimated_tokens(text: str) -> int:
    """Tokens, rather too many than too few: no tokenizer fits every server.

    News in English has 4.2 characters to a token with common vocabularies; other scripts up to one token each.
    """
    ascii_characters = sum(character.isascii() for character in text)
    return int(ascii_characters / 3.2) + (len(text) - ascii_characters) + 1


def answer_prompt(
    question: str, hits: Sequence[Hit], history: Sequence[Turn], asked_at: datetime, prompt_tokens: int
) -> Prompt:
    """Ask for an answer, with as many of the hits, best first, as fit into `prompt_tokens`; whole sentences only."""
    fence = fence_for(hits, history, question)
    values = {"fence": fence, "today": day(asked_at), "question": clean_line(question)}
    values["history"] = history_block(history, fence)
    bare = fill("answer", values | {"passages": fenced([], fence)})
    passages, shown, left_out = fitting(hits, prompt_tokens - estimated_tokens(bare.system + bare.user))
    filled = fill("answer", values | {"passages": fenced(passages, fence)})
    return Prompt(filled.system, filled.user, shown, left_out)


def rewrite_prompt(question: str, history: Sequence[Turn]) -> Prompt:
    """Ask for a question that can be understood alone."""
    fence = fence_for((), history, question)
    return fill("rewrite", {"fence": fence, "history": history_block(history, fence), "question": clean_line(question)})


def check_prompt(pairs: Sequence[tuple[str, str]]) -> Prompt:
    """Ask whether each quote says its sentence; pairs: (quote, sentence)."""
    listed = "\n".join(
        f"{n}. Quote: {harmless(clean_line(quote))}\n   Sentence: {harmless(clean_line(sentence))}"
        for n, (quote, sentence) in enumerate(pairs, start=1)
    )
    return fill("check", {"fence": fence_for((), (), listed), "pairs": listed})


def translate_prompt(language: str, text: str) -> Prompt:
    """Ask for a text in another language."""
    fence = fence_for((), (), text)
    return fill("translate", {"fence": fence, "language": language, "text": harmless_but_marks(text)})


def repair_prompt(
    question: str, hits: Sequence[Hit], sentences: Sequence[tuple[str, str]], prompt_tokens: int
) -> Prompt:
    """Ask for other words for sentences (each with the reason why it is not supported)."""
    fence = fence_for(hits, (), question)
    listed = "\n".join(
        f"{n}. {harmless(clean_line(sentence))} ({reason})" for n, (sentence, reason) in enumerate(sentences, start=1)
    )
    values = {"fence": fence, "question": clean_line(question), "sentences": listed}
    bare = fill("repair", values | {"passages": fenced([], fence)})
    passages, shown, left_out = fitting(hits, prompt_tokens - estimated_tokens(bare.system + bare.user))
    filled = fill("repair", values | {"passages": fenced(passages, fence)})
    return Prompt(filled.system, filled.user, shown, left_out)


def fill(name: str, values: dict[str, str]) -> Prompt:
    """A prompt file with its places filled; what is filled in is never read as a place itself."""
    system, _, user = template(name).partition("\n----\n")
    text = Template(user).substitute(values).strip()
    return Prompt(Template(system).substitute(values).strip(), re.sub(r"\n{3,}", "\n\n", text))


def fitting(hits: Sequence[Hit], budget: int) -> tuple[list[str], int, int]:
    """The passages that fit, best first: the first that does not is cut after a whole sentence, the rest is left out.

    Returns them with how many of the hits they are of, and how many are left out; what may not be quoted is neither.
    """
    passages: list[str] = []
    texts = [harmless(without_flagged(hit.chunk)) for hit in hits]
    shown = 0
    for number, (hit, text) in enumerate(zip(hits, texts, strict=True), start=1):
        if not text.strip():
            continue
        ends = [end for _, end in sentence_spans(text)] or [len(text)]
        while ends and estimated_tokens(block := passage_block(number, hit, text[: ends[-1]])) > budget:
            ends.pop()
        if not ends:
            break
        passages.append(block)
        shown = number
        budget -= estimated_tokens(block)
        if ends[-1] < len(text.rstrip()):
            break
    return passages, shown, sum(bool(text.strip()) for text in texts) - len(passages)


def fenced(passages: Sequence[str], fence: str) -> str:
    """The passages between two lines that none of them can hold."""
    return "\n".join([f"{fence} passages", *passages, f"{fence} end"])


def passage_block(number: int, hit: Hit, text: str) -> str:
    """One passage with its number, title, outlet and date; forged numbers in its text are harmless by then."""
    chunk = hit.chunk
    about = [
        *(harmless(clean_line(line)) for line in (chunk.title, chunk.source) if not is_instruction(line)),
        day(chunk.published, chunk.published_guessed),
    ]
    # Small models copy what they see most often: one fence around all passages, not one around each.
    return f"[{number}] {' · '.join(part for part in about if part)}\n{text}\n"


def history_block(history: Sequence[Turn], fence: str) -> str:
    """The last turns, fenced, "" when there are none."""
    if not history:
        return ""
    lines = [f"{fence} earlier in this conversation"]
    for turn in history[-PROMPT_HISTORY_TURNS:]:
        lines.append(f"Question: {harmless(clean_line(turn.standalone_question or turn.question))}")
        lines.append(f"Answer: {harmless(clean_line(turn.answer))[:MAX_HISTORY_ANSWER]}")
    return "\n".join([*lines, f"{fence} end"]) + "\n"


def fence_for(hits: Sequence[Hit], history: Sequence[Turn], question: str) -> str:
    """A word that stands in none of the texts, so that none of them can close its own fence."""
    texts = "\n".join([
        question,
        *(f"{hit.chunk.title}\n{hit.chunk.source}\n{hit.chunk.text}" for hit in hits),
        *(f"{turn.question}\n{turn.standalone_question}\n{turn.answer}" for turn in history),
    ])  # fmt: skip
    digest = hashlib.sha256(texts.encode("utf-8", "surrogatepass")).hexdigest()
    return next(f"#{digest[n : n + 10]}" for n in range(54) if digest[n : n + 10] not in texts)


def harmless(text: str) -> str:
    """The passage as the model reads it: without forged marks, control tokens and invisible characters.

    Only the prompt's copy: what is quoted comes from the article.
    """
    lines = (clean_line(line) for line in text.split("\n"))
    return CONTROL_TOKEN.sub("‹", FORGED_MARK.sub(r"(\1)", "\n".join(lines)))


def harmless_but_marks(text: str) -> str:
    """One line without control tokens; our own [1] stays."""
    return CONTROL_TOKEN.sub("‹", clean_line(" ".join(text.split())))


def day(moment: datetime | None, guessed: bool = False) -> str:
    """A date as readers write it, "" when there is none."""
    return day_words(moment, guessed) if moment else ""
