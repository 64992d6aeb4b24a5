"""Steps 2 and 3 once more where a question may be meant otherwise, and that is answered, or more surely."""

from dataclasses import replace

from rag.answering.days import begins_with
from rag.evidence import Evidence
from rag.finding import Finder
from rag.intent import topic_to_tell
from rag.judging import Judge
from rag.question import StandaloneQuestion
from rag.spelling import respelled

SURER = 0.1
"""By how much more probable than the threshold the answer to another reading of a follow-up, or of words that exist, must be: one
of several readings is easily answered. A guess."""


class SecondLook:
    """Reads a question in the other ways in which it may be meant."""

    def __init__(self, finder: Finder, judge: Judge) -> None:
        self.finder = finder
        self.judge = judge

    def look(self, question: str, standalone: StandaloneQuestion) -> Evidence:
        """What is found and judged when the question is read like that."""
        return self.judge.weigh(question, *self.finder.retrieve(standalone))

    def look_again(self, evidence: Evidence) -> Evidence:
        """The evidence, or that of another reading."""
        evidence = self.respell(evidence)
        if evidence.standalone.wider is not None and not evidence.answers:
            evidence = self.without_bounds(evidence)
        if evidence.standalone.undated and not evidence.answers:
            evidence = self.without_day(evidence)
        if evidence.standalone.other_readings and not evidence.answers:
            evidence = self.read_otherwise(evidence)
        if not evidence.answers and (topic := topic_to_tell(evidence.standalone.question)):
            evidence = self.begin_of_article(evidence, topic)
        return evidence

    def begin_of_article(self, evidence: Evidence, topic: str) -> Evidence:
        """For "Tell me about the fire in Kelling", where no sentence answers that: how the article of it begins."""
        meant = replace(evidence.standalone, summary_of=topic, rewritten=f"how the article of {topic!r} begins")
        again = self.look(evidence.question, meant)
        return again if again.answers else evidence

    def without_bounds(self, evidence: Evidence) -> Evidence:
        """Without "this week" and the like, where that answers what the bounds kept out."""
        wider = self.look(evidence.question, evidence.standalone.widened())
        return wider if wider.answers else evidence

    def without_day(self, evidence: Evidence) -> Evidence:
        """Without the words for a day, where the articles within them, or of that day, answer that."""
        asked = evidence.standalone
        meant = replace(asked, question=asked.undated, rewritten=f"read without its day: {asked.undated!r}")
        again = self.look(evidence.question, meant)
        of_period = asked.undated_period is None or begins_with(again.answerability, again.hits, asked.undated_period)
        return again if of_period and again.answers else evidence

    def respell(self, evidence: Evidence) -> Evidence:
        """With mistyped words corrected, where there are any and that makes an answer more probable."""
        asked = evidence.standalone
        if asked.asks_no_question or (corrected := self.corrected(asked)) is asked:
            return evidence
        better = max(evidence, self.look(evidence.question, corrected), key=surest)
        if better.answers:
            return better
        further = self.corrected(asked, english_too=True)
        if further == corrected:
            return better
        last = self.look(evidence.question, further)
        return last if last.answers and last.probability >= last.threshold + SURER else better

    def corrected(self, asked: StandaloneQuestion, english_too: bool = False) -> StandaloneQuestion:
        """The question, in every way in which it may be read, without mistyped words; itself where it has none."""
        index, libraries = self.finder.library.lexical(), asked.scope.libraries

        def corrected(text: str) -> str:
            return respelled(text, index, libraries, english_too=english_too)

        if (question := corrected(asked.question)) == asked.question:
            return asked
        others = tuple(map(corrected, asked.other_readings))
        undated = corrected(asked.undated) if asked.undated else ""
        return replace(asked, question=question, undated=undated, other_readings=others, respelled=True)

    def read_otherwise(self, evidence: Evidence) -> Evidence:
        """As what else a follow-up may mean: of those that are answered the most probable."""
        asked = evidence.standalone
        readings = [
            self.look(evidence.question, replace(asked, question=reading, rewritten=f"read as {reading!r}"))
            for reading in asked.other_readings
        ]
        best = max(evidence, *readings, key=surest)
        return best if best.probability >= best.threshold + SURER else evidence


def surest(evidence: Evidence) -> tuple[bool, float]:
    """What readings are compared by: one that can be quoted comes before one that cannot."""
    return evidence.answers, evidence.probability
