"""Let a model write the answer and keep only what the articles support: draft, verification, one repair, verification."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import Executor
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime

from rag.answer import Citation, Draft, DraftText, DroppedSentence, Turn
from rag.answering.prompt import Prompt, answer_prompt, check_prompt, prompt_version, repair_prompt, rewrite_prompt
from rag.errors import ModelError, ModelRefused
from rag.models.openai_client import CHARACTERS_PER_TOKEN, RAISE_TOKENS, Finished, Message, ModelServer
from rag.text import STOP_WORDS, clean_line, words_of
from rag.thoughts import CLOSING_CHARACTER, AnswerBegins, has_only_thought, settled_length
from rag.verification.claims import ClaimVerdict, VerifiedClaims, cited_text, verify_claims
from rag.verification.draft import is_forbidden
from rag.verification.verifier import Verifier
from vectorstore.values import Hit

MAX_REWRITE = 500
RAISE_CONTEXT = "raise DATELINE_MODEL_CONTEXT_TOKENS, a third of which is for the answer"


@dataclass(frozen=True, slots=True)
class VerifiedText:
    """What is left of a draft after verification, each sentence ending in its [n].

    No citations and not abstained: nothing could be proven. abstained: the model says that the articles do not say.
    interrupted: why the server did not finish or the model did not answer, in a sentence; what was finished is here all
    the same.
    """

    text: str
    citations: tuple[Citation, ...]
    draft: Draft
    abstained: bool
    interrupted: str = ""


class GrowingDraft:
    """A draft as it comes, and how much of it may be shown already: nothing that may turn out to be thought."""

    def __init__(self) -> None:
        self.text = ""
        self.shown = 0
        self.begun = False

    def add(self, event: str | AnswerBegins) -> list[DraftText]:
        """What may be shown now."""
        if isinstance(event, str):
            self.text += event
            if self.begun:
                # After its thoughts a model writes its answer and nothing else.
                return self.show(len(self.text))
            return self.show(settled_length(self.text)) if CLOSING_CHARACTER.search(event) else []
        had_shown, self.text, self.shown, self.begun = self.shown, "", 0, True
        return [DraftText("", restart=True)] if had_shown else []

    def end(self) -> list[DraftText]:
        """What may be shown now that nothing comes any more."""
        return self.show(len(self.text) if self.begun else settled_length(self.text, ended=True))

    def break_off(self) -> None:
        """Forget a draft that broke off within thoughts, of which no tag tells."""
        if not self.begun and has_only_thought(self.text):
            self.text = ""

    def show(self, until: int) -> list[DraftText]:
        begin, self.shown = self.shown, max(self.shown, until)
        return [DraftText(self.text[begin : self.shown])] if self.shown > begin else []


class ModelWriter:
    """Writes answers and standalone questions with one model. Keeps no conversation.

    threads: where the networks prove what was written, as many at once as it has threads; None: the event loop's own.
    """

    def __init__(
        self,
        server: ModelServer,
        verifier: Verifier,
        context_tokens: int,
        answer_tokens: int,
        checks: bool = False,
        threads: Executor | None = None,
    ) -> None:
        self.server, self.verifier, self.checks, self.threads = server, verifier, checks, threads
        self.name = server.server.model
        # A small context is shared: a third of it at most is for the answer.
        self.allowed_tokens = answer_tokens
        self.answer_tokens = min(answer_tokens, context_tokens // 3)
        self.prompt_tokens = context_tokens - self.answer_tokens
        self.most_characters = self.answer_tokens * CHARACTERS_PER_TOKEN

    async def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        """The question so that it can be understood alone. Raises ModelError, also when what came is no question."""
        prompt = rewrite_prompt(question, history)
        # A question is short, the thoughts before it are not.
        text = await self.server.text(messages(prompt), self.answer_tokens, MAX_REWRITE * 4)
        lines = [line for line in (clean_line(line) for line in text.splitlines()) if line]
        rewritten = re.sub(
            r"^(?:(?:standalone |rewritten )?question|answer)\s*:\s*", "", lines[0] if lines else "", flags=re.I
        )
        rewritten = rewritten.strip("\"'“”„«»*` ")
        # Three times as long and a line: names take the place of pronouns, not more.
        too_long = len(rewritten) > min(MAX_REWRITE, 3 * len(question) + 120)
        if too_long or is_forbidden(rewritten) or not speaks_of(rewritten, question, history):
            raise ModelError(f"{self.name} gave no question that stands alone: ask again with the names in it.")
        return rewritten

    async def write(
        self, question: str, hits: Sequence[Hit], history: Sequence[Turn], asked_at: datetime
    ) -> AsyncGenerator[DraftText | VerifiedText, None]:
        """The draft in pieces as it comes, then VerifiedText. Raises ModelError when the server fails before its first word."""
        prompt = answer_prompt(question, hits, history, asked_at, self.prompt_tokens)
        shown = hits[: prompt.passages]
        draft = GrowingDraft()
        finished = Finished(complete=False)
        interrupted = ""
        try:
            async with aclosing(self.server.stream(messages(prompt), self.answer_tokens)) as stream:
                async for event in stream:
                    if isinstance(event, Finished):
                        finished, interrupted = event, event.unanswered
                        continue
                    for shown_text in draft.add(event):
                        yield shown_text
                    if len(draft.text) >= self.most_characters:
                        break
        except ModelError as error:
            if isinstance(error, ModelRefused) or not draft.text.strip():
                raise
            interrupted = str(error)
            draft.break_off()
        for shown_text in draft.end():
            yield shown_text
        written = draft.text[: self.most_characters]
        verified = await asyncio.get_running_loop().run_in_executor(
            self.threads, verify_claims, written, shown, self.verifier, finished.complete
        )
        if finished.cut_off and not interrupted and not verified.verdicts:
            interrupted = (
                f"{self.name} spent its {self.answer_tokens} tokens before it had finished a sentence: {RAISE_TOKENS}."
            )
        if self.answer_tokens < self.allowed_tokens:
            interrupted = interrupted.replace(RAISE_TOKENS, RAISE_CONTEXT)
        checked = ""
        if self.checks and not interrupted:
            verified, checked = await self.check(shown, verified)
        # A server that has just failed is not asked to repair anything.
        verdicts, repaired = (verified.verdicts, "") if interrupted else await self.repair(question, shown, verified)
        text, citations = cited_text(verdicts, shown)
        yield VerifiedText(
            text,
            citations,
            Draft(
                written
                + (f"\n\n[checked]\n{checked}" if checked else "")
                + (f"\n\n[repaired]\n{repaired}" if repaired else ""),
                prompt_version("answer"),
                tuple(DroppedSentence(v.claim.text, v.reason) for v in verdicts if not v.quotes),
                prompt.left_out,
                finished.prompt_tokens,
                finished.completion_tokens,
            ),
            verified.abstained and not citations and not interrupted,
            interrupted,
        )

    async def check(self, hits: Sequence[Hit], verified: VerifiedClaims) -> tuple[VerifiedClaims, str]:
        """Ask once which unproven sentences their nearest quote says in other words; and what the model said to that.

        Only sentences whose numbers, dates, names and quotations the quote has are asked about: of these code is surer.
        """
        unsure = [(verdict, verdict.nearest) for verdict in verified.verdicts if verdict.nearest is not None]
        pairs = [(hits[near.passage].chunk.sentence_text(near.span), verdict.claim.text) for verdict, near in unsure]
        if not pairs:
            return verified, ""
        try:
            text = await self.server.text(messages(check_prompt(pairs)), self.answer_tokens, self.most_characters)
        except ModelError:
            return verified, ""  # What was proven stands without it.
        agreed = [unsure[number - 1] for number in agreed_numbers(text) if 1 <= number <= len(unsure)]
        # No claim of a draft comes twice.
        vouched = {
            verdict.claim: replace(verdict, quotes=(near,), reason="", repairable=False) for verdict, near in agreed
        }
        verdicts = tuple(vouched.get(verdict.claim, verdict) for verdict in verified.verdicts)
        return replace(verified, verdicts=verdicts, abstained=verified.abstained and not vouched), text

    async def repair(
        self, question: str, hits: Sequence[Hit], verified: VerifiedClaims
    ) -> tuple[tuple[ClaimVerdict, ...], str]:
        """Ask once for other words for what could not be proven; each that now can be takes its sentence's place."""
        wrong = verified.repairable
        if not wrong or not hits:
            return verified.verdicts, ""
        sentences = [(verdict.claim.text, verdict.reason) for verdict in wrong]
        prompt = repair_prompt(question, hits, sentences, self.prompt_tokens)
        try:
            text = await self.server.text(messages(prompt), self.answer_tokens, self.most_characters)
        except ModelError:
            return verified.verdicts, ""  # What was proven stands without it.
        better = await asyncio.get_running_loop().run_in_executor(
            self.threads, repaired_verdicts, text, wrong, hits[: prompt.passages], self.verifier
        )
        known = {verdict.claim.text for verdict in verified.supported}
        kept = [better.get(v.claim.text, v) for v in verified.verdicts]
        return tuple(v for n, v in enumerate(kept) if v is verified.verdicts[n] or v.claim.text not in known), text


