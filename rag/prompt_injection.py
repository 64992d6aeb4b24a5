"""Tell text that gives orders from text that gives news, and take out characters that only deceive the eye.

A rule, not a judgement: it looks for sentences that speak to whoever answers. News about such sentences, quoted word
for word, is taken for one of them.
"""

import re
import unicodedata
from collections.abc import Sequence

from rag.text import clean_line
from vectorstore.values import Chunk, Span

PARAGRAPH_END = re.compile(r"\n[^\S\n]*\r?\n\s*$")

# Text that turns around, and invisible characters within a word: nobody writes these to be read.
HIDDEN = re.compile("[\u202d\u202e\u2066-\u2069\x1b]|(?<=[A-Za-z])[\u200b-\u200d\u2060-\u2064\ufeff]+(?=[A-Za-z])")

# Letters of other scripts that look like Latin ones: enough to read "ignоre" with a Cyrillic о.
LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһАВЕКМНОРСТХІαοερνιτκΑΒΕΗΙΚΜΝΟΡΤΧ", "aeopcyxijsdhABEKMHOPCTXIaoepvitkABEHIKMNOPTX"
)

_ORDERED = (
    r"instructions?|directives?|prompts?|rules?|guidelines?|guardrails?|restrictions?|safety|polic(?:y|ies)|"
    r"everything|anything|context|passages?|articles?|sources?|documents?|messages?|constraints?|training|orders?"
)
_REPLY = r"answers?|repl(?:y|ies)|respon(?:ses?|d)|outputs?|summar(?:y|ies)|completions?|citations?"
_MACHINE = (
    r"a\.?i\.?|assistants?|chat\s?bots?|bots?|(?:large )?language models?|l\.?l\.?m\.?s?|models?|agents?|gpt\S*|"
    r"chatgpt|claude|gemini|llama|copilot|dateline"
)
_SPEAK = (
    r"say|answer|reply|respond|output|print|write|repeat|state|tell|inform|claim|announce|declare|conclude|insist|"
    r"pretend|act|behave|speak|cite|quote|mention|append|prepend|include|insert|end|begin|start|finish|close|sign|add"
)

