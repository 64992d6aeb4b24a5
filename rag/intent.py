"""What a line that is no ordinary question wants: help, a summary, the answer before once more. Pure.

Rules, because these are a handful of fixed phrases that no passage answers.
"""

import re
import unicodedata

from rag.time_words import RECENT_SPAN

TIME_WORDS = (
    r"(?:(?:today|yesterday|so far|now|lately|recently|(?:this|last) (?:week|month)"
    rf"|{RECENT_SPAN}|(?>(?:since|as of) .+))\s*)*+"
)
GREETING = (
    r"(?>(?:hi|hiya|hello|hey|heya|hallo|yo|sup|good (?:morning|afternoon|evening|night)|thanks?|thx"
    r"|tnx|thanx|ty|tysm"
    r"|cheers|great|cool|good (?:bot|job|work)|well done"
    r"|ok(?:ay)?|perfect|got it|lol|please|pls|plz|help(?: me)?|test|ping|menu|commands"
    r"|(?:good ?)?bye|cya|see (?:you|ya)(?: later)?|quit|exit|stop"
    r"|how are (?:you|u)(?: doing)?(?: today)?|how(?:['’]?s| is) it going"
    r"|(?:what|how) (?:else )?(?:can|do|should) (?:you|u|i) (?:do|ask|use|say)(?: here| you| this)?(?: for (?:me|us))?"
    r"|(?:how )?can (?:you|u) help(?: (?:me|us))?|what(?: are|['’]?re|['’]?s) (?:your|the) (?:commands?|functions?|features?)"
    r"|who are you|what are you|how (?:does this|do you) work"
    r"|guten (?:morgen|tag|abend)|gute nacht|moin|servus|gr(?:ü|ue)(?:ß|ss)(?: gott| dich| euch)?|tsch(?:ü|ue)ss"
    r"|danke(?: sch(?:ö|oe)n)?"
    r"|vielen dank|hilfe|hilf mir(?: bitte)?|bitte hilf mir|was kannst du(?: alles)?(?: tun)?|wer bist du"
    r"|wie (?:funktioniert (?:das|es)|funktionierst du|geht(?:['’]?s| es dir)?))"
    r"(?!\w)(?: (?:there|all|everyone|bot|dateline|you|u|so much|very much|a lot|mate|guys)(?!\w))*)"
)
# "ok" and "please" alone are a yes to what was said before.
GREETINGS = re.compile(
    rf"(?!(?:ok(?:ay)?|please|pls|plz)[\s!.?]*\Z){GREETING}(?:[\s!.?,]+{GREETING})*+[\s!.?]*", re.IGNORECASE
)
MENTION = re.compile(r"<(?:@[!&]?|#)\d+>|@(?:everyone|here)\b|<a?:\w+:\d+>|^[/!](?=\w)")
"""Of Discord: whom a line speaks to, a picture of the server's own, the mark of a command. Nothing that is asked."""
SUMMARY_REQUEST = re.compile(
    r"(?:please |pls |plz |can (?:you|u) |could (?:you|u) |just |give me |gimme |i want |i need )*(?:a |an |the )?"
    r"(?:short |quick |brief )?"
    r"(?:tl[; ,]?dr|summar(?:y|ies|i[sz]e)|sum(?: (?:it|this|that|them))? up|key points|main points|overview|recap|gist)"
    r"(?: me)?(?: (?:of|for|on|about))?"
    r"(?: (?:the|this|that|these|all))?(?: (?:newest|latest|last))?(?: (?:article|story|piece|text|news|articles|stories|it))?"
    r"(?P<about> [^?.!]+?)??"
    r"(?:,? (?:please|pls|plz|thanks|thx|briefly|in (?:short|brief|a (?:few|couple of) (?:words|sentences))))*\s*"
    + TIME_WORDS
    + r"[\s?.!]*",
    re.IGNORECASE,
)
TELL_ABOUT = re.compile(
    r"(?:please |pls |can (?:you|u) |could (?:you|u) )*(?:tell (?:me|us)|what(?: do (?:you|u|we) know| is known|['’]?s known))"
    r"(?: (?:something|a bit|everything|all))?(?: (?:there is|you know|u know))? (?:about|on|of) "
    r"(?!(?:it|this|that|these|those|him|her|them|you|yourself|how|why|what|who|when|where|whether|if)\b)"
    r"(?P<about>[^?.!,;]{2,120}?)(?:,? please)?[\s?.!]*",
    re.IGNORECASE,
)
NEWS = re.compile(
    r"(?:(?:is there |are there |got |do you have |give me |tell me )?(?:any(?:thing)?|the|some) (?:new|news|updates?)"
    r"|(?:latest|newest|today['’]?s)? ?(?:news|headlines|updates?)(?: please)?|what did i miss|what have i missed)\s*"
    + TIME_WORDS
    + r"[\s?.!]*"
    r"|(?:so )?what(?:['’]?s| is| was| has| did)?(?: the)? (?:new|news|happened|happening|going on|up)(?: in the news)?\s*"
    + TIME_WORDS
    + r"[\s?.!]*"
    r"|what(?:['’]?s| is| are) (?:(?:the|this|these) (?:article|articles|story|text|news)|this|it) (?:all )?about[\s?.!]*",
    re.IGNORECASE,
)
AGAIN = re.compile(
    r"(?:(?:are|r) (?:you|u) (?:really |very |so )?(?:sure|certain|serious)(?: about (?:that|this|it))?|(?:you|u) sure"
    r"|really|seriously|for real|no way|is (?:that|this|it) (?:really )?(?:true|so|right|correct)|says who"
    r"|who says (?:so|that)"
    r"|(?:what(?:['’]?s| is| are) )?(?:the |your |ur |any |with )?"
    r"(?:sources?|src|proof|evidence|citations?|link|refs?|references?)"
    r"(?: for (?:that|this|it))?(?: (?:please|pls|plz))?|prove it|how do (?:you|u) know(?: (?:that|this|it))?"
    r"|where(?:['’]?s| is| does| do| did) (?:that|this|it|you|u) (?:come |get |have )?(?:that |this |it )?from)[\s?!.]*",
    re.IGNORECASE,
)


def wants_help(question: str) -> bool:
    """True for a greeting, thanks or a cry for help, emoji and mentions aside: nothing that articles could answer."""
    spoken = "".join(" " if is_picture(character) else character for character in MENTION.sub(" ", question.strip()))
    return bool(GREETINGS.fullmatch(" ".join(spoken.split())))


def is_picture(character: str) -> bool:
    """True for an emoji and for what joins or colours one."""
    return unicodedata.category(character) in ("So", "Sk", "Cf", "Mn", "Cs", "Co")


def summary_subject(question: str) -> str | None:
    """What a summary is asked of: "" for the newest articles. None where no summary is asked for."""
    question = question.strip()
    if NEWS.fullmatch(question):
        return ""
    match = SUMMARY_REQUEST.fullmatch(question)
    if match is None:
        return None
    about = re.sub(r"^(?:about|on|of) ", "", (match["about"] or "").strip())
    return re.sub(r"(?<=\S) (?:article|story|piece|report|news)\Z", "", about)


def topic_to_tell(question: str) -> str:
    """Of what "Tell me about the fire in Kelling" wants to hear, "" for any other line."""
    match = TELL_ABOUT.fullmatch(question.strip())
    return match["about"].strip() if match else ""


def asks_again(question: str) -> bool:
    """True for "Are you sure?" and "Source?": the question before, with its quotes, answers them."""
    return bool(AGAIN.fullmatch(question.strip()))
