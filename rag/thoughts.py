"""Tell a model's thoughts from its answer, however its server marks them. Pure.

Thoughts come within tags, before a lone closing tag (the template opened it in the prompt), in Harmony's channels, or apart
in a field of their own. Only what comes after them is the answer.
"""

import re
from dataclasses import dataclass

TAG_NAMES = r"think(?:ing)?|thoughts?|reason(?:ing)?|reflection|analysis|scratchpad|inner_monologue|inner_prefix"
THOUGHT_TAG = re.compile(
    # <think> <seed:think> <|START_THINKING|> <|begin_of_thought|> ◁think▷ and their ends; the last two: Gemma's, Mistral's.
    rf"(?P<open>(?:\\?<|[◁＜]|&lt;)\|?\s*(?:start_|begin_of_|begin_)?(?:\w+:)?(?:{TAG_NAMES})\s*(?:\|?\\?>|[▷＞]|&gt;)"
    r"|<\|channel>\s*thought|<unused94>\s*(?:thought\b)?|(?-i:\[THINK\])"
    r"|<details[^<>]*(?:reason|think)[^<>]*>)"
    rf"|(?P<close>(?:\\?<|[◁＜]|&lt;)\|?\s*(?:/|end_of_|end_)\s*(?:\w+:)?(?:{TAG_NAMES})\s*(?:\|?\\?>|[▷＞]|&gt;)|<\|inner_suffix\|>"
    r"|<channel\|>|<unused95>"
    r"|(?-i:\[/THINK\])|</details>)",
    re.IGNORECASE,
)
HARMONY = re.compile(r"<\|(?:channel|message)\|>")
HARMONY_MESSAGE = re.compile(
    r"(?:<\|channel\|>)?\s*(?P<channel>analysis|commentary|final)\b[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>"
    r"(?P<text>.*?)(?=<\|(?:end|return|call|start|channel)\|>|\Z)",
    re.DOTALL,
)
# The same where the server has dropped the special tokens.
BARE_HARMONY = re.compile(
    r"\A\s*(?:(?:assistant)?(?:analysis|commentary)(?=\s*[A-Z\"'“])(?:.*?assistantfinal)?|assistantfinal)", re.DOTALL
)
BARE_BEGINNINGS = ("analysis", "commentary", "assistantanalysis", "assistantcommentary", "assistantfinal")
THOUGHT_WORDS = r"(?:thinking|thoughts?|thought process|reasoning|analysis)"
# "**Thinking:** ... **Answer:** ...", where a model without tags was told to think first.
HEADED_THOUGHTS = re.compile(
    rf"\A[\s#*_]*{THOUGHT_WORDS}[*_ ]*(?::[*_ ]*|\n).*?"
    r"(?:\n[ #*_]*|\*\*)(?:final |my )?(?:answer|response)[*_ ]*(?::[*_ ]*|\n)",
    re.IGNORECASE | re.DOTALL,
)
# "> **Reasoning**", "> ...", as proxies show thoughts in Markdown: a quotation before the answer.
QUOTED_THOUGHTS = re.compile(
    rf"\A\s*>[\s*_#]*{THOUGHT_WORDS}[*_: ]*\n(?:[ \t]*>[^\n]*\n)*(?=\s*\n|[^\s>])", re.IGNORECASE
)
# Granite's: its two parts begin with these sentences.
TOLD_THOUGHTS = re.compile(
    r"\A\s*here(?:['’]s| is) my thought process:.*?\bhere(?:['’]s| is) my (?:response|answer):\s*",
    re.IGNORECASE | re.DOTALL,
)
# What comes after the end of a turn is a turn that the model made up.
END_OF_TURN = re.compile(
    r"<\|(?:im_end|eot_id|end_of_text|endoftext|end|return|eom_id|end_of_turn|im_start)\|>|</s>|<(?:end|start)_of_turn>"
)
BEGIN_OF_TURN = re.compile(
    r"\A\s*(?:(?:<\|[^|<>\n]{1,40}\|>|<start_of_turn>|<s>|<bos>)\s*(?:assistant|model)?\s*)+", re.IGNORECASE
)
SPECIAL_TOKEN = re.compile(r"<\|[^|<>\n]{1,40}\|>|</?(?:s|bos|answer|response|final_answer|solution)>", re.IGNORECASE)
UNFINISHED_TAG = re.compile(r"(?:\\|\\?<[^<>\n]{0,40}|[◁＜][^▷＞\n]{0,40}|\[/?[A-Z]{0,6})\Z")
TAG_CHARACTER = re.compile(r"[<>◁▷＜＞\\\[\]&;]")
CLOSING_CHARACTER = re.compile(r"[\]】］)）¹²³⁴-⁹]")
"""Without one of these no mark ends."""