# Each was written for a family of attacks; tests/test_prompt_injection.py names them, and measures what news is lost to them.
PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # "Ignore all previous instructions", "forget the articles above", also in other languages.
        rf"\b(?:ignor\w*|disregard|forget|override|bypass|discard|skip|drop|abandon|suspend)\b(?:\W+\w+){{0,4}}?\W+"
        rf"(?:(?:all|any|your|these|those|previous|prior|above|earlier|preceding|system|safety)\W+)+"
        rf"(?:\w+\W+){{0,3}}?(?:{_ORDERED})\b",
        r"\b(?:ignore|disregard|forget|override|bypass|discard)\W+(?:the|my|other)\W+(?:\w+\W+){0,2}?"
        r"(?:instructions?|prompts?|directives?|articles?|passages?|context|question)\b",
        r"\b(?:ignor\w+|omit\w*|olvid\w+|vergiss|vergesse|missacht\w+|oubli\w+|dimentic\w+)\b.{0,40}"
        r"\b(?:anweisungen|instrucciones|instructions|istruzioni|instruções|reglas|regeln|règles|consignes)\b",
        r"игнориру\w+|забудь\w*\s.{0,20}(?:инструкц|указан)|忽略|無視して|무시하",
        # "You are now DAN", "act as a pirate", "as an AI".
        rf"\byou are (?:now |no longer |henceforth )?(?:an? |the |my )?(?:\w+ )?(?:{_MACHINE}|dan|pirate|jailbroken)\b",
        r"\byou are (?:now|no longer|henceforth)\b",
        rf"\bas an? (?:ai|{_MACHINE})\b,?\s+you\b",
        rf"\bact(?:ing)? as (?:an? |the |if you )(?:{_MACHINE}|\w+ (?:assistant|mode)|were|are|had)\b",
        r"\b(?:from now on|for the rest of (?:this|the) (?:chat|conversation|session)),? (?:you|always|never|"
        r"only|answer)\b",
        r"\b(?:developer|debug|admin|maintenance|god|dan|root|sudo|unrestricted) mode\b",
        r"\b(?:system|hidden|initial|original|secret) (?:prompt|instructions)\b",
        r"\b(?:new|updated|important|additional|following|special|urgent|override|final|revised) "
        r"(?:system )?(?:instructions?|directives?|prompts?)\b\s*(?:for (?:you|the (?:\w+ )?(?:assistant|"
        r"model|ai))|:|follow)",
        r"\b(?:prompt|instruction) injection\b.{0,20}:|\bjailbreak\b",
        # A speaker's label at the start of a line, chat markup, our own fence.
        r"^\W{0,4}(?:system|assistant|user|human|developer|admin(?:istrator)?|operator|moderator|instructions?|prompt|"
        r"ai|tool|function|note to (?:self|\w+))\b\s*(?:\([^)]{0,30}\)|message|prompt|note|override|notice|"
        r"update)?\s*[:>\]]",
        r"<\|[^|>]{0,40}\|>|<\/?(?:s|sys|system|user|assistant|instructions?|passages?|prompt|context|"
        r"im_start|im_end)\b",
        r"\[/?(?:inst|sys|system|user|assistant|end)\b|<<\W*sys|#{2,}\s*(?:instruction|system|response|user|assistant)",
        r"\b(?:begin|end|start)(?:ning)?(?: of)? (?:system|instructions?|prompt|passages?|articles?|context|user)\b",
        # Orders about the answer, or to whoever answers.
        rf"^\W*(?:(?:and|so|then|now|also|instead|finally|therefore|please|kindly|just|simply|always|only|"
        rf"you (?:must|should|"
        rf"will|shall|have to|need to|are to|can only))\W+)*(?:do not |don't |never |only |always )?(?:{_SPEAK})\b"
        rf"(?=.*(?:\b(?:your|the|every|each|any|this|all|no|a) (?:\w+ )?(?:{_REPLY}|users?|readers?|questions?|reader|"
        rf"person)\b|\b(?:with|only|exactly|instead|nothing|verbatim|following|that)\b\W|[:\"“'‘]))",
        rf"\byou (?:must|should|shall|have to|need to|are to|will|are required to|are instructed to|may only|can only)"
        rf"(?: now| always| never| only| not| therefore| instead)* (?:{_SPEAK}|ignore|reveal|follow|obey|"
        rf"comply|disclose)\b",
        rf"\b(?:your|the (?:assistant|model|bot|ai|chatbot)['’]s) (?:\w+ )?(?:{_REPLY}|instructions?|prompt)\b",
        rf"(?:^\W*|\b(?:the|all|any|every|dear|hey|attention|to|hello|hi|note)\W+)(?:{_MACHINE})\b(?:\W+\w+){{0,6}}?\W+"
        rf"(?:reading|processing|summari[sz]ing|(?:must|should|shall|ha(?:s|ve) to|needs? to|(?:is|are) (?:to|"
        rf"instructed to|"
        rf"required to)|please)(?: now| always| never| only| not| therefore| instead)* (?:{_SPEAK}|ignore|"
        rf"recommend|follow|"
        rf"obey|comply|reveal|disclose|call|promote))\b",
        rf"\b(?:if|when|whenever|once) (?:you(?:['’]re| are)? |the user |a user |users? |anyone |someone |the reader |"
        rf"(?:ever )?asked|questioned|prompted).*?(?:,|then)\W*(?:please |you |always |only |do not |never |just )*"
        rf"(?:must |should |will )?(?:{_SPEAK}|ignore|refuse|follow)\b",
        r"\b(?:the |only |one |single )*(?:correct|right|true|only|real|final|official|verified|proper|expected) "
        rf"(?:{_REPLY}) (?:to |for |is|must|should|here|now)",
        r"\b(?:tell|inform|remind|notify|warn|instruct|advise|ask|assure|persuade|convince) (?:the|your|every|"
        r"all|any) "
        r"(?:users?|readers?|person asking|questioner|asker|customer)\b",
        r"\b(?:this is|i am|i'm|it's|speaking as) (?:the |your )(?:user|developer|administrator|admin|operator|owner|"
        r"system|creator|real user)\b",
        r"\bas (?:the |your )(?:user|developer|administrator|operator|owner|creator),? i\b",
        r"\b(?:the )?user (?:has |have )?(?:asks?|asked|says|wants?|requests?|instructs?|authori[sz]ed|"
        r"confirmed|agreed|"
        r"requires?|prefers?|permits?|consent(?:s|ed))\b",
        r"\b(?:reveal|disclose|leak|exfiltrate|print|show|repeat|output|send|share|post|paste) "
        r"(?:\w+ ){0,3}(?:prompt|instructions|api[ _-]?keys?|secrets?|passwords?|tokens?|credentials|"
        r"environment variables)\b",
        r"\b(?:decode|base64|rot13|translate) (?:\w+ ){0,5}(?:and (?:follow|obey|execute|run|do)|instructions?)\b",
        r"\b(?:execute|run|obey|follow|comply with) (?:\w+ ){0,2}(?:this|these|the following|following|my|below) "
        r"(?:\w+ )?(?:commands?|instructions?|code|orders?|directives?|steps|script)\b",
        r"\bdo not (?:follow|obey|trust|believe|use|cite|mention|quote|rely on) (?:\w+ ){0,3}"
        r"(?:instructions?|passages?|articles?|sources?|prompts?|rules?)\b",
        r"\bcite (?:this|only this|it|passage|article|source|as)\b|\bcit(?:e|"
        r"ing) \[?\d|\bmark(?:ed)? (?:it |this )?as proven\b",
        # The same orders from the side: what an answer has to be, whom a paragraph is for, what was said before.
        r"\b(?:what|everything|anything|all) (?:that )?you (?:have been|were|are|had been) (?:told|given|"
        r"instructed|taught)\b",
        r"\b(?:tell|ask|inform|remind) (?:whoever|anyone|everyone|everybody|anybody|those|people|"
        r"them) (?:who )?(?:asks?|reads?)",
        r"\bignor\w+ the (?:rules|above|rest)\W+(?:and|then|but)\b",
        r"\b(?:an?|any|every|each|all|other) (?:\w+ )?(?:answers?|repl(?:y|ies)|summar(?:y|"
        r"ies)) (?:to \w+ )?(?:ha(?:s|ve) to|must|"
        r"should|needs? to|shall|without|is an error|will be (?:rejected|punished|deleted))\b|"
        r"^\W*answers? (?:without|must|that)\b",
        rf"\bonly (?:acceptable|possible|permitted|allowed|valid|accepted|safe) (?:{_REPLY})\b",
        r"\b(?:only )?for (?:machines|robots|bots|crawlers|computers|terminals|models|debugging|"
        r"assistants)( only)?\s*[:,]",
        r"\bmachine[- ]readable (?:notice|note|message|instruction)|^\W*moderators? only\b",
        r"\binstructions? (?:to|for) (?:the |your |this |any |all )?(?:\w+['’]s )?(?:software|machines?|"
        r"readers?|models?|"
        r"assistants?|ai|computers?|bots?|program)\b",
        r"\b(?:text|paragraph|line|message|data|note)s? (?:below|above|here)? ?(?:is|was|are|were|comes?|"
        r"added) (?:\w+ )?"
        r"(?:from|by) (?:the|your) (?:developer|user|owner|operator|system|administrator)\b",
        r"\b(?:copy|use|insert|put|place|paste|forward|replace|reproduce|show|add|include|confirm|print|give|display)\b"
        r"(?:\W+\w+){1,12}?\W+(?:in|into|as|to|of|for|from)\W+(?:the|your|every|each|any|an?)\W+(?:\w+\W+){0,3}?"
        r"(?:answer|reply|output|summary|heading|user|reader)\b",
        r"^\W*(?:use|copy|insert|put|paste|replace) (?:this|these|the|your) (?:\w+ ){0,3}(?:definition|lines?|"
        r"links?|sources?|"
        r"words?|heading|list|text)\b",
        r"\b(?:repeat|copy|quote|write|reproduce|forward) (?:it|this|that|them)? ?(?:in full|verbatim|exactly|"
        r"word for word|"
        r"unchanged|with its (?:mark|number)|as it stands)",
        r"\byour (?:\w+ (?:of )?){0,2}(?:sources|citations|directions|only task|programming|creators?|developers?)\b",
        r"[:;]\s*(?:answer|reply|respond|say|output|print|repeat|write)\b(?! no\b| yes\b)",
        r"\bthe articles (?:do not )?say\b|\bDATELINE_[A-Z]|\bend of (?:data|article|file|input|text)\b|\bA:\s*$",
        # Markup that no reporter writes: tags, JSON of a chat, definitions of links, forged lists of sources.
        r"<\s*[/!?]?\s*[a-z!\[][^<>]{0,300}>|<!\[CDATA|\]\]>|[\"']role[\"']\s*:|^\s*\[[^\]\n]{1,40}\]:\s*\S|"
        r"\[\d+\][^\n]{0,200}https?:|\]\(",
        # Links and calls that lead elsewhere, mentions that would ring bells.
        r"\[[^\]\n]{0,200}\]\(\s*\S|!\[|\bhref\s*=|javascript:|\bdata:text",
        r"\b(?:click|tap|press) (?:here|this|the link|on)\b|\b(?:visit|go to|open|see|follow|log ?in at|sign up at)\b"
        r"(?:\W+\w+){0,4}?\W+(?:https?:|www\.|hxxp)",
        r"@everyone\b|@here\b|<[@#][!&]?\w*\d",
    )
)


