"""From a model's draft to claims: plain sentences, each with the passage numbers it cites. Markup is taken off."""

import html
import json
import re
from dataclasses import dataclass

from rag.sentences import sentence_spans
from rag.text import clean_line
from rag.thoughts import separate_thoughts

# 500 sentences, or 10 MB, are no answer.
MAX_DRAFT = 20_000
MAX_CLAIMS = 60
MAX_CLAIM = 600  # characters

# What servers that force a model into JSON send, in a code block or bare.
JSON_OBJECT = re.compile(r"\s*(?:```|~~~)?(?:json)?\s*(\{.*\})\s*(?:```|~~~)?\s*", re.IGNORECASE | re.DOTALL)
JSON_ANSWERS = ("answer", "final_answer", "response", "text", "content")
"""What the answer is called in such an object."""
# All of an answer with its marks in quotation marks, or in TeX's \boxed{}, as models for mathematics end.
WRAPPED = re.compile(r"\s*(?:[\"“]([^\"“”]+\[\d{1,3}\]\s*[.!]?)[\"”]|\$*\\boxed\{(?:\\text\{)?([^{}]+)\}?\}\$*)\s*")
CODE_BLOCK = re.compile(r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1[^\n]*$|\Z)", re.MULTILINE | re.DOTALL)
IMAGE = re.compile(r"!\[[^\]\n]*\]\([^)\n]*\)?")
LINK = re.compile(r"\[([^\[\]\n]*(?:\[\d+\][^\[\]\n]*)?)\]\([^)\n]*\)")
REFERENCE = re.compile(r"^\s*\[[^\]]+\]:\s*\S.*$", re.MULTILINE)
TAG = re.compile(r"</?[A-Za-z!?][^<>]*>")
TAGGED_MARK = re.compile(r"<(sup|cite|citation|source|ref)\b[^<>]*>\s*\[?(\d{1,3})\]?\s*</\1>", re.IGNORECASE)
LINE_MARKUP = re.compile(r"^\s*(?:>\s*)*(?:[-*+•–]\s+|\(?\d{1,2}[.)]\s+|[a-z]\)\s+)?")
HEADING = re.compile(r"^\s*(?:#{1,6}\s|={3,}|-{3,}|\|)|^\s*\*\*[^*]+\*\*:?\s*$")
# "Sources:", "## References", "Sources: [1] Title, outlet, date", also after the last sentence: all after it is a list.
SOURCE_WORDS = (
    r"(?:cited |list of |numbered |used )?(?:sources?(?:\(s\))?|references?|citations?|bibliography|footnotes?|works cited|"
    r"based on|passages?|articles?|quellen|fuentes|fonti|références|источники|джерела)(?: (?:used|cited|list))?"
)
SOURCES_HEADING = re.compile(
    rf"^[\W_]*{SOURCE_WORDS}[*_ ]*(?::[^\n]*|[*_ ]*)$|(?<=[\]】］)）.!?¹²³⁴-⁹*_])[ \t]+[*_]*{SOURCE_WORDS}[*_ ]*:(?!\w)",
    re.IGNORECASE | re.MULTILINE,
)
SOURCE_IN_BRACKETS = re.compile(r"[(\[]sources?:\s[^()\[\]\n]*[)\]]", re.IGNORECASE)
MARK = r"(?:[\[【［〔(（]\W{0,2}(?:[a-z]+ )?\d{1,3}[\d\s,;–-]*(?:†[^\]】\n]*)?[\]】］〕)）]|[¹²³⁴-⁹]+)"
MARK_AT_END = re.compile(rf"{MARK}[\s.!?*_]*$", re.IGNORECASE)
# "[1] Title, outlet, date", without a mark at its end.
LISTED_SOURCE = re.compile(rf"^\s*(?:[-*+•–]\s+)?{MARK}:?\s(?!.*{MARK}[\s.!?]*$)", re.IGNORECASE)
EMPHASIS = re.compile(r"\*\*|__|~~|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)|`")

