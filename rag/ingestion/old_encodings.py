"""Which encoding of the time before Unicode a text is in, by the letters it would have. Pure.

Latin letters are judged here, by the alphabets of languages, because news in English has few letters that tell encodings apart.
charset-normalizer judges other scripts.
"""

import re

from rag.text import word_set

WINDOWS = "cp1252"
LATIN = (WINDOWS, "mac_roman", "cp1250", "iso8859_2", "cp1254")
"""Western (Windows-1252 is Latin-1 with quotation marks and dashes), central European, Turkish letters; the likeliest first."""
OTHER_SCRIPTS = (
    "cp1251", "koi8_r", "cp866", "mac_cyrillic", "cp1253", "iso8859_7", "cp1255", "cp1256", "cp932", "euc_jp", "gb18030",
    "big5", "euc_kr",
)  # fmt: skip
"""Cyrillic, Greek, Hebrew, Arabic letters; Japanese, Chinese, Korean."""
ALPHABETS = word_set("""
    äöüßé àâæçéèêëîïôœùûü áéíñóúüªº áâãàçéêíóôõúü àèéìíòóùú åäöéü æøåéö áæðéíóöúýþ éèëêïóöü àçèéíïòóúü· áàéèíìóòúù
    ąćęłńóśźż áčďéěíňóřšťúůýž áäčďéíĺľňóôŕšťúýž áéíóöőúüű čćđšž ăâîșțşţ çğıöşüâîiİ
""")
"""The letters beyond a to z of German, French, Spanish, Portuguese, Italian, Swedish, Danish, Icelandic, Dutch, Catalan,
Gaelic, Polish, Czech, Slovak, Hungarian, Croatian, Romanian, Turkish."""
FITTING = 0.9
"""Share of such letters in one alphabet from which on a text is in an encoding; English news has names of many languages."""
BETTER, MUCH_BETTER, LEAST_FIT = 0.1, 0.5, 0.5
"""By so much another encoding must fit better, of one language or, with so much of one at least, of many. All of these are
guesses, held by the texts of the tests."""
MOST_FOREIGN = 0.3
"""Share of bytes over 127 up to which bytes are Latin letters; Cyrillic or Greek text has over half. A guess."""
JUDGED_BYTES = 200_000

LEAST_FOREIGN = 4
FOREIGN = re.compile(r"[^\W\d_a-zA-Z²³¹]")
MIXED_WORD = re.compile(r"[A-Za-z][^\x00-\x7f\W]|[^\x00-\x7f\W][A-Za-z]")
# Signs and controls within words, a capital behind a small letter, and words of nothing but such letters: £ódzko, M‰con, cafŽ,
# Ìåëüíèöà.
MISPLACED = re.compile(
    r"(?<=[^\W\d_])[^\w\s\x00-\x7f–—‘’‚‛“”„«»…·²³®™©°\u00ad](?=[^\W\d_])"
    r"|[¤¦¨¬¯´¸¹£¥¢](?=[^\W\d_]{2})|(?<=[^\W\d_]{2})[¤¦¨¬¯¸¹³»«](?=[^\W\d_])"
    r"|(?<=[a-zà-öø-ÿ])[À-ÖØ-ÞŠŒŽŸ]|[\x80-\x9f]|[À-ÖØ-öø-ÿ]{4,}"
)


def old_encoding_of(content: bytes) -> str | None:
    """The encoding of bytes that are no Unicode; None where no encoding makes a text of them."""
    judged = content[:JUDGED_BYTES]
    is_latin = sum(byte > 127 for byte in judged) < max(MOST_FOREIGN * len(judged), LEAST_FOREIGN)
    if is_latin:
        fits = {encoding: fit_of(content, encoding) for encoding in LATIN}
        # The first of equals.
        best = max(fits, key=lambda encoding: fits[encoding])
        if fits[WINDOWS] >= min(FITTING, fits[best] - BETTER):
            return WINDOWS
        if fits[best] >= min(FITTING, max(fits[WINDOWS] + MUCH_BETTER, LEAST_FIT)):
            return best
    found = other_script_of(content, judged)
    if not is_latin or (found and not MIXED_WORD.search(judged.decode(found, "ignore"))):
        return found
    # Nothing is no Latin-1, which has control characters where Windows-1252 has letters and quotation marks.
    return WINDOWS if decoded(content, WINDOWS) is not None else "latin-1"


def fit_of(content: bytes, encoding: str) -> float:
    """Share of the letters beyond a to z that are of one alphabet, less that of signs where no sign can stand; -1 for no text."""
    text = decoded(content, encoding)
    if text is None:
        return -1.0
    text = text[:JUDGED_BYTES]
    letters = FOREIGN.findall(text.lower())
    misplaced = sum(map(len, MISPLACED.findall(text)))
    of_one = max(sum(letter in alphabet for letter in letters) for alphabet in ALPHABETS)
    return (of_one - misplaced) / max(len(letters), misplaced, 1) if letters or misplaced else 1.0


def other_script_of(content: bytes, judged: bytes) -> str | None:
    """The likeliest encoding of another script that reads all of the content; None where there is none."""
    from charset_normalizer import from_bytes

    likely = from_bytes(judged, cp_isolation=list(OTHER_SCRIPTS))
    return next((match.encoding for match in likely if decoded(content, match.encoding) is not None), None)


def decoded(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None