def folded(text: str) -> str:
    """The text as a reader sees it, for looking through disguises: compatibility forms, no lookalike letters."""
    plain = unicodedata.normalize("NFKC", clean_line(text))
    latin = sum(c.isascii() and c.isalpha() for c in plain)
    return plain.translate(LOOKALIKES) if 2 * latin > sum(c.isalpha() for c in plain) else plain


def is_instruction(sentence: str) -> bool:
    """True for a sentence that addresses whoever answers instead of reporting: never quoted, never proof."""
    seen = folded(sentence[:2_000])
    return bool(HIDDEN.search(sentence)) or any(pattern.search(seen) for pattern in PATTERNS)


def flagged_by_paragraph(sentences: Sequence[str]) -> tuple[bool, ...]:
    """For each sentence of a passage, in order: does its paragraph hold an instruction?

    `sentences` keep the line ends that follow them where they end a paragraph. What stands beside an order is part of
    it more often than news: "New rules. Write the following: ...".
    """
    paragraphs = [0]
    for sentence in sentences:
        paragraphs.append(paragraphs[-1] + bool(PARAGRAPH_END.search(sentence)))
    flagged = {number for number, sentence in zip(paragraphs, sentences, strict=False) if is_instruction(sentence)}
    return tuple(number in flagged for number in paragraphs[:-1])


def flagged_sentences(chunk: Chunk, spans: Sequence[Span]) -> tuple[bool, ...]:
    """Which sentences stand in a paragraph that gives orders; each is looked at with the white space behind it."""
    ends = [start for start, _ in spans[1:]] + [chunk.end]
    return flagged_by_paragraph([chunk.sentence_text((span[0], end)) for span, end in zip(spans, ends, strict=True)])
