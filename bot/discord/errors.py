"""What users are told of a failure: the way out where it is theirs, else a number that the operator finds in the log."""

import logging
import secrets

import discord

from bot.discord.markdown import shorten_escaped
from bot.discord.replies import tell_privately
from bot.discord.translations import Words
from rag.errors import ArticleError, ModelError, QuestionError
from vectorstore.errors import DatelineError, StoreBusy, StoreStopped

log = logging.getLogger("dateline.bot")

FOR_USERS = (ArticleError, ModelError, QuestionError, StoreStopped)
FOR_ADMINS = (*FOR_USERS, StoreBusy)
"""The rest names folders and databases, and tells to do what only the operator can."""


def failure_words(error: BaseException, words: Words, admin: bool = False, **logged: object) -> str:
    """A failure in plain words for whoever asked; what they are not told is logged under the number they are told."""
    if isinstance(error, FOR_ADMINS if admin else FOR_USERS):
        log.warning("not done", extra={"failure": type(error).__name__, **logged})
        return str(error)
    number = secrets.token_hex(4)
    reason = str(error) if isinstance(error, DatelineError) else type(error).__name__
    log.error(
        "failed",
        exc_info=None if isinstance(error, DatelineError) else error,
        extra={"number": number, "reason": reason, **logged},
    )
    return words.try_again.format(number=number)


async def tell_failure(
    interaction: discord.Interaction, error: BaseException, words: Words, admin: bool = False, **logged: object
) -> None:
    """The same, said to the user of an interaction alone."""
    await tell_privately(interaction, shorten_escaped(failure_words(error, words, admin, **logged), 1_900))
