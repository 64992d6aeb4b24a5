"""The bot's own sentences and date format, in the languages a guild can choose."""

from dataclasses import dataclass
from datetime import datetime

from rag.answer import Citation, Headline, updated_later


@dataclass(frozen=True, slots=True)
class Translations:
    """Every sentence and label of the bot around an answer, in English; braces are filled in where it is shown.

    {words} is what the engine says in English, with its details: another language says in its own words what kind of thing it is,
    or has the engine's reasons in its own words (reasons.py).
    """

    name: str = "English"
    thousands: str = ","
    months: tuple[str, ...] = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    day: str = "{day} {month} {year}"
    as_of: str = "As of {date}"
    about: str = "about {date}"
    updated: str = "{date}, updated {changed}"
    outlets: tuple[str, str] = ("{count} outlet", "{count} outlets")
    written_by: str = "written by {model}"
    asked_by: str = "{user} asks"
    the_articles_do_not_say: str = "The articles do not say"
    nearest: str = "Nearest, but not answering"
    closest: str = "Closest, but it may not answer this"
    nothing_nearest: str = "The library holds nothing near this question."
    library_empty: str = "There are no articles here yet. Admins add some with /library add."
    english_only: str = "I read the articles in English: please ask in English. /help says what I read and how to ask."
    articles_disagree: str = "The articles disagree: {values}."
    read_as: str = "Read as: {question}"
    left_out: tuple[str, str] = (
        "One further passage did not fit into what {model} reads at once.",
        "{count} further passages did not fit into what {model} reads at once.",
    )
    model_translated: str = "{words}"
    not_said_of: str = "The articles do not say: {questions}"
    model_interrupted: str = "{words}"
    model_not_used: str = "{words}"
    model_failed: str = "{words}"
    question_not_taken: str = "{words}"
    file_unreadable: str = "{words}"
    work_stopped: str = "{words}"
    library_busy: str = "{words}"
    no_reason: str = "They give no reason beyond what I quoted."
    no_date: str = "They give no date beyond what I quoted."
    no_more: str = "The articles that I quoted say no more than that."
    nothing_so_new: str = "Nothing {filter}; {newest}."
    newest_is: str = "the newest article is of {date}"
    none_dated: str = "no article has a date"
    nothing_within: str = "Nothing {filter} speaks of it."
    looked_only: str = "I looked only at articles {filter}."
    from_outlets: str = "from {sources}"
    since: str = "since {date}"
    after: str = "after {date}"
    until: str = "up to {date}"
    ask_otherwise: str = "Try other words or names; /help says what I read and how to ask."
    ask_without_filter: str = "Ask without the filter and I look at every article; /help says how to ask."
    undated: str = "undated"
    went_wrong: str = "Something went wrong"
    try_again: str = "Please ask again in a moment. If it keeps happening, tell the operator this number: {number}."
    draft: str = "Draft, not checked against the articles yet:"
    continued_in_file: str = "… the whole answer is in the attached file."
    also_in: str = "also in {sources}"
    passages: str = "Passages"
    whole_article: str = "The whole article"
    useful: str = "Useful"
    not_useful: str = "Not useful"
    follow_up: str = "Follow up"
    newer_only: str = "Newer only"
    watch: str = "Tell me when this changes"
    stop_watching: str = "Stop watching"
    watched_in_channel: str = (
        "I watch this question now and tell this channel when the quoted answer changes. "
        "/watch list shows what you watch, /watch stop ends it."
    )
    watched_for_asker: str = (
        "I watch this question now and write to you when the quoted answer changes. "
        "/watch list shows what you watch, /watch stop ends it."
    )
    watched_already: str = "This question is watched in this channel already."
    watches_of_user: tuple[str, str] = (
        "You watch one question in this server already, and more are not allowed. /watch stop ends it.",
        "You watch {count} questions in this server already, and more are not allowed. /watch stop ends one.",
    )
    watches_of_server: tuple[str, str] = (
        "One question is watched in this server already, and more are not allowed. /watch stop ends it.",
        "{count} questions are watched in this server already, and more are not allowed. /watch stop ends one.",
    )
    no_watching: str = "The operator of this bot has turned watching off."
    answer_changed: str = "The answer has changed"
    now_answered: str = "The articles say something of it now."
    no_longer_said: str = "The articles no longer say."
    now_reworded: str = "The articles now say something else."
    quoted_withdrawn: str = "The article I quoted has been withdrawn by its publisher."
    quoted_corrected: str = "The article I quoted has been changed and no longer says this."
    quoted_deleted: str = "The article I quoted has been deleted from the library."
    answer_was_forgotten: str = "What I quoted went with its article."
    said_now: str = "Now, as of {date}"
    said_before: str = "Before, as of {date}"
    watched_questions: str = "Watched questions"
    no_watches: str = "None yet: /watch add watches one."
    watch_stopped: str = "I no longer watch this question."
    no_such_watch: str = "You watch no such question here: choose one from the list while typing."
    your_question: str = "Your question"
    what_was_wrong: str = "Your vote is counted. What was wrong?"
    why_not_useful: str = "What should have been different? (optional)"
    reason_noted: str = "Thank you, your vote is counted, with your reason."
    thanks: str = "Thank you, your vote is counted."
    vote_changed: str = "Thank you, your vote is changed."
    in_queue: str = "Your question is number {position} in the queue."
    wait_cooldown: str = "Please wait {seconds} s before your next question."
    one_at_a_time: str = "Your last question is still being answered. One at a time, please."
    queue_full: str = "Too many questions are waiting right now. Please ask again in a minute."
    budget_spent: tuple[str, str] = (
        "This server has used up its one question for today. It starts again at midnight UTC.",
        "This server has used up its {count} questions for today. It starts again at midnight UTC.",
    )
    wrong_channel: str = "I do not answer in this channel. Try {channels}."
    wrong_role: str = "The admins of this server have not given your roles the right to ask me."
    no_direct_messages: str = "I do not answer private messages here. Ask me in a server."
    closing: str = "I am restarting and take no questions for a minute."
    interrupted: str = "I was restarted before this answer was finished. Please ask again."
    took_too_long: str = "This took longer than {seconds} s, so I stopped. Please ask again, perhaps more narrowly."
    stale: str = "I no longer have this answer. Ask the question again and the buttons will work."
    no_question: str = (
        "Hello! Ask me what the articles say: mention me with a question, or use /ask. "
        "For instance: What’s new? Below an answer you can ask on. /help says more."
    )
    nothing_answered: str = (
        "There is nothing to ask “{question}” of: the articles do not answer the question before it. Ask that another way, in a "
        "whole sentence."
    )
    nothing_before: str = (
        "“{question}” alone points back to nothing here: name the person or thing in it, or ask below one of my answers "
        "with “Follow up” or a reply."
    )
    too_long: str = "Your question has {length} characters, {limit} are the most. Please ask a shorter one."
    cannot_read: str = "I cannot read this message. Mention me in it, or press “Follow up” below my answer."
    asked: str = "{user} asked: {question}"
    in_file: str = "… all in the attached file."
    no_file: str = "… there is more, but I may not attach files here."
    admins_only: str = "Only people with the Manage Server permission may do this, in a server."
    command_changed: str = "This command has changed. Please try again in a minute."
    not_done: str = "Not done"
    none_yet: str = "None yet."
    library: str = "Library"
    own_articles: str = "This server's own articles"
    shared_articles: str = "The shared library"
    shared_off: str = "The shared library is turned off here."
    asked_today: str = "Questions today: {asked} of {budget}. Votes: {useful} 👍, {not_useful} 👎."
    any_number: str = "any number"
    no_outlet: str = "no outlet"
    of_this_server: str = "{articles} of this server"
    add_some: str = "None yet: /library add."
    articles_added: str = "Articles added to this server's library"
    added: str = "{added} added, {changed} changed, {unchanged} unchanged"
    forget_article: str = "Forget an article"
    no_such_article: str = "This server has no article of that id: choose one from the list while typing."
    article_deleted: str = "Deleted."
    changes: str = "Changes, newest first"
    gaps: str = "What the articles do not say"
    no_gaps: str = "None: every question was answered."
    settings: str = "Settings"
    settings_changed: str = "Settings changed"
    channels: str = "Channels: {value}"
    roles: str = "Roles: {value}"
    language: str = "Language: {value}"
    model: str = "Model: {value}"
    questions_a_day: str = "Questions a day: {value}"
    auto_thread: str = "Own thread for each mention: {value}"
    shared_library: str = "Shared library: {value}"
    daily_digest: str = "Daily digest: {value}"
    digest_turned_off: str = (
        "The daily digest is turned off: its channel {channel} is gone, or I may not write there. "
        "`/settings digest: True` turns it on in the channel where that is said."
    )
    new_articles: str = "What is new"
    new_since: str = "New since {date}"
    nothing_new: str = "Nothing is new since {date}; {newest}."
    followed_sources: str = "Followed sources"
    nothing_followed: str = "Nothing is followed here yet: `/library follow add` follows a feed or site."
    source_added: str = "{name} is followed from now on ({kind}, {every}). Its articles become this server's own."
    source_removed: str = "{name} is no longer followed. Its articles stay."
    no_such_source: str = "This server follows no source of that id; the list completes as you type."
    follow_web_only: str = "Only web addresses can be followed: give one that begins with https://."
    followed_already: str = "{address} is followed here already."
    too_many_sources: tuple[str, str] = (
        "At most {count} source can be followed here: remove it first.",
        "At most {count} sources can be followed here: remove one first.",
    )
    not_followable: str = "{address} cannot be followed. It {words}."
    kind_feed: str = "feed"
    kind_sitemap: str = "sitemap"
    kind_page: str = "page"
    kind_folder: str = "folder"
    every_minutes: tuple[str, str] = ("every minute", "every {count} minutes")
    every_hours: tuple[str, str] = ("every hour", "every {count} hours")
    every_days: tuple[str, str] = ("every day", "every {count} days")
    read_at: str = "read {when}"
    never_read: str = "not read yet"
    read_next: str = "next {when}"
    source_gone: str = "no longer read, it is gone"
    in_stories: str = "{articles} in {stories}"
    newest_of_more: str = "the newest of more"
    stories: tuple[str, str] = ("{count} story", "{count} stories")
    everywhere: str = "all"
    on: str = "on"
    off: str = "off"
    no_limit: str = "no limit"
    by_default: str = " (default)"
    attach_or_address: str = "Attach a file or give its address, one of the two."
    unknown_suffix: str = "Only {suffixes} files can be read: save the article as text and attach that."
    file_too_large: str = "The file has {size} bytes, {largest} are allowed: split it."
    download_too_large: str = "The file has more than {largest} bytes, which is what is allowed: split it."
    attach_again: str = "Discord did not hand the file over: please attach it again."
    address_answers: str = "The address answers {status}: open it in a browser and see what is there."
    address_too_slow: str = "The address did not hand the file over in {seconds} seconds: attach it."
    address_leads_on: str = "The address only leads on to other addresses: give the one where the file is."
    address_private: str = "The address leads into a private network, where the bot does not read."
    nothing_fetched: str = "Nothing could be fetched from the address: check it, or attach the file."
    no_address: str = "This is no address: give one like https://example.org/article.txt."
    no_web_address: str = "This is no web address: give one like https://example.org/article.txt."
    address_with_password: str = "The address holds a user name or password: attach the file instead."
    no_file_there: str = "The address holds no {suffixes} file: save the article as text and attach that."
    writes_closed: str = "I am about to restart: try again in a minute."
    writes_waiting: str = "Many changes are waiting already: try again in some minutes."
    forgotten: str = "Forgotten"
    deleted: str = (
        "Deleted: {questions}, and {votes}. Messages in channels are Discord's; delete yours there. "
        "Questions you watched are watched no more. Changes you made as an admin stay in that server's log."
    )
    stored_questions: tuple[str, str] = (
        "{count} stored question with its answer",
        "{count} stored questions with their answers",
    )
    votes: tuple[str, str] = ("{count} vote", "{count} votes")
    wrong_day: str = "A day looks like 2025-10-17. Please use that for since: and until:."
    since_after_until: str = "since: {since} is after until: {until}. Please swap them."
    in_the_future: str = "since: {day} lies in the future; {newest}."
    unknown_outlet: str = "No outlet here is called “{source}”. Nearest: {outlets}."
    outlets_unknown: str = "No outlet here is called “{source}”: no article names its outlet."
    articles: tuple[str, str] = ("{count} article", "{count} articles")
    from_to: str = "{oldest} to {newest}"
    help: str = """\
**Ask** `/ask question:` … or mention me with a question, or reply to one of my answers.
`since:` and `until:` take days like 2025-10-17, `source:` an outlet.
In a thread or a chain of replies I know what was said before; **Follow up** below an answer does the same.

**What you get** only what the articles say, quoted word for word, with outlet, date and link. When the articles do \
not say, I say that, and what comes nearest.
**What I read** {library}

**What is new** `/digest since:` a day: one quoted sentence an article, by story.

**Below an answer** *Passages* shows each quote in its surroundings, *Newer only* asks again for later articles, \
*Tell me when this changes* watches the question, as `/watch add` does; `/watch list` and `/watch stop` show and end that. \
👍 and 👎 tell the operators how good it was.

**Your data** I keep questions and answers for {days} days so that follow-ups and buttons work. \
`/forget-me` deletes yours, your votes and what you watch.
**Admins** `/library`, `/settings` and `/gaps`."""

    def say(self, name: str, **values: object) -> str:
        """A sentence by its field's name, its braces filled in; of one with two forms, that for `count`."""
        sentence: str | tuple[str, str] = getattr(self, name)
        chosen = sentence if isinstance(sentence, str) else sentence[values["count"] != 1]
        return chosen.format(**{key: self.number(one) if isinstance(one, int) else one for key, one in values.items()})

    def number(self, value: int) -> str:
        """A number with its thousands apart."""
        return f"{value:,}".replace(",", self.thousands)

    def newest(self, moment: datetime | None) -> str:
        """Of when the newest article is, as the end of a sentence."""
        return self.none_dated if moment is None else self.newest_is.format(date=self.date(moment))

    def count(self, number: int, forms: tuple[str, str]) -> str:
        """A number of things, by the form for one or for another number."""
        return forms[number != 1].format(count=self.number(number))

    def date(self, moment: datetime | None, guessed: bool = False) -> str:
        if moment is None:
            return self.undated
        day = self.day.format(day=moment.day, month=self.months[moment.month - 1], year=moment.year)
        return self.about.format(date=day) if guessed else day

    def dates(self, headline: Headline | Citation) -> str:
        """When an article was published, "about" where that is a guess, and when it was changed on another day."""
        published, changed = self.date(headline.published, headline.published_guessed), updated_later(headline)
        return self.updated.format(date=published, changed=self.date(changed)) if changed else published


