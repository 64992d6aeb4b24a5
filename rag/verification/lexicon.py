"""Lists of English words that change what a sentence says. Extend them with benchmarks/measure_proof.py at hand."""

from rag.text import word_set


def pairs(words: str) -> tuple[tuple[str, str], ...]:
    return tuple((first, second) for first, _, second in (pair.partition("/") for pair in words.split()))


# Words of reporting: a claim may add or change them freely.
REPORTING = word_set(
    "say said says saying state stated states tell told tells report reported reports reporting add added adds note "
    "noted notes announce announced announces announcement explain explained mention mentioned describe described "
    "according article articles passage passages news statement remark remarked comment commented declare declared "
    "reveal revealed claim claimed claims write wrote written published"
)

HARD_NEGATORS = word_set(
    "not no never none nobody nothing nowhere neither nor without cannot hardly barely scarcely n't"
)

# With the verbs that deny by themselves.
NEGATORS = HARD_NEGATORS | word_set(
    "unable unlikely deny denies denied denying refuse refuses refused refusing fail fails failed failing failure "
    "reject rejects rejected rejecting lack lacks lacked lacking prevent prevents prevented avoid avoids avoided "
    "decline declines"
)

# What makes a statement less than a fact, or a matter of the future. Left out: what is common in plain statements too
# ("about", "set", "if", "due") and verbs of reporting ("claim").
HEDGES = word_set(
    "may might could would will shall should can possible possibly possibility potential potentially perhaps maybe "
    "probably probable likely allegedly alleged alleges allege reportedly apparently supposedly seemingly expected "
    "expects expect expecting plan plans planned planning propose proposed proposes proposal consider considering "
    "considered hope hopes hoping hoped aim aims aiming seek seeks seeking sought intend intends intended want wants "
    "wanted threaten threatens threatened suspect suspected suspects believe believed believes suggest suggests "
    "suggested appear appears appeared seem seems seemed estimate estimated estimates predict predicted predicts "
    "forecast try tries trying tried attempt attempts attempted prepare preparing prepared promise promises promised "
    "pledge pledges pledged pledging promising threatening suggesting believing estimating negotiating unclear undecided "
    "doubtful unless"
)
# "Will arrest" does not stand for "may arrest" or "would seek to arrest".
UNCERTAINTY = HEDGES - {"will", "would", "shall"}

# Adding one of these makes a claim weaker, never stronger.
DOUBTS = word_set(
    "possible possibly potentially perhaps maybe probably probable likely allegedly reportedly apparently supposedly "
    "seemingly about around roughly approximately nearly almost"
)

# Said of everything or of one thing: a claim may not make itself wider or narrower than its quote.
QUANTIFIERS = (
    word_set("all every each entire whole always everyone everybody everything"),
    word_set("only sole solely exclusively"),
    word_set("most majority mostly mainly largely"),
    word_set("half halved"),
    word_set("twice double doubled doubling"),
    word_set("both"),
)

SYNONYMS = (
    "kill killed kills die died dies dead death deaths fatal fatally",
    "injure injured injuries wound wounded hurt",
    "begin began begun begins start started starts launch launched",
    "end ended ends finish finished conclude concluded",
    "buy bought buys purchase purchased acquire acquired acquisition",
    "help helped helps aid aided assist assisted",
    "show showed shown shows indicate indicated demonstrate demonstrated",
    "use used uses utilize utilized",
    "build built builds construct constructed construction",
    "rise rose risen rises increase increased increases grow grew grown grows climb climbed gain gained up",
    "fall fell fallen falls decrease decreased decreases decline declined declines drop dropped drops shrink "
    "shrank down",
    "big bigger biggest large larger largest huge",
    "small smaller smallest little tiny",
    "win won wins winning victory winner",
    "lose lost loses losing defeat defeated",
    "leave left leaves depart departed",
    "happen happened happens occur occurred occurs",
    "near close nearby",
    "country nation",
    "film movie",
    "child children kid kids",
    "leader head chief",
    "part portion",
    "company firm business",
    "agree agreed agreement",
    "choose chose chosen select selected pick picked",
    "make made makes produce produced produces create created creates",
    "live lived lives reside resided residing",
    "call called calls name named names known dub dubbed",
    "locate located lies situated",
    "percent percentage %",
    "us usa america american americans",
    "uk britain british",
)

OPPOSITES = pairs(
    "rise/fall win/lose begin/end big/small before/after more/less more/fewer most/least above/below over/under "
    "high/low higher/lower highest/lowest better/worse best/worst good/bad early/late earlier/later earliest/latest "
    "old/new older/younger oldest/youngest old/young first/last north/south northern/southern east/west "
    "eastern/western left/right open/close opened/closed accept/reject accepted/rejected accept/refuse allow/ban "
    "allowed/banned allow/prohibit allow/forbid support/oppose supported/opposed approve/reject approved/rejected "
    "confirm/deny confirmed/denied buy/sell bought/sold import/export arrive/leave join/leave enter/leave strong/weak "
    "stronger/weaker long/short longer/shorter fast/slow faster/slower rich/poor male/female man/woman men/women "
    "boy/girl father/mother son/daughter brother/sister husband/wife he/she his/her public/private maximum/minimum "
    "guilty/innocent positive/negative profit/loss success/failure succeed/fail succeeded/failed love/hate hot/cold "
    "warm/cold warmer/colder day/night inside/outside legal/illegal with/without likely/unlikely able/unable "
    "always/never many/few majority/minority attack/defend peace/war ally/enemy teacher/student employer/employee "
    "borrow/lend winner/loser dead/alive safe/dangerous expensive/cheap cause/cure add/remove added/removed "
    "upper/lower domestic/foreign widely/narrowly present/absent full/empty ancient/modern simple/complex "
    "easy/difficult hard/soft heavy/light dark/bright wide/narrow conservative/liberal increasing/decreasing "
    "growing/shrinking"
)

DETERMINERS = word_set("a an the his her its their our my your this that these those some any no each every")
# Within one name or thing: "the Bank of England".
JOINING = word_set("of and for")
# A name or a thing follows these, as a rule.
PLACING = word_set(
    "of in on at by for with from to into over under after before about against between during through as than per near "
    "since until toward towards within without like via among around and or is was are were be been"
)
LINKS = word_set("from of in on at to for with by against into over about")
PRONOUNS = word_set("he she it they his her its their him them this these who we i our my")
# A sentence that has one of these may go on about a name of the sentence before it.
POINTING = PRONOUNS | {"that", "which", "such", "the"}
# Neighbours of a name that say little about its place in a sentence.
FUNCTION_WORDS = word_set(
    "of in to and for on at by with from as is was were be been has have had that it he she his her not or"
)
PERSON_TITLES = word_set("mr mrs ms dr sir prof st")

# Peoples whose name does not begin like their country's.
PEOPLES = pairs(
    "france/french netherlands/dutch spain/spanish greece/greek wales/welsh denmark/danish germany/german "
    "turkey/turkish turkiye/turkish switzerland/swiss ireland/irish china/chinese poland/polish england/english "
    "scotland/scottish sweden/swedish finland/finnish"
)

CONTRACTIONS = {"won't": ("will", "not"), "can't": ("can", "not"), "cannot": ("can", "not"), "n't": ("not",)}
