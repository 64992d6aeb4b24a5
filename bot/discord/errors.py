"""What users read of a failure: the way out where they can take it, else a number that the operator finds in the log."""

import logging
import secrets

import discord

from bot.discord.markdown import shorten_escaped
from bot.discord.reasons import reason_words
from bot.discord.replies import tell_privately
from bot.discord.translations import ENGLISH, Translations
from rag.errors import ArticleError, ModelError, QuestionError, UnreadableArticle
from vectorstore.errors import DatelineError, StoreBusy, StoreStopped

log = logging.getLogger("dateline.bot")

FOR_USERS = (ArticleError, ModelError, QuestionError, StoreStopped)
FOR_ADMINS = (*FOR_USERS, StoreBusy)
ENGINE_ERRORS = {
    ArticleError: "file_unreadable",
    ModelError: "model_failed",
    QuestionError: "question_not_taken",
    StoreStopped: "work_stopped",
    StoreBusy: "library_busy",
}
"""Which sentence of Translations tells of an error that the engine words."""
"""The other errors name folders and databases, and advise what only the operator can do."""


class Sayable(Exception):
    """A failure that the bot words itself; `sentence` names the field of Translations, `str` gives it in English.

    Its value `words`, if any, is a reason as the engine words it.
    """

    def __init__(self, sentence: str, **values: object) -> None:
        super().__init__(ENGLISH.say(sentence, **values))
        self.sentence = sentence
        self.values = values


class FileRejected(Sayable, ArticleError):
    """A file that cannot be added."""


class SourceRejected(Sayable, ArticleError):
    """An address that cannot be followed."""


class ChangeRejected(Sayable, StoreBusy):
    """A change to the library that is not taken on just now."""


def user_message(error: BaseException, translations: Translations, admin: bool = False, **logged: object) -> str:
    """A failure in a sentence for the user; what it leaves out is logged under the number that it shows."""
    if isinstance(error, FOR_ADMINS if admin else FOR_USERS):
        log.warning("not done", extra={"failure": type(error).__name__, **logged})
        if isinstance(error, Sayable):
            said = {
                key: reason_words(str(value), translations) for key, value in error.values.items() if key == "words"
            }
            return translations.say(error.sentence, **error.values | said)
        return engine_words(error, translations)
    number = secrets.token_hex(4)
    known = isinstance(error, DatelineError)
    log.error(
        "failed",
        exc_info=None if known else error,
        extra={"number": number, "reason": str(error) if known else type(error).__name__, **logged},
    )
    return translations.try_again.format(number=number)


def engine_words(error: BaseException, t: Translations) -> str:
    """What the engine says of its error, in another language at least what kind of thing it is."""
    if isinstance(error, UnreadableArticle):
        return f"{error.place} {reason_words(error.reason, t)}"
    words = reason_words(str(error), t)
    if words != str(error):
        return words
    kind = next(sentence for known, sentence in ENGINE_ERRORS.items() if isinstance(error, known))
    return t.say(kind, words=words)


async def report_error(
    interaction: discord.Interaction,
    error: BaseException,
    translations: Translations,
    admin: bool = False,
    **logged: object,
) -> None:
    """Show `user_message` to the user of an interaction alone."""
    await tell_privately(interaction, shorten_escaped(user_message(error, translations, admin, **logged), 1_900))
