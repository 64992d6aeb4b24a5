"""Lines among an article's paragraphs that are none of it, told by their words: to read on elsewhere, to sign up, to unsubscribe.

In the languages in which pages are met most; what none of these words begins is left where it stands.
"""

import re

MAX_INVITATION_WORDS = 30
"""A longer paragraph tells something, whatever it begins with."""
MAX_NOTICE_WORDS = 60
"""Of what a newsletter says of itself at its ends: why it is sent, to whom, by whom."""

READ_ELSEWHERE = re.compile(
    r"\W*(?:read (?:more|also|next|on)|also read|see also|(?:watch|listen)(?: also| now)?"
    r"|related(?: (?:articles?|stories|coverage|reading|news))?|more (?:on this(?: story)?|stories|news|from \w+)"
    r"|recommended(?: for you)?|you may also like|don['’]t miss|most read|up next"
    r"|lesen sie (?:auch|mehr)|mehr zum thema|auch interessant|das könnte sie (?:auch )?interessieren"
    r"|(?:à )?lire aussi|voir aussi|sur le même sujet|à lire également"
    r"|le[ea] también|lee más|te puede interesar|noticias relacionadas|más noticias"
    r"|leggi anche|potrebbe interessarti|leia (?:também|mais)|veja também|lees ook|lees meer|läs också|les også|læs også"
    r"|czytaj także|читайте также|関連記事|相关阅读|관련 기사)\W*",
    re.IGNORECASE,
)
"""A label, and nothing else: what is linked behind it is another article."""
INVITATION = re.compile(
    r"\W*(?:(?:click|tap) here (?:to|for)\b|follow us on\b|join us on\b|(?:download|get) our app\b"
    r"|(?:sign up|subscribe|register)\b.*\b(?:newsletters?|inbox|our (?:\w+ ){0,3}(?:e-?mails?|updates|briefing|channel))\b"
    r"|(?:abonnieren sie|melden sie sich|inscrivez-vous|abonnez-vous|suscríb\w+|iscriviti|assine|schrijf je in)\b"
    r".*\b(?:newsletter|boletín|infolettre|nieuwsbrief)\b)",
    re.IGNORECASE | re.DOTALL,
)
ADVERTISEMENT = re.compile(
    r"\W*(?:advertisement|advertising|(?:story|article) continues (?:below|after)(?: (?:the |this )?ad(?:vertisement)?)?"
    r"|sponsored(?: content)?|anzeige|werbung|publicité|publicidad|publicidade|pubblicità|advertentie|annons|reklam[ae]"
    r"|реклама|広告)\W*",
    re.IGNORECASE,
)
"""What heads an advertisement, which a script puts there or a saved page has lost."""
NEWSLETTER_NOTICE = re.compile(
    r"\bunsubscribe\b|\b(?:manage|update) (?:your )?(?:e-?mail )?(?:preferences|subscriptions?)\b"
    r"|\byou(?:['’]re| are)? (?:receiv(?:ed|ing)|getting|got) this (?:e-?mail|newsletter|message)\b"
    r"|\bview (?:this |it |the )?(?:e-?mail |newsletter )?(?:online|in (?:your|a) (?:web )?browser)\b"
    r"|\babmelden\b|\babbestellen\b|\bim browser (?:ansehen|öffnen|anzeigen|lesen)\b"
    r"|\bsie erhalten diese[nr]? (?:e-?mail|mail|newsletter|nachricht)\b"
    r"|\bse désabonner\b|\bdésabonnez|\bdésinscri|\bdans (?:votre|le) navigateur\b"
    r"|\bdarse de baja\b|\bcancelar (?:la |tu |su )?suscripción\b|\ben (?:el|tu|su) navegador\b"
    r"|\bannulla(?:re)? (?:l['’])?iscrizione\b|\buitschrijven\b|\bafmelden\b|\bcancelar inscrição\b",
    re.IGNORECASE,
)


def reads_elsewhere(label: str) -> bool:
    """True for "Read also:" and its like, with nothing behind it."""
    return READ_ELSEWHERE.fullmatch(label) is not None


def is_label(line: str) -> bool:
    """True for a line that says no more than that something else follows: other articles, or an advertisement."""
    return reads_elsewhere(line) or ADVERTISEMENT.fullmatch(line) is not None


def is_invitation(paragraph: str) -> bool:
    """True for a short paragraph that asks its reader to click, to follow or to sign up."""
    return INVITATION.match(paragraph) is not None and len(paragraph.split()) <= MAX_INVITATION_WORDS


def without_notices(text: str) -> str:
    """A newsletter's text without what it says of itself at its beginning and its end; all of it where nothing else is there."""
    paragraphs = text.split("\n\n")
    told = [number for number, paragraph in enumerate(paragraphs) if not is_notice(paragraph)]
    return "\n\n".join(paragraphs[told[0] : told[-1] + 1]) if told else text


def is_notice(paragraph: str) -> bool:
    return NEWSLETTER_NOTICE.search(paragraph) is not None and len(paragraph.split()) <= MAX_NOTICE_WORDS
