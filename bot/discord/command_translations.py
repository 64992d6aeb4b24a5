"""What Discord shows while a command is typed, in the languages of the bot: by each reader's own, not by their server's.

English stands at the commands themselves.
"""

from collections.abc import Mapping

from discord import Locale, app_commands

GERMAN_NAMES = {
    "ask": "fragen",
    "digest": "neues",
    "help": "hilfe",
    "forget-me": "vergiss-mich",
    "settings": "einstellungen",
    "gaps": "lücken",
}
"""Commands alone: below a group whose name is translated, Discord's programs do not find its commands. The names of options stay
as the bot's own sentences have them. All of them are understood by their English names too."""

GERMAN_DESCRIPTIONS = {
    "Ask the news library; the answer is proven with quotes": (
        "Frag die Nachrichtenbibliothek; die Antwort ist mit Zitaten belegt"
    ),
    "What do you want to know?": "Was möchtest du wissen?",
    "Only articles from this day on, like 2025-10-17": "Nur Artikel ab diesem Tag, etwa 2025-10-17",
    "Only articles up to this day, like 2025-10-17": "Nur Artikel bis zu diesem Tag, etwa 2025-10-17",
    "Only articles of this outlet": "Nur Artikel dieses Mediums",
    "What I can do, on one screen": "Was ich kann, auf einen Blick",
    "Delete your stored questions, votes and watches": (
        "Deine gespeicherten Fragen, Stimmen und beobachteten Fragen löschen"
    ),
    "Tell this channel when an answer changes": "In diesem Kanal melden, wenn sich eine Antwort ändert",
    "Ask a question, and hear of it again when its answer changes": (
        "Eine Frage stellen und erfahren, wenn sich ihre Antwort ändert"
    ),
    "What do you want to know, now and later?": "Was möchtest du wissen, jetzt und später?",
    "The questions you watch here; for admins, everybody's": "Die Fragen, die du hier beobachtest; für Admins alle",
    "No longer watch a question": "Eine Frage nicht mehr beobachten",
    "The question, chosen from the list": "Die Frage, aus der Liste gewählt",
    "What is new: one quoted sentence an article, by story": (
        "Was es Neues gibt: ein zitierter Satz je Artikel, nach Themen"
    ),
    "What was published from this day on, like 2025-10-17; by default a week": (
        "Was seit diesem Tag erschienen ist, etwa 2025-10-17; ohne Angabe eine Woche"
    ),
    "This server's own articles": "Die eigenen Artikel dieses Servers",
    "Feeds and sites that this server's articles come from": (
        "Feeds und Websites, aus denen Artikel dieses Servers kommen"
    ),
    "Follow a feed, sitemap or page: what it brings becomes this server's own": (
        "Einem Feed, einer Sitemap oder Seite folgen: was sie bringt, gehört diesem Server"
    ),
    "Its web address; of a page with a feed the feed is followed": (
        "Die Webadresse; bei einer Seite mit Feed wird der Feed verfolgt"
    ),
    "How often": "Wie oft",
    "What is followed here, when it was read, and what is wrong with it": (
        "Was hier verfolgt wird, wann es gelesen wurde und was damit nicht stimmt"
    ),
    "No longer follow a source; its articles stay": "Eine Quelle nicht mehr verfolgen; ihre Artikel bleiben",
    "Its name, chosen from the list, or its id": "Ihr Name, aus der Liste gewählt, oder ihre Kennung",
    "Add articles: attach a file, or give its address": (
        "Artikel aufnehmen: eine Datei anhängen oder ihre Adresse angeben"
    ),
    "One article as text, Markdown, web page, PDF, Word or mail, or many as JSON, CSV or TSV": (
        "Ein Artikel als Text, Markdown, Webseite, PDF, Word oder Mail, oder viele als JSON, CSV oder TSV"
    ),
    "Where such a file or web page is": "Wo so eine Datei oder Webseite liegt",
    "This server's own articles, newest first": "Die eigenen Artikel dieses Servers, die neuesten zuerst",
    "Delete one of this server's own articles": "Einen eigenen Artikel dieses Servers löschen",
    "Its title, chosen from the list, or its id": "Der Titel, aus der Liste gewählt, oder die Kennung",
    "What this server's questions are answered from": "Woraus die Fragen dieses Servers beantwortet werden",
    "Who changed what in this server": "Wer auf diesem Server was geändert hat",
    "Show or change how I behave in this server": "Zeigen oder ändern, wie ich mich auf diesem Server verhalte",
    "Answer in this channel; with one named, in no others": (
        "In diesem Kanal antworten; ist einer genannt, dann in keinem anderen"
    ),
    "No longer answer in this channel": "In diesem Kanal nicht mehr antworten",
    "Let this role ask; with one named, no others": "Diese Rolle fragen lassen; ist eine genannt, dann keine andere",
    "No longer let this role ask": "Diese Rolle nicht mehr fragen lassen",
    "The language of my own words": "Die Sprache meiner eigenen Worte",
    "Whether a language model may write the answers, if the operator set one up": (
        "Ob ein Sprachmodell die Antworten schreiben darf, wenn der Betreiber eines eingerichtet hat"
    ),
    "Questions a day; 0 for no limit, -1 for the operator's default": (
        "Fragen am Tag; 0: unbegrenzt, -1: wie vom Betreiber voreingestellt"
    ),
    "Answer mentions in a thread of their own": "Erwähnungen in einem eigenen Thread beantworten",
    "Whether the operator's shared articles are searched here": (
        "Ob hier auch in der gemeinsamen Bibliothek gesucht wird"
    ),
    "Post a digest of what is new in this channel each day; false for nowhere": (
        "Jeden Tag in diesem Kanal eine Übersicht über das Neue senden; False: nirgends"
    ),
    "Questions of the last 30 days that the articles do not answer": (
        "Fragen der letzten 30 Tage, zu denen die Artikel nichts sagen"
    ),
}

COMMAND_NAMES: Mapping[Locale, Mapping[str, str]] = {Locale.german: GERMAN_NAMES}
COMMAND_DESCRIPTIONS: Mapping[Locale, Mapping[str, str]] = {Locale.german: GERMAN_DESCRIPTIONS}
NAMED = (app_commands.TranslationContextLocation.command_name,)
DESCRIBED = (
    app_commands.TranslationContextLocation.command_description,
    app_commands.TranslationContextLocation.group_description,
    app_commands.TranslationContextLocation.parameter_description,
)


class CommandTranslator(app_commands.Translator):
    """Gives discord.py the names and descriptions of commands in another language."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        """None where the English stays."""
        if context.location in DESCRIBED:
            return COMMAND_DESCRIPTIONS.get(locale, {}).get(string.message)
        if context.location in NAMED and isinstance(context.data, app_commands.Command) and context.data.parent is None:
            return COMMAND_NAMES.get(locale, {}).get(string.message)
        return None
