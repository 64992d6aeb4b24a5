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
    ReadingSet("squad11_train", 5_000, mined=0.6),
    ReadingSet("squad2_train_unanswerable", 4_500),
    ReadingSet("nq_qed", 4_500),
    ReadingSet("nq_open_oracle", 1_500),
    ReadingSet("tydiqa_goldp_en", 3_000),
    ReadingSet("boolq_train", 1_800),
    ReadingSet("boolq_dev", 500),
    ReadingSet("qadiscourse", 1_500, alone=True),
    ReadingSet("qamr", 2_500, mined=0.5, alone=True),
    ReadingSet("timeqa_human", 1_000),
    ReadingSet("squadshifts_new_wiki", 2_000),
    ReadingSet("squadshifts_reddit", 300),
    ReadingSet("selqa_devtest", 500),
    ReadingSet("covidqa", 200),
    ReadingSet("fairytaleqa", 400),
)
MINED_ROWS = 6_500
"""Negatives an epoch that a search brings: passages near by words that do not hold the answer."""

CLAIMS = {
    "fever_nli": 1_500,
    "summedits_other": 3_500,
    "factcheck_gpt": 900,
    "factor_news": 2_000,
    "factor_expert": 300,
    "mnli_dev": 800,
    "mnli_ni": 500,
    "wikisplit_claims": 700,
    "squad_decl": 1_500,
    "newwiki_decl": 500,
    "nq_decl": 1_000,
    "qamr_decl": 500,
    "boolq_decl": 800,
    "sentence_rewrite": 700,
    "news_rewrite": 2_500,
}
"""Claims an epoch. Sentences written by language models are the scarcest kind and shown most often."""

CLAIMS_HELD_OUT = ("fm2_dev", "wice_dev")
"""Never trained on: thresholds are chosen and the verifier is reported on them."""

SIMULATED_FROM = ("squad11_train", "squad2_train_unanswerable")
HELD_OUT_SHARE = 5
"""One in so many of SQuAD's articles is kept from the network: training/simulate.py makes the judge's questions of them."""


def is_held_out(title: str) -> bool:
    """True for an article of SQuAD that is not trained on; follows from its title alone."""
    return int(hashlib.sha256(title.encode()).hexdigest(), 16) % HELD_OUT_SHARE == 0
