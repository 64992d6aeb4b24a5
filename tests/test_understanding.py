"""What a question means: abbreviations, its language, who is asked to have spoken."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.abbreviations import in_the_articles_words
from rag.answering.speakers import asked_speaker, speaks, subject_of_statement
from rag.intent import asks_again, summary_subject, topic_to_tell, wants_help
from rag.language import is_foreign

COURT = "The International Criminal Court issued a warrant. The World Health Organization (WHO) did not comment."


@pytest.mark.parametrize(
    ("question", "text", "asked"),
    [
        ("Is Zell in the ICC?", COURT, "Is Zell in the International Criminal Court?"),
        ("is zell in the icc", COURT, "is zell in the International Criminal Court"),
        ("What did the WHO say?", COURT, "What did the WHO say?"),
        ("who said it?", COURT, "who said it?"),
        ("Is it in us?", "The United States and the Interior Trust spoke.", "Is it in us?"),
        ("Will the European Union pay?", "The EU will pay.", "Will the European Union (EU) pay?"),
        ("Will the European Union pay?", "The European Union (EU) will pay.", "Will the European Union pay?"),
        ("Who leads the Bank of Zell?", "The BZ is led by Ada Holt.", "Who leads the Bank of Zell (BZ)?"),
        ("Is Zell in the ICC?", "", "Is Zell in the ICC?"),
        ("who is the pm of zell", "Ada Holt, prime minister of Zell, spoke.", "who is the prime minister of zell"),
        ("Who is the CEO?", "The chief executive left.", "Who is the chief executive?"),
        ("does it open at 5 pm", "The prime minister opens it.", "does it open at 5 pm"),
        ("who is the pm", "The PM and the prime minister met.", "who is the pm"),
        ("who is the vp", "The mayor spoke.", "who is the vp"),
    ],
)
def test_names_are_asked_for_as_the_articles_write_them(question: str, text: str, asked: str) -> None:
    assert in_the_articles_words(question, [text]) == asked


# The first foreign question loads the detector.
@settings(deadline=None)
@given(question=st.text(max_size=80), text=st.text(max_size=300))
def test_any_question_and_text_can_be_compared(question: str, text: str) -> None:
    in_the_articles_words(question, [text])
    is_foreign(question)
    asked_speaker(question)


@pytest.mark.parametrize(
    ("question", "foreign"),
    [
        ("Wer ist der Sprecher des Kremls?", True),
        ("¿Quién dirige el puerto de Zell?", True),
        ("Кто руководит портом?", True),
        ("港を経営しているのは誰ですか", True),
        ("Who runs the port of Zell?", False),
        ("steve witkoff", False),
        ("kremlin spokesman", False),
        ("putin orban call date", False),
        ("tram line 7", False),
        ("Is Putin hungry?", False),
        ("Who was Jürgen Müller-Lüdenscheidt?", False),
        ("Was sagte Putin?", True),
        ("Was sagt die Polizei?", True),
        ("Was kostet die Brücke?", True),
        ("Wann will Quill zurücktreten?", True),
        ("Was sagte Orban zu Putin?", True),
        ("Wo ist die Statue her?", True),
        ("Was Ada Holm mayor?", False),
        ("Was Putin arrested?", False),
        ("Will Hungary arrest Putin?", False),
        ("Will Quill resign?", False),
    ],
)
def test_a_foreign_question_is_told_from_names_and_keywords(question: str, foreign: bool) -> None:
    assert is_foreign(question) == foreign


@pytest.mark.parametrize(
    ("line", "helped"),
    [("hi", True), ("Hello there!", True), ("thanks a lot", True), ("What can you do?", True), 
     ("Who said hi?", False), ("help wanted in Zell", False), ("What can you do against floods?", False)],
)  # fmt: skip
def test_a_greeting_is_no_question(line: str, helped: bool) -> None:
    assert wants_help(line) == helped


@pytest.mark.parametrize(
    "line", ["Hi, what can you do?", "hello! help me", "How do I use this?", "Danke!", "Hey bot. Test"]
)
def test_greetings_may_be_joined(line: str) -> None:
    assert wants_help(line)


@pytest.mark.parametrize(
    "line", ["ty", "thx!", "hey, how are you?", "what can u do?", "bye", "thank u so much", "ok thanks"]
)
def test_chat_words_are_no_question(line: str) -> None:
    assert wants_help(line)


@pytest.mark.parametrize(
    ("line", "topic"),
    [("tell me about the fire in kelling", "the fire in kelling"), ("What's known about the ferry?", "the ferry"),
     ("Can you tell us something about Jamal Reed, please?", "Jamal Reed"), ("what do you know about witkoff", "witkoff"),
     ("Tell me about it", ""), ("tell me more about the summit", ""), ("Tell me about how the war began", ""),
     ("Tell me who won", "")],
)  # fmt: skip
def test_what_is_to_be_told_of_is_read_from_the_line(line: str, topic: str) -> None:
    assert topic_to_tell(line) == topic
    assert summary_subject(line) is None


@pytest.mark.parametrize(
    "line",
    ["hi 👋", "🙏 thanks", "good bot", "hello @everyone", "hi <@123> there", "/help", "!help", "what are your commands?",
     "what can you do for me?", "Moin", "Grüß Gott", "Vielen Dank!", "Wer bist du?", "Was kannst du alles?"],
)  # fmt: skip
def test_emoji_mentions_and_german_greetings_are_no_question(line: str) -> None:
    assert wants_help(line)


@pytest.mark.parametrize(
    "line",
    [
        "nice",
        "exit polls",
        "help for Ukraine",
        "stop the war",
        "Great Britain",
        "ok",
        "please",
        "What does 👋 mean?",
        "Can you help Ukraine?",
    ],
)
def test_words_that_may_be_searched_for_are_no_chat_words(line: str) -> None:
    assert not wants_help(line)


@pytest.mark.parametrize(
    ("line", "subject"),
    [("tl;dr", ""), ("Summarise the article", ""), ("give me a summary of the newest article", ""), ("What's new?", ""),
     ("what happened today?", ""), ("What happened this week?", ""), ("what is the article about?", ""),
     ("summary of the Zell harbour strike", "Zell harbour strike"), ("Summarise Holt's speech", "Holt's speech"),
     ("give me a summary of the article about the bridge", "the bridge"),
     ("tl;dr pls", ""), ("TLDR?", ""), ("sum it up", ""), ("give me the gist", ""), ("what's this about?", ""), ("any news?", ""),
     ("latest news", ""), ("what did i miss", ""), ("gimme a quick recap plz", ""), ("any updates today?", ""),
     ("can u summarise the budapest article in short", "budapest"), ("recap of the strike in a few words", "strike"),
     ("news about the ferry", None), ("Any news from Zell?", None), ("What is in short supply?", None),
     ("What happened in Zell?", None), ("Is there a summary of the report?", None), ("What is new in the deal?", None)],
)  # fmt: skip
def test_a_summary_is_told_from_a_question(line: str, subject: str | None) -> None:
    assert summary_subject(line) == subject


@pytest.mark.parametrize(
    ("line", "again"),
    [("u sure?", True), ("r u sure", True), ("src?", True), ("source pls", True), ("what's your source?", True),
     ("prove it", True),
     ("how do you know that?", True), ("where's that from?", True), ("What is the source of the fire?", False),
     ("Are you sure?", True), ("source?", True), ("Says who?", True), ("where did you get that from?", True),
     ("Source of the leak?", False), ("Is that bridge closed?", False)],
)  # fmt: skip
def test_a_doubt_is_told_from_a_question(line: str, again: bool) -> None:
    assert asks_again(line) == again


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("What did Donald Trump say?", ("donald", "trump")),
        ("what does the EU say about the meeting", ("eu",)),
        ("How did Mayor Holt respond?", ("mayor", "holt")),
        ("What does the EU think about it?", ("eu",)),
        ("What did Trump buy?", ()),
        ("Who said that?", ()),
        ("What does the US say?", ("us",)),
        ("What will become of us?", ()),
        ("Holt statement", ("holt",)),
        ("any comments by Ada Holt on the bridge?", ("ada", "holt")),
        ("Will Holt comment?", ()),
        ("How high is the comment count?", ()),
    ],
)
def test_the_asked_speaker_is_named(question: str, name: tuple[str, ...]) -> None:
    assert asked_speaker(question) == name


@pytest.mark.parametrize(
    ("question", "stems"),
    [
        ("What did Holt say?", set()),
        ("what does the EU say", set()),
        ("Holt quotes", set()),
        ("Holt's statement on the bridge", {"bridg"}),
        ("What did Holt say about the bridge?", {"bridg"}),
    ],
)
def test_what_a_statement_is_about_is_what_the_question_says_beside_its_speaker(question: str, stems: set[str]) -> None:
    assert subject_of_statement(question) == stems


@pytest.mark.parametrize(
    ("sentence", "before", "spoken"),
    [
        ("“We will rebuild the bridge,” Holt said on Monday.", "", True),
        ("EU foreign policy chief Kaja Holt told reporters that talks go on.", "", True),
        ("“It is late,” he added.", "Ada Holt opened the bridge.", True),
        ("“It is late,” he added.", "The bridge was opened.", False),
        ("Holt opened the bridge.", "", False),
    ],
)
def test_a_sentence_in_which_the_named_one_speaks_is_told_from_others(sentence: str, before: str, spoken: bool) -> None:
    assert speaks(("holt",), sentence, before) == spoken


@pytest.mark.parametrize(
    ("name", "sentence", "spoken"),
    [
        (("eu",), "European Commission spokeswoman Ada Holt told reporters that the bloc will wait.", True),
        (("united", "states"), "The White House said that no missiles will be sent.", True),
        (("russia",), "The Kremlin signaled on Monday that it would wait.", True),
        (("russia",), "Holt told reporters that the Kremlin will wait.", False),
        (("zell",), "The Kremlin said that it would wait.", False),
        (("eu",), "European Commission spokesman Olof Holt told reporters that talks go on.", True),
        (("russia",), "The bridge will open, the Kremlin said.", True),
        (("united", "states"), "The White House announced a visit.", True),
        (("eu",), "Holt told reporters that talks go on.", False),
        (("russia",), "The White House announced a visit.", False),
    ],
)
def test_who_speaks_for_a_country_speaks_as_it(name: tuple[str, ...], sentence: str, spoken: bool) -> None:
    assert speaks(name, sentence) == spoken


def test_a_page_of_headlines_in_capitals_is_no_name() -> None:
    words = [f"{chr(65 + n % 26)}word" for n in range(400)]
    texts = [" ".join(words[place:]) for place in range(6)]
    # Every run within a run was a name: half a minute for eight passages.
    assert in_the_articles_words("Is it in the ABCDEFGHIJ?", texts) == "Is it in the ABCDEFGHIJ?"
    assert in_the_articles_words("Is it in the ABC?", texts) == "Is it in the Aword Bword Cword?"
    assert in_the_articles_words("Is it in the ABC?", ["We met Ann\nBold Cure came."]) == "Is it in the ABC?"