# A model that thinks aloud speaks of itself, of who asks and of its task; an answer does not.
MONOLOGUE = re.compile(
    r"\b(?:the user\b|let me\b|let's\b|okay,|alright,|hmm\b|wait,|i (?:need|should|must|think|can|have) |i'll |i'm "
    r"|we (?:need|should|have) to |we are given|(?<![\[(【（])passages? \d|my answer|the question (?:asks|is)|thinking process)",
    re.IGNORECASE,
)
# Words of an answer too, at times; whoever holds back what has them only shows it later.
DOUBTFUL = re.compile(
    r"\b(?:users?|(?<![\[(【（])passages?|question|prompt|answer(?:ing)?|sentences?|cit(?:e|ing|ations?)|instructions?|maybe|so,"
    r"|first,|we|my|I)\b",
)
OPENING_MONOLOGUE = re.compile(
    r"\A\W*(?:okay|alright|hmm|let me|let's|the user|we (?:need|should|are given)|i (?:need|should)|first, (?:i|let)"
    r"|so,? (?:the user|i (?:need|should))|(?:here(?:'s| is) (?:a|my) )?(?:thinking|thought) process)\b",
    re.IGNORECASE,
)
MARKED = re.compile(
    r"(?:[\[【［(（](?:(?:passages?|sources?|articles?)\b|(?<!\d)\d{1,3}(?!\d)|[\s,;^#–-]|†[^\]】\n]*)+[\]】］)）]|[¹²³⁴-⁹]+)"
    r"[.!?]*"
)


@dataclass(frozen=True, slots=True)
class SeparatedText:
    """A model's text without its thoughts. thought: there were some; begins: only they came before the answer.

    unopened: they ended in a tag that nothing in the text opened; within: more thoughts are to come.
    """

    answer: str
    thought: bool = False
    begins: bool = False
    unopened: bool = False
    within: bool = False


@dataclass(frozen=True, slots=True)
class AnswerBegins:
    """The thoughts are over: whatever came before was not the answer."""


def separate_thoughts(text: str, ended: bool = True) -> SeparatedText:
    """The answer in what a model has written so far. ended=False: a tag that has only begun is held back."""
    if not ended:
        text = UNFINISHED_TAG.sub("", text)
        if any(beginning.startswith(text.strip()) for beginning in BARE_BEGINNINGS):
            return SeparatedText("")
    if HARMONY.search(text):
        messages = list(HARMONY_MESSAGE.finditer(text))
        finals = [message["text"] for message in messages if message["channel"] == "final"]
        return SeparatedText(without_special_tokens("".join(finals)).lstrip(), thought=True, begins=bool(finals))
    if bare := BARE_HARMONY.match(text):
        ends = bare[0].endswith("assistantfinal")
        return SeparatedText(text[bare.end() :].lstrip() if ends else "", thought=True, begins=ends)
    if headed := HEADED_THOUGHTS.match(text) or TOLD_THOUGHTS.match(text) or QUOTED_THOUGHTS.match(text):
        return SeparatedText(without_special_tokens(text[headed.end() :]).lstrip(), thought=True, begins=True)
    answer, within, seen, begins, unopened, at = "", False, False, False, False, 0
    for tag in THOUGHT_TAG.finditer(text):
        seen = True
        if not within:
            # A closing tag that nothing opened: the prompt did, and all before it is thought.
            answer = answer + text[at : tag.start()] if tag["open"] else ""
            unopened |= not tag["open"]
        within, at = bool(tag["open"]), tag.end()
        begins = not within and not answer.strip()
    answer += "" if within else text[at:]
    answer = without_special_tokens(answer)
    return SeparatedText(answer.lstrip() if seen else answer, seen, begins, unopened, within)