PASSAGE_NUMBER = r"\d{1,3}"
# [1] [1, 2] [1-3] [^1] [passage 1] 【1†source】 ［1］ (1) (passage 1): what is in brackets, and whether it is a mark.
BRACKETS = re.compile(r"[\[【［〔]([^\[\]【】［］〔〕\n]{1,60})[\]】］〕]|[(（]([^()（）\n]{1,40})[)）]")
MARK_CONTENT = re.compile(
    r"(?:(?:passages?|sources?|articles?|documents?|docs?|refs?|nos?|and)\b\.?|(?<!\d)\d{1,3}(?!\d)|[\s,;&^#–—-])+",
    re.IGNORECASE,
)
SUPERSCRIPT = re.compile(r"[⁰¹²³⁴-⁹]+")
SUPERSCRIPT_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")

# What leads out of the answer is never shown, whatever the articles say.
FORBIDDEN = re.compile(
    r"\w+://|\bwww\.|@\w|<[@#]|\bmailto:|\bjavascript:|\bdata:\w+/|\w@\w+\.\w|\b\w[\w-]*\.example\b", re.IGNORECASE
)
PREAMBLE = re.compile(
    r"^(?:(?:according to|based on|as (?:stated|reported|noted|mentioned) in|per|in|from) (?:the |these |those |this )?"
    r"(?:provided |given |numbered |above )?(?:passages?|articles?|sources?|context|information|text)(?: provided| given)?\s*,\s*"
    r"|(?:according to|based on|as (?:stated|reported|noted|mentioned) (?:in|by)|per|in|from)\s*,\s*"
    r"|(?:the )?(?:passages?|articles?|sources?) (?:say|says|state|states|report|reports|note|notes|mention|mentions) that "
    r"|(?:(?:the |my )?(?:final |short )?answer|in summary|in short|to summarize|in conclusion|overall|yes|no)\s*[:,]\s+)",
    re.IGNORECASE,
)
# "Hungary, according to [1], is a member" without its mark.
NAMES_ITS_SOURCE = re.compile(
    r",?\s+(?:according to|as (?:stated|reported|noted|mentioned) (?:in|by))(?:\s*,(?!\s*$)|(?=\s*[.;!?]|\s*$))",
    re.IGNORECASE,
)
ABSTENTION = re.compile(
    r"\b(?:articles?|passages?|sources?|texts?|documents?|context|information|they|it)\b(?: \w+){0,3}? "
    r"(?:do(?:es)?(?: not|n['’]t)|did(?: not|n['’]t)|fails? to) (?:\w+ )?(?:say|mention|state|contain|provide|specify|include|"
    r"answer|discuss|address|give|indicate|report|tell|name|explain|describe)\b"
    r"|\b(?:no|not enough|insufficient) (?:\w+ )?(?:information|mention|details?|answer)\b"
    r"|\b(?:cannot|can['’]t|unable to|could not) (?:be )?(?:answer|determin|find|found)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence of a draft, without marks and markup. marks: the passage numbers it cites, as written."""

    text: str
    marks: tuple[int, ...]


def claims_of(draft: str, complete: bool = True) -> tuple[Claim, ...]:
    """The sentences of a draft, in order, each once. With complete=False an unfinished last sentence is left out."""
    unfinished = not complete or len(draft) > MAX_DRAFT
    written = out_of_json(separate_thoughts(draft[:MAX_DRAFT]).answer)
    if wrapped := WRAPPED.fullmatch(written):
        written = wrapped[1] or wrapped[2]
    lines = plain_text(without_source_list(written)).split("\n")
    found: list[Claim] = []
    for number, line in enumerate(lines, start=1):
        bare, marks = split_marks(line)
        spans = sentence_spans(bare) if bare.strip() else ()
        for at, (start, end) in enumerate(spans):
            in_sentence = (mark for place, mark in marks if start < place <= end or (place <= start and not at))
            cited = tuple(dict.fromkeys(in_sentence))
            sentence = bare[start:end].strip()
            last = number == len(lines) and end == spans[-1][1]
            if unfinished and last and not cited and not re.search(r"[.!?]['\"”’)]*$", sentence):
                continue
            claim = Claim(tidy(sentence), cited)
            if re.search(r"\w", claim.text):
                found.append(claim)
            elif cited and found:
                # A mark alone on its line belongs to the sentence before it.
                found[-1] = Claim(found[-1].text, tuple(dict.fromkeys((*found[-1].marks, *cited))))
    unique = {claim.text.casefold(): claim for claim in reversed(found)}
    return tuple(claim for claim in found if unique[claim.text.casefold()] is claim)[:MAX_CLAIMS]


def out_of_json(text: str) -> str:
    """The answer in a JSON object that is all of the text; any other text as it is."""
    found = JSON_OBJECT.fullmatch(text)
    try:
        fields = json.loads(found[1], strict=False) if found else None
    except (ValueError, RecursionError):
        return text
    if not isinstance(fields, dict):
        return text
    answers = (fields.get(name) for name in JSON_ANSWERS)
    return next((answer for answer in answers if isinstance(answer, str) and answer.strip()), text)


def without_source_list(text: str) -> str:
    """The text without a list of its sources at its end: titles and dates, which the passages would prove, but no answer."""
    text = SOURCE_IN_BRACKETS.sub("", text)
    for heading in SOURCES_HEADING.finditer(text):
        if text[: heading.start()].strip():
            text = text[: heading.start()]
            break
    lines = text.rstrip().split("\n")
    last = len(lines)
    while last and (not lines[last - 1].strip() or LISTED_SOURCE.match(lines[last - 1])):
        last -= 1
    # Lines that all begin with a mark are the answer where nothing before them ends in one.
    cites = any(MARK_AT_END.search(line) for line in lines[:last])
    return "\n".join(lines[:last]) if cites else text


def plain_text(text: str) -> str:
    """The text without code blocks, images, links, tags, headings, lists and emphasis; its marks stay."""
    text = REFERENCE.sub("", CODE_BLOCK.sub("\n", text))
    text = TAGGED_MARK.sub(r"[\2]", text)
    for _ in range(2):  # "&lt;b&gt;" is a tag after the first round.
        text = TAG.sub(" ", html.unescape(text))
    number = re.compile(rf"\s*{PASSAGE_NUMBER}\s*")
    text = LINK.sub(lambda link: f"[{link[1]}]" if number.fullmatch(link[1]) else link[1], IMAGE.sub(" ", text))
    lines = [EMPHASIS.sub("", LINE_MARKUP.sub("", line)) for line in text.splitlines() if not HEADING.match(line)]
    return "\n".join(clean_line(line) for line in lines)


def split_marks(line: str) -> tuple[str, list[tuple[int, int]]]:
    """The line without its marks, and for each number in one its offset in that line, after the word it follows."""
    bare = ""
    marks: list[tuple[int, int]] = []
    at = 0
    line = SUPERSCRIPT.sub(lambda mark: f"[{mark[0].translate(SUPERSCRIPT_DIGITS)}]", line)
    for match in BRACKETS.finditer(line):
        inside = (match[1] or match[2]).partition("†")[0]
        if not (MARK_CONTENT.fullmatch(inside) and any(character.isdigit() for character in inside)):
            continue
        bare += line[at : match.start()]
        place = len(bare.rstrip())
        marks += [(place, number) for number in numbers_of(inside)]
        at = match.end()
        if bare.endswith(" ") and line[at : at + 1] in ("", " ", ".", ",", ";", ":", "!", "?"):
            bare = bare.rstrip()
    return bare + line[at:], marks


def numbers_of(marks: str) -> list[int]:
    """The numbers in a mark: "1-3" has three of them."""
    found: list[int] = []
    for low, high in re.findall(rf"({PASSAGE_NUMBER})(?:\s*[-–—]\s*\D*?({PASSAGE_NUMBER}))?", marks):
        first, last = int(low), int(high or low)
        found += range(first, last + 1) if first <= last <= first + 20 else [first, last]
    return found


def tidy(sentence: str) -> str:
    """A plain sentence: no preamble, no stray brackets, with a full stop."""
    while (shorter := PREAMBLE.sub("", sentence)) != sentence:
        sentence = shorter[:1].upper() + shorter[1:]
    sentence = NAMES_ITS_SOURCE.sub("", sentence)
    sentence = re.sub(r"\s+([.,;:!?])", r"\1", re.sub(r"[\[\]<>{}|\\]", "", sentence))
    sentence = " ".join(sentence.split()).strip(" ,;–—-*")
    return sentence if not sentence or re.search(r"[.!?…。！？][\"'”’)]*$", sentence) else sentence.rstrip(":") + "."


def is_abstention(sentence: str) -> bool:
    """True if the sentence says that the articles do not say."""
    return bool(ABSTENTION.search(sentence))


def is_forbidden(sentence: str) -> bool:
    """True if the sentence leads out of the answer (an address, a mention, a script) or is too long for one."""
    return bool(FORBIDDEN.search(sentence)) or len(sentence) > MAX_CLAIM
