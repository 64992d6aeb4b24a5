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
    answer.
    """

    name: str
    rows: int
    mined: float = 1.0
    alone: bool = False


READING = (
    ReadingSet("squad11_train", 3_000, mined=0.6),
    ReadingSet("squad2_train_unanswerable", 3_000),
    ReadingSet("nq_qed", 3_000),
    ReadingSet("nq_open_oracle", 1_000),
    ReadingSet("tydiqa_goldp_en", 2_000),
    ReadingSet("boolq_train", 1_500),
    ReadingSet("boolq_dev", 500),
    ReadingSet("qadiscourse", 1_000, alone=True),
    ReadingSet("qamr", 1_500, mined=0.5, alone=True),
    ReadingSet("timeqa_human", 1_000),
    ReadingSet("squadshifts_new_wiki", 1_200),
    ReadingSet("squadshifts_reddit", 300),
    ReadingSet("selqa_devtest", 500),
    ReadingSet("covidqa", 200),
    ReadingSet("fairytaleqa", 400),
)
MINED_ROWS = 4_500
"""Negatives an epoch that a search brings: passages near by words that do not hold the answer."""

CLAIMS = {
    "fever_nli": 4_000,
    "summedits_other": 3_700,
    "factcheck_gpt": 1_300,
    "factor_news": 2_000,
    "factor_expert": 300,
    "mnli_dev": 3_000,
    "mnli_ni": 1_500,
    "wikisplit_claims": 1_200,
    "squad_decl": 5_000,
    "newwiki_decl": 1_500,
    "nq_decl": 2_000,
    "qamr_decl": 1_500,
    "boolq_decl": 1_500,
    "sentence_rewrite": 1_500,
    "news_rewrite": 3_000,
}
"""Claims an epoch. Sentences written by language models are the scarcest kind and shown most often."""

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
