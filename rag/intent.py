"""What a line that is no ordinary question wants: help, a summary, the answer before once more. Pure.

Rules, because these are a handful of fixed phrases that no passage answers.
"""

import re

TIME_WORDS = (
    r"(?:(?:today|yesterday|so far|now|lately|recently|(?:this|last) (?:week|month)"
    r"|(?:in|over|within|during) the (?:last|past) (?:\w+ )?(?:days?|weeks?|months?)|since .+|as of .+)\s*)*"
)
GREETING = (
    r"(?:hi|hiya|hello|hey|hallo|yo|good (?:morning|afternoon|evening)|thanks?|thank you|thx|help(?: me)?|test|ping"
    r"|(?:what|how) (?:else )?(?:can|do) (?:you|i) (?:do|ask|use)(?: here| you| this)?|how can you help(?: me)?"
    r"|who are you|what are you|how (?:does this|do you) work|guten (?:morgen|tag|abend)|danke|hilfe|was kannst du)"
    r"(?: (?:there|all|everyone|bot|dateline|you|so much|a lot))*"
)
GREETINGS = re.compile(rf"{GREETING}(?:[\s!.?,]+{GREETING})*[\s!.?]*", re.IGNORECASE)
SUMMARY_REQUEST = re.compile(
    r"(?:please |can you |could you |give me )*(?:a )?(?:short |quick |brief )?"
    r"(?:tl;?dr|summar(?:y|ies|i[sz]e)|sum up|key points|main points|overview|recap)(?: me)?(?: (?:of|for|on|about))?"
    r"(?: (?:the|this|that|these|all))?(?: (?:newest|latest|last))?(?: (?:article|story|piece|text|news|articles|stories|it))?"
    r"(?P<about> [^?.!]+?)??(?: please)?\s*" + TIME_WORDS + r"[\s?.!]*",
    re.IGNORECASE,
)
NEWS = re.compile(
    r"(?:so )?what(?:['’]?s| is| was| has| did)?(?: the)? (?:new|news|happened|happening|going on|up)(?: in the news)?\s*"
    + TIME_WORDS
    + r"[\s?.!]*"
    r"|what (?:is|are) (?:the|this|these) (?:article|articles|story|text|news) about[\s?.!]*",
    re.IGNORECASE,
)
AGAIN = re.compile(
    r"(?:are you sure|really|is (?:that|this|it) (?:true|so|right)|says who|who says (?:so|that)"
    r"|(?:the |your |any )?(?:sources?|proof|evidence|citations?|link)"
    r"|where (?:is|does|do|did) (?:that|this|it|you) (?:come |get |have )?(?:that |this |it )?from)[\s?!.]*",
    re.IGNORECASE,
)


def wants_help(question: str) -> bool:
    """True for a greeting, thanks or a cry for help: nothing that articles could answer."""
    return bool(GREETINGS.fullmatch(question.strip()))


def summary_subject(question: str) -> str | None:
    """What a summary is asked of: "" for the newest articles. None where no summary is asked for."""
    question = question.strip()
    if NEWS.fullmatch(question):
        return ""
    match = SUMMARY_REQUEST.fullmatch(question)
    return None if match is None else re.sub(r"^(?:about|on|of) ", "", (match["about"] or "").strip())


def asks_again(question: str) -> bool:
    """True for "Are you sure?" and "Source?": the question before, with its quotes, answers them."""
    return bool(AGAIN.fullmatch(question.strip()))
