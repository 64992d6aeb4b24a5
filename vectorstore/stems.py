"""Words to stems, for searching and for comparing: Snowball's English, and the irregular forms that it does not know."""

import re
from functools import lru_cache

import Stemmer

WORD = re.compile(r"\w+")
MAX_WORD = 64
"""Characters of a word that are looked at."""

IRREGULAR = """
    arise arose arisen; awake awoke awoken; beat beaten; become became; begin began begun; bend bent; bind bound;
    bite bit bitten; blow blew blown; break broke broken; bring brought; build built; burn burnt; buy bought;
    catch caught; choose chose chosen; cling clung; come came; creep crept; deal dealt; dig dug; draw drew drawn;
    drink drank drunk; drive drove driven; eat ate eaten; fall fell fallen; feed fed; feel felt; fight fought;
    find found; flee fled; fling flung; fly flew flown; forbid forbade forbidden; forget forgot forgotten;
    forgive forgave forgiven; freeze froze frozen; get got gotten; give gave given; go went gone; grow grew grown;
    hang hung; hear heard; hide hid hidden; hold held; keep kept; kneel knelt; know knew known; lead led; learn learnt;
    leave left; lend lent; light lit; lose lost; make made; mean meant; meet met; mislead misled; overcome overcame;
    oversee oversaw overseen; overthrow overthrew overthrown; pay paid; prove proven; rebuild rebuilt; repay repaid;
    ride rode ridden; ring rang rung; rise rose risen; run ran; say said; see saw seen; seek sought; sell sold;
    send sent; shake shook shaken; shine shone; shoot shot; show shown; shrink shrank shrunk; sing sang sung;
    sink sank sunk; sit sat; sleep slept; slide slid; speak spoke spoken; speed sped; spend spent; spin spun;
    stand stood; steal stole stolen; stick stuck; strike struck; strive strove striven; swear swore sworn;
    sweep swept; swim swam swum; swing swung; take took taken; teach taught; tear tore torn; tell told;
    think thought; throw threw thrown; undergo underwent undergone; understand understood; undertake undertook
    undertaken; uphold upheld; wake woke woken; wear wore worn; weave wove woven; weep wept; win won;
    withdraw withdrew withdrawn; withhold withheld; withstand withstood; write wrote written;
    man men; woman women; child children; foot feet; tooth teeth; life lives; wife wives; leaf leaves; half halves;
    crisis crises; medium media; criterion criteria; phenomenon phenomena
"""
BASE = {form: group.split()[0] for group in IRREGULAR.split(";") for form in group.split()[1:]}


STEMMER = Stemmer.Stemmer("english")
"""Snowball's English stemmer. It leaves other languages' words nearly as they are."""


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """The stem of a word in lower case: "arrested" and "arrests" are "arrest", "spoke" is "speak"."""
    return str(STEMMER.stemWord(BASE.get(word, word)[:MAX_WORD]))


def word_stems(text: str) -> list[str]:
    """The stems of a text's words, in order."""
    return [stem(word) for word in WORD.findall(text.lower())]
