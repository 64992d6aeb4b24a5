"""The public sets that the network learns from, and how much of each an epoch shows. Licences: rag/data/NOTICE.md.

The files hold one JSON object a line, gzipped: reading/NAME.jsonl.gz with question, title, passage, answers (strings that
occur in the passage; empty where it answers yes or no, or not at all) and answerable; claims/NAME.jsonl.gz with evidence,
claim and supported.
"""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class ReadingSet:
    """Questions with passages. `rows` an epoch; `mined`: share of its answerable questions that also get a negative.

    alone: its passages are single sentences, which are placed among others of the set, or a short passage would always
    answer. every_window: a question that its passage does not answer is shown with each window of it.
    """

    name: str
    rows: int
    mined: float = 1.0
    alone: bool = False
    every_window: bool = False


NEWSROOMS, NEWSROOMS_CLAIMS = "newsrooms", "newsrooms_claims"
"""The sets that are not public: training/newsrooms.py."""

READING = (
    ReadingSet(NEWSROOMS, 6_000, every_window=True),
    ReadingSet("squad11_train", 3_000, mined=0.6),
    ReadingSet("squad2_train_unanswerable", 3_500),
    ReadingSet("nq_qed", 3_500),
    ReadingSet("nq_open_oracle", 1_200),
    ReadingSet("tydiqa_goldp_en", 3_000),
    ReadingSet("boolq_train", 1_500),
    ReadingSet("boolq_dev", 500),
    ReadingSet("qadiscourse", 1_000, alone=True),
    ReadingSet("qamr", 1_500, mined=0.5, alone=True),
    ReadingSet("timeqa_human", 1_200),
    ReadingSet("squadshifts_new_wiki", 1_500),
    ReadingSet("squadshifts_reddit", 500),
    ReadingSet("selqa_devtest", 500),
    ReadingSet("covidqa", 200),
    ReadingSet("fairytaleqa", 300),
)
MINED_ROWS = 6_500
"""Negatives an epoch that a search brings: passages near by words that do not hold the answer."""

CLAIMS = {
    NEWSROOMS_CLAIMS: 4_000,
    "fever_nli": 3_000,
    "summedits_other": 3_000,
    "factcheck_gpt": 1_300,
    "factor_news": 1_500,
    "factor_expert": 300,
    "mnli_dev": 2_000,
    "mnli_ni": 800,
    "wikisplit_claims": 600,
    "squad_decl": 3_500,
    "newwiki_decl": 1_000,
    "nq_decl": 1_500,
    "qamr_decl": 800,
    "boolq_decl": 800,
    "sentence_rewrite": 700,
    "news_rewrite": 1_200,
}
"""Claims an epoch. Sentences written by language models are the scarcest kind and shown most often."""

CORRUPTED_ROWS = 4_000
"""Claims an epoch that training/corruptions.py makes of sentences of these sets, true ones and false."""
CORRUPTED_FROM = ("squad11_train", "squadshifts_new_wiki", "nq_qed", "tydiqa_goldp_en", "timeqa_human")
CORRUPTED_FROM_CLAIMS = ("news_rewrite", "factor_news", "summedits_other")
CORRUPTED_EACH = {
    "numbers exchanged": 1_500,
    "names exchanged": 2_500,
    "hedge dropped": 1_500,
    "quotation changed": 900,
    "widened": 700,
    "name of the same passage": 1_200,
    "unit changed": 500,
    "number changed": 500,
    "negation added": 400,
    "negation removed": 400,
    "opposite word": 600,
    "date changed": 300,
    "name of another article": 300,
    "verbatim": 1_500,
    "aside left out": 2_500,
    "numbers written otherwise": 1_000,
    "opening moved": 1_500,
    "attributed": 1_500,
}
"""Most claims of each kind: what the public sets teach least is made most often."""

CLAIMS_HELD_OUT = ("fm2_dev", "wice_dev")
"""Never trained on: thresholds are chosen and the verifier is reported on them."""

SIMULATED_FROM = ("squad11_train", "squad2_train_unanswerable")
"""Questions written by people who had the passage before them, and such as it does not answer."""
ASKED_FROM = ("nq_qed", "nq_open_oracle")
"""Short questions that people typed into a search engine."""
HELD_OUT_SHARE = 5
"""One in so many articles of these sets is kept from the network: training/simulate.py makes the judge's questions of them."""


def is_held_out(title: str) -> bool:
    """True for an article of these sets that is not trained on; follows from its title alone."""
    return int(hashlib.sha256(title.encode()).hexdigest(), 16) % HELD_OUT_SHARE == 0