def agreed_numbers(text: str) -> list[int]:
    """The numbers that stand before a "yes"; a number with both has none."""
    said = re.findall(r"^\W*(\d{1,3})\W+(yes|no)\b", text, re.IGNORECASE | re.MULTILINE)
    refused = {number for number, word in said if word.lower() == "no"}
    return [int(number) for number, word in said if word.lower() == "yes" and number not in refused]


def speaks_of(rewritten: str, question: str, history: Sequence[Turn]) -> bool:
    """Does it take up a word of the conversation? "I cannot answer that." does not."""
    said = " ".join([question, *(f"{turn.question} {turn.answer}" for turn in history)])
    return bool((set(words_of(rewritten)) - STOP_WORDS) & (set(words_of(said)) - STOP_WORDS))


def repaired_verdicts(
    text: str, wrong: Sequence[ClaimVerdict], hits: Sequence[Hit], verifier: Verifier
) -> dict[str, ClaimVerdict]:
    """The corrected sentences that can be proven, by the sentence that each takes the place of."""
    found: dict[str, ClaimVerdict] = {}
    lines = [line for line in text.splitlines() if line.strip()]
    for place, line in enumerate(lines):
        number = re.match(r"\s*(\d{1,2})[.):]\s+", line)
        at = int(number[1]) - 1 if number else place
        proven = verify_claims(line[number.end() :] if number else line, hits, verifier).supported
        if 0 <= at < len(wrong) and proven:
            found.setdefault(wrong[at].claim.text, proven[0])
    return found


def messages(prompt: Prompt) -> list[Message]:
    """A prompt as the messages of a chat."""
    return [Message("system", prompt.system), Message("user", prompt.user)]