ENGLISH = Translations()

GERMAN = Translations(
    name="Deutsch",
    thousands=".",
    months=("Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez."),
    day="{day}. {month} {year}",
    as_of="Stand {date}",
    about="etwa {date}",
    updated="{date}, geändert am {changed}",
    outlets=("{count} Medium", "{count} Medien"),
    written_by="geschrieben von {model}",
    asked_by="{user} fragt",
    the_articles_do_not_say="Die Artikel sagen dazu nichts",
    nearest="Am nächsten dran, aber keine Antwort",
    closest="Am nächsten dran, aber vielleicht keine Antwort darauf",
    nothing_nearest="In der Bibliothek steht nichts, das dieser Frage nahekommt.",
    library_empty="Hier gibt es noch keine Artikel. Admins fügen welche mit /library add hinzu.",
    english_only="Ich lese die Artikel auf Englisch: bitte auf Englisch fragen. /help sagt, was ich lese und wie man fragt.",
    articles_disagree="Die Artikel widersprechen sich: {values}.",
    read_as="Verstanden als: {question}",
    left_out=(
        "Eine weitere Textstelle passte nicht in das, was {model} auf einmal liest.",
        "{count} weitere Textstellen passten nicht in das, was {model} auf einmal liest.",
    ),
    not_said_of="Das sagen die Artikel nicht: {questions}",
    model_translated="Ein Sprachmodell hat dies aus der belegten englischen Antwort übersetzt.",
    model_interrupted="Das Sprachmodell wurde unterbrochen; dies hatte es bis dahin fertig.",
    model_not_used="Das Sprachmodell hat nichts Belegbares geschrieben, deshalb ist hier nur zitiert.",
    model_failed="Das Sprachmodell antwortet gerade nicht: bitte später noch einmal fragen.",
    question_not_taken="Diese Frage kann ich nicht annehmen: frag, was die Artikel sagen.",
    file_unreadable="Aus der Datei ließ sich kein Artikel lesen: speichere ihn als Text und häng ihn an.",
    work_stopped="Das wurde abgebrochen, bevor es fertig war: bitte noch einmal. Was gespeichert ist, bleibt.",
    library_busy="Ein anderes Programm schreibt gerade in die Bibliothek: bitte in einigen Minuten noch einmal versuchen.",
    no_reason="Sie nennen keinen Grund außer dem, was ich zitiert habe.",
    no_date="Sie nennen kein Datum außer dem, was ich zitiert habe.",
    no_more="Mehr als das steht nicht in den Artikeln, die ich zitiert habe.",
    nothing_so_new="Nichts {filter}; {newest}.",
    newest_is="der neueste Artikel ist vom {date}",
    none_dated="kein Artikel hat ein Datum",
    nothing_within="In den Artikeln {filter} steht dazu nichts.",
    looked_only="Ich habe nur in Artikel {filter} gesehen.",
    from_outlets="von {sources}",
    since="seit dem {date}",
    after="nach dem {date}",
    until="bis zum {date}",
    ask_otherwise="Versuch es mit anderen Wörtern oder Namen; /help sagt, was ich lese und wie man fragt.",
    ask_without_filter="Frag ohne den Filter, dann sehe ich in alle Artikel; /help sagt, wie man fragt.",
    undated="ohne Datum",
    went_wrong="Etwas ist schiefgegangen",
    try_again="Bitte gleich noch einmal fragen. Bleibt es dabei, hilft dem Betreiber diese Nummer: {number}.",
    draft="Entwurf, noch nicht an den Artikeln geprüft:",
    continued_in_file="… die ganze Antwort steht in der angehängten Datei.",
    also_in="auch in {sources}",
    passages="Textstellen",
    whole_article="Der ganze Artikel",
    useful="Hilfreich",
    not_useful="Nicht hilfreich",
    follow_up="Nachfragen",
    newer_only="Nur Neueres",
    watch="Sag mir, wenn sich das ändert",
    stop_watching="Nicht mehr beobachten",
    watched_in_channel=(
        "Ich beobachte diese Frage jetzt und melde mich in diesem Kanal, wenn sich die zitierte Antwort ändert. "
        "/watch list zeigt, was du beobachtest, /watch stop beendet es."
    ),
    watched_for_asker=(
        "Ich beobachte diese Frage jetzt und schreibe dir, wenn sich die zitierte Antwort ändert. "
        "/watch list zeigt, was du beobachtest, /watch stop beendet es."
    ),
    watched_already="Diese Frage wird in diesem Kanal schon beobachtet.",
    watches_of_user=(
        "Du beobachtest auf diesem Server schon eine Frage, mehr geht nicht. /watch stop beendet es.",
        "Du beobachtest auf diesem Server schon {count} Fragen, mehr geht nicht. /watch stop beendet eine.",
    ),
    watches_of_server=(
        "Auf diesem Server wird schon eine Frage beobachtet, mehr geht nicht. /watch stop beendet es.",
        "Auf diesem Server werden schon {count} Fragen beobachtet, mehr geht nicht. /watch stop beendet eine.",
    ),
    no_watching="Der Betreiber dieses Bots hat das Beobachten ausgeschaltet.",
    answer_changed="Die Antwort hat sich geändert",
    now_answered="Die Artikel sagen jetzt etwas dazu.",
    no_longer_said="Die Artikel sagen nichts mehr dazu.",
    now_reworded="Die Artikel sagen jetzt etwas anderes.",
    quoted_withdrawn="Den zitierten Artikel hat sein Medium zurückgezogen.",
    quoted_corrected="Der zitierte Artikel wurde geändert und sagt das nicht mehr.",
    quoted_deleted="Der zitierte Artikel wurde aus der Bibliothek gelöscht.",
    answer_was_forgotten="Was ich zitiert hatte, ist mit seinem Artikel gelöscht.",
    said_now="Jetzt, Stand {date}",
    said_before="Vorher, Stand {date}",
    watched_questions="Beobachtete Fragen",
    no_watches="Noch keine: /watch add beobachtet eine.",
    watch_stopped="Ich beobachte diese Frage nicht mehr.",
    no_such_watch="So eine Frage beobachtest du hier nicht: beim Tippen eine aus der Liste wählen.",
    your_question="Deine Frage",
    what_was_wrong="Deine Stimme zählt. Was war falsch?",
    why_not_useful="Was hätte anders sein sollen? (freiwillig)",
    reason_noted="Danke, deine Stimme ist gezählt, mit deiner Begründung.",
    thanks="Danke, deine Stimme ist gezählt.",
    vote_changed="Danke, deine Stimme ist geändert.",
    in_queue="Deine Frage ist Nummer {position} in der Warteschlange.",
    wait_cooldown="Bitte warte {seconds} s bis zur nächsten Frage.",
    one_at_a_time="Deine letzte Frage wird noch beantwortet. Bitte eine nach der anderen.",
    queue_full="Gerade warten zu viele Fragen. Bitte in einer Minute noch einmal fragen.",
    budget_spent=(
        "Dieser Server hat seine eine Frage für heute verbraucht. Um Mitternacht UTC geht es weiter.",
        "Dieser Server hat seine {count} Fragen für heute verbraucht. Um Mitternacht UTC geht es weiter.",
    ),
    wrong_channel="In diesem Kanal antworte ich nicht. Versuche es in {channels}.",
    wrong_role="Die Admins dieses Servers haben deinen Rollen kein Recht gegeben, mich zu fragen.",
    no_direct_messages="Auf private Nachrichten antworte ich hier nicht. Frag mich auf einem Server.",
    closing="Ich starte gerade neu und nehme eine Minute lang keine Fragen an.",
    interrupted="Ich wurde neu gestartet, bevor diese Antwort fertig war. Bitte noch einmal fragen.",
    took_too_long="Das hat länger als {seconds} s gedauert, also habe ich aufgehört. Bitte noch einmal fragen, vielleicht enger.",
    stale="Diese Antwort habe ich nicht mehr. Stell die Frage noch einmal, dann gehen auch die Knöpfe.",
    no_question=(
        "Hallo! Frag mich, was die Artikel sagen: erwähne mich mit einer Frage, oder nimm /ask. "
        "Zum Beispiel: What’s new? Unter einer Antwort kannst du weiterfragen. /help sagt mehr."
    ),
    nothing_answered=(
        "„{question}“ hat hier keinen Bezug: die Frage davor beantworten die Artikel nicht. Stell sie anders, in einem ganzen "
        "Satz."
    ),
    nothing_before=(
        "„{question}“ allein bezieht sich hier auf nichts: nenn die Person oder Sache darin, oder frag unter einer meiner "
        "Antworten mit „Nachfragen“ oder einer Antwort darauf."
    ),
    too_long="Deine Frage hat {length} Zeichen, höchstens {limit} gehen. Bitte stell eine kürzere.",
    cannot_read="Ich kann diese Nachricht nicht lesen. Erwähne mich darin, oder drück „Nachfragen“ unter der Antwort.",
    asked="{user} hat gefragt: {question}",
    in_file="… alles steht in der angehängten Datei.",
    no_file="… es gibt mehr, aber ich darf hier keine Dateien anhängen.",
    admins_only="Das dürfen nur Leute mit dem Recht „Server verwalten“, auf einem Server.",
    command_changed="Dieser Befehl hat sich geändert. Bitte in einer Minute noch einmal versuchen.",
    not_done="Nicht erledigt",
    none_yet="Noch nichts.",
    library="Bibliothek",
    own_articles="Die eigenen Artikel dieses Servers",
    shared_articles="Die gemeinsame Bibliothek",
    shared_off="Die gemeinsame Bibliothek ist hier ausgeschaltet.",
    asked_today="Fragen heute: {asked} von {budget}. Stimmen: {useful} 👍, {not_useful} 👎.",
    any_number="beliebig vielen",
    no_outlet="ohne Medium",
    of_this_server="{articles} dieses Servers",
    add_some="Noch keine: /library add.",
    articles_added="Artikel in die Bibliothek dieses Servers aufgenommen",
    added="{added} neu, {changed} geändert, {unchanged} unverändert",
    forget_article="Einen Artikel vergessen",
    no_such_article="Dieser Server hat keinen Artikel mit dieser Nummer: beim Tippen einen aus der Liste wählen.",
    article_deleted="Gelöscht.",
    changes="Änderungen, die neuesten zuerst",
    gaps="Wozu die Artikel nichts sagen",
    no_gaps="Nichts: jede Frage wurde beantwortet.",
    settings="Einstellungen",
    settings_changed="Einstellungen geändert",
    channels="Kanäle: {value}",
    roles="Rollen: {value}",
    language="Sprache: {value}",
    model="Modell: {value}",
    questions_a_day="Fragen am Tag: {value}",
    auto_thread="Eigener Thread für jede Erwähnung: {value}",
    shared_library="Gemeinsame Bibliothek: {value}",
    daily_digest="Tägliche Übersicht: {value}",
    digest_turned_off=(
        "Die tägliche Übersicht ist ausgeschaltet: ihren Kanal {channel} gibt es nicht mehr, oder ich darf dort nicht schreiben. "
        "`/settings digest: True` schaltet sie in dem Kanal ein, in dem das gesagt wird."
    ),
    new_articles="Was es Neues gibt",
    new_since="Neu seit dem {date}",
    nothing_new="Seit dem {date} gibt es nichts Neues; {newest}.",
    followed_sources="Verfolgte Quellen",
    nothing_followed="Hier wird noch nichts verfolgt: `/library follow add` verfolgt einen Feed oder eine Website.",
    source_added="{name} wird ab jetzt verfolgt ({kind}, {every}). Die Artikel gehören diesem Server.",
    source_removed="{name} wird nicht mehr verfolgt. Die Artikel bleiben.",
    no_such_source="Dieser Server verfolgt keine Quelle mit dieser Kennung; die Liste ergänzt sich beim Tippen.",
    follow_web_only="Nur Webadressen können verfolgt werden: bitte eine, die mit https:// beginnt.",
    followed_already="{address} wird hier schon verfolgt.",
    too_many_sources=(
        "Höchstens {count} Quelle kann hier verfolgt werden: bitte sie erst entfernen.",
        "Höchstens {count} Quellen können hier verfolgt werden: bitte erst eine entfernen.",
    ),
    not_followable="{address} kann nicht verfolgt werden. Die Adresse {words}.",
    kind_feed="Feed",
    kind_sitemap="Sitemap",
    kind_page="Seite",
    kind_folder="Ordner",
    every_minutes=("jede Minute", "alle {count} Minuten"),
    every_hours=("jede Stunde", "alle {count} Stunden"),
    every_days=("jeden Tag", "alle {count} Tage"),
    read_at="gelesen {when}",
    never_read="noch nicht gelesen",
    read_next="wieder {when}",
    source_gone="wird nicht mehr gelesen, es gibt sie nicht mehr",
    in_stories="{articles} zu {stories}",
    newest_of_more="die neuesten von noch mehr",
    stories=("{count} Thema", "{count} Themen"),
    everywhere="alle",
    on="an",
    off="aus",
    no_limit="unbegrenzt",
    by_default=" (Voreinstellung)",
    attach_or_address="Häng eine Datei an oder gib ihre Adresse, eins von beiden.",
    unknown_suffix="Nur Dateien mit {suffixes} sind lesbar: speichere den Artikel als Text und häng ihn an.",
    file_too_large="Die Datei hat {size} Bytes, {largest} sind erlaubt: bitte teilen.",
    download_too_large="Die Datei hat mehr als die erlaubten {largest} Bytes: bitte teilen.",
    attach_again="Discord hat die Datei nicht herausgegeben: bitte noch einmal anhängen.",
    address_answers="Die Adresse antwortet {status}: öffne sie im Browser und sieh nach, was dort ist.",
    address_too_slow="Die Adresse hat die Datei nicht in {seconds} Sekunden geliefert: häng sie an.",
    address_leads_on="Die Adresse führt nur zu anderen Adressen weiter: gib die, unter der die Datei liegt.",
    address_private="Die Adresse führt in ein privates Netz, dort lese ich nicht.",
    nothing_fetched="Von der Adresse war nichts zu holen: prüf sie, oder häng die Datei an.",
    no_address="Das ist keine Adresse: gib eine wie https://example.org/article.txt.",
    no_web_address="Das ist keine Web-Adresse: gib eine wie https://example.org/article.txt.",
    address_with_password="Die Adresse enthält einen Benutzernamen oder ein Passwort: häng die Datei lieber an.",
    no_file_there="Unter der Adresse liegt keine Datei mit {suffixes}: speichere den Artikel als Text und häng ihn an.",
    writes_closed="Ich starte gleich neu: bitte in einer Minute noch einmal versuchen.",
    writes_waiting="Es warten schon viele Änderungen: bitte in einigen Minuten noch einmal versuchen.",
    forgotten="Vergessen",
    deleted=(
        "Gelöscht: {questions} und {votes}. Nachrichten in Kanälen gehören Discord; lösch deine dort. "
        "Was du beobachtet hast, wird nicht mehr beobachtet. Was du als Admin geändert hast, bleibt im Protokoll dieses Servers."
    ),
    stored_questions=("{count} gespeicherte Frage mit Antwort", "{count} gespeicherte Fragen mit Antworten"),
    votes=("{count} Stimme", "{count} Stimmen"),
    wrong_day="Ein Tag sieht so aus: 2025-10-17. Bitte so für since: und until: schreiben.",
    since_after_until="since: {since} liegt nach until: {until}. Bitte vertauschen.",
    in_the_future="since: {day} liegt in der Zukunft; {newest}.",
    unknown_outlet="Kein Medium hier heißt „{source}“. Am nächsten: {outlets}.",
    outlets_unknown="Kein Medium hier heißt „{source}“: kein Artikel nennt sein Medium.",
    articles=("{count} Artikel", "{count} Artikel"),
    from_to="{oldest} bis {newest}",
    help="""\
**Fragen** `/ask question:` … oder erwähne mich mit einer Frage, oder antworte auf eine meiner Antworten.
`since:` und `until:` nehmen Tage wie 2025-10-17, `source:` ein Medium.
In einem Thread oder einer Kette von Antworten weiß ich, was vorher war; **Nachfragen** unter einer Antwort auch.

**Was du bekommst** nur, was die Artikel sagen, Wort für Wort zitiert, mit Medium, Datum und Link. Sagen die Artikel \
nichts dazu, dann sage ich das, und was am nächsten kommt.
**Was ich lese** {library}

**Was es Neues gibt** `/digest since:` ein Tag: ein zitierter Satz je Artikel, nach Themen.

**Unter einer Antwort** *Textstellen* zeigt jedes Zitat in seiner Umgebung, *Nur Neueres* fragt noch einmal nach \
späteren Artikeln, *Sag mir, wenn sich das ändert* beobachtet die Frage, wie `/watch add`; `/watch list` und `/watch stop` \
zeigen und beenden das. 👍 und 👎 sagen den Betreibern, wie gut sie war.

**Deine Daten** Fragen und Antworten bewahre ich {days} Tage auf, damit Nachfragen und Knöpfe gehen. \
`/forget-me` löscht deine, deine Stimmen und was du beobachtest.
**Auf Deutsch** zeigt dir Discord manche Befehle als `/fragen`, `/neues`, `/hilfe` und `/vergiss-mich`.
**Admins** `/library`, `/settings` und `/gaps`.""",
)

LANGUAGES = {"en": ENGLISH, "de": GERMAN}


def translations_for(language: str) -> Translations:
    """English for a language that is not known."""
    return LANGUAGES.get(language, ENGLISH)