def without_special_tokens(text: str) -> str:
    """The text up to the end of the model's turn, without what only its template means."""
    if "<" not in text:
        return text
    return SPECIAL_TOKEN.sub("", END_OF_TURN.split(BEGIN_OF_TURN.sub("", text), maxsplit=1)[0])


class AnswerReader:
    """Reads the answer out of a stream of pieces. thought: the model has thought, be it in its text or apart.

    unopened: its thoughts are known to end in a tag that nothing opened, or have just been found to.
    """

    def __init__(self, unopened: bool = False) -> None:
        self.unopened = unopened
        self.pieces: list[str] = []
        self.text = ""
        self.repeats = True
        self.read = ""
        self.thought = False
        self.thought_apart = False
        self.begun = False
        self.steady = False
        self.within = False

    @property
    def answered(self) -> bool:
        """True once there is an answer."""
        return bool(self.read.strip())

    def think(self) -> None:
        """Note a thought that came apart from the text."""
        self.thought = self.thought_apart = True

    def add(self, piece: str) -> list[str | AnswerBegins]:
        """What is new in the answer with this piece."""
        self.pieces.append(piece)
        # Some servers send in each piece all that there is so far.
        if self.repeats and len(self.pieces) > 1:
            before = self.pieces[-2]
            self.repeats = len(piece) > len(before) > 1 and piece.startswith(before)
            self.text = piece if self.repeats else "".join(self.pieces)
        else:
            self.text += piece
        # Reading all of it again with each piece would take seconds for a long text, and only a tag changes anything.
        if self.steady and not self.repeats and not TAG_CHARACTER.search(piece):
            self.read += "" if self.within else piece
            return [] if self.within else [piece]
        separated = separate_thoughts(self.text, ended=False)
        if self.unopened and not separated.thought:
            return []
        news = self.news(separated)
        goes_on = bool(self.read) and self.text.endswith(self.read[-64:])
        self.within = separated.within
        self.steady = (separated.within or goes_on) and not UNFINISHED_TAG.search(self.text[-64:])
        return news

    def end(self, cut_off: bool) -> list[str | AnswerBegins]:
        """What is new now that nothing comes any more. Thoughts that used up all tokens have no end that marks them."""
        separated = separate_thoughts(self.text)
        if cut_off and not separated.thought and (self.unopened or has_only_thought(separated.answer)):
            self.thought = True
            return self.news(SeparatedText("", thought=True, begins=True))
        return self.news(separated)

    def news(self, separated: SeparatedText) -> list[str | AnswerBegins]:
        """What is to be told of the text as it is now read."""
        answer = separated.answer.lstrip() if self.thought_apart else separated.answer
        self.thought |= separated.thought
        self.unopened |= separated.unopened
        begins = separated.begins or (self.thought_apart and bool(answer))
        news: list[str | AnswerBegins] = []
        if (begins and not self.begun) or not answer.startswith(self.read):
            news.append(AnswerBegins())
            self.read = ""
        self.begun |= begins
        if new := answer[len(self.read) :]:
            news.append(new)
        self.read = answer
        return news


def has_only_thought(text: str) -> bool:
    """True for the beginning of a text that was cut off within thoughts, of which no tag tells."""
    return bool(OPENING_MONOLOGUE.match(text) or (MONOLOGUE.search(text) and not MARKED.search(text)))


def is_monologue(text: str) -> bool:
    """True for text without tags that reads like thoughts."""
    return bool(MONOLOGUE.search(text) or OPENING_MONOLOGUE.match(text))


def settled_length(draft: str, ended: bool = False) -> int:
    """How many characters of a draft are no thoughts, as far as can be told: those up to the last cited sentence.

    A closing tag that nothing opened may still come and make thoughts of them; thoughts rarely cite and speak of themselves.
    """
    if is_monologue(draft) or (DOUBTFUL.search(draft) and not ended):
        return 0
    return len(draft) if ended else max((mark.end() for mark in MARKED.finditer(draft)), default=0)
