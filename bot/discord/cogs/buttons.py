"""What a press of a button or a sent modal does: passages, votes, follow-ups, newer articles. Stale ones are answered."""

import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import discord

from bot.discord import buttons as discord_buttons
from bot.discord.buttons import QUESTION, REASON, custom_id, read_custom_id
from bot.discord.cogs.ask import asked_in
from bot.discord.errors import report_error
from bot.discord.render_passages import passage_pages
from bot.discord.replies import SEND_FAILURES, show_privately, tell_privately
from bot.discord.state import PRIVATE
from bot.discord.translations import Translations
from rag.answer import Answer
from vectorstore.bot_state import BotState, Vote

if TYPE_CHECKING:
    from bot.discord.client import DatelineBot

log = logging.getLogger("dateline.bot")

MAX_REASON = 1_000


async def handle_component(bot: "DatelineBot", interaction: discord.Interaction["DatelineBot"]) -> None:
    """A button was pressed; any custom id may arrive, from older programs too."""
    translations = bot.translations(interaction.guild_id)
    read = read_custom_id(str(raw_data(interaction).get("custom_id", "")))
    if read is None:
        await tell_privately(interaction, translations.stale)
        return
    action, answer_id = read
    async with report_errors(interaction, translations, action, answer_id):
        match action:
            case discord_buttons.PASSAGES:
                await show_passages(bot, interaction, answer_id)
            case discord_buttons.UP:
                await vote(bot, interaction, answer_id, useful=True, reason="")
            case discord_buttons.DOWN:
                await ask_for_text(
                    interaction, REASON, answer_id, translations.what_was_wrong, translations.why_not_useful, False
                )
            case discord_buttons.FOLLOW_UP:
                await ask_for_text(
                    interaction, QUESTION, answer_id, translations.follow_up, translations.your_question, True
                )
            case discord_buttons.NEWER:
                await ask_newer(bot, interaction, answer_id)
            case _:
                await tell_privately(interaction, translations.stale)


@asynccontextmanager
async def report_errors(
    interaction: discord.Interaction["DatelineBot"], translations: Translations, action: str, answer_id: str
) -> AsyncIterator[None]:
    """Whatever fails, who pressed is told."""
    try:
        yield
    except SEND_FAILURES as error:
        log.warning("press not answered", extra={"action": action, "failure": type(error).__name__})
    except Exception as error:  # noqa: BLE001  # failure_words logs it whole
        await report_error(interaction, error, translations, action=action, answer_id=answer_id)


async def handle_modal(bot: "DatelineBot", interaction: discord.Interaction["DatelineBot"]) -> None:
    """A modal was sent off, perhaps one that was opened before a restart."""
    translations = bot.translations(interaction.guild_id)
    data = raw_data(interaction)
    read = read_custom_id(str(data.get("custom_id", "")))
    text = first_value(data.get("components", [])).strip()
    if read is None or read[0] not in (REASON, QUESTION):
        await tell_privately(interaction, translations.stale)
        return
    action, answer_id = read
    async with report_errors(interaction, translations, action, answer_id):
        if action == REASON:
            await vote(bot, interaction, answer_id, useful=False, reason=text[:MAX_REASON])
        elif not text:
            await tell_privately(interaction, translations.no_question)
        else:
            await bot.ask_by_interaction(interaction, asked_in(interaction, text, follows=answer_id))


def raw_data(interaction: discord.Interaction["DatelineBot"]) -> Mapping[str, object]:
    """What Discord sent of a press or modal, as it came."""
    return interaction.data or {}


def first_value(components: object) -> str:
    """The first text a modal brought, however Discord nests its components."""
    for component in components if isinstance(components, Sequence) else ():
        if isinstance(component, dict):
            if isinstance(component.get("value"), str):
                return str(component["value"])
            below = component.get("components") or [component.get("component")]
            found = first_value(below)
            if found:
                return found
    return ""


async def recall(bot: "DatelineBot", interaction: discord.Interaction["DatelineBot"], answer_id: str) -> Answer | None:
    """The answer of a press, when it was given in this very server or private channel."""
    return await bot.history.recall(answer_id, interaction.guild_id or PRIVATE, interaction.channel_id or 0)


async def show_passages(bot: "DatelineBot", interaction: discord.Interaction["DatelineBot"], answer_id: str) -> None:
    """Each quote in the paragraph around it, for the presser alone."""
    await interaction.response.defer(ephemeral=True, thinking=True)
    translations = bot.translations(interaction.guild_id)
    answer = await recall(bot, interaction, answer_id)
    if answer is None or not answer.citations:
        await tell_privately(interaction, translations.stale)
        return
    visible = bot.answers.libraries(interaction.guild_id or PRIVATE)
    passages = [
        (citation, await bot.engine.library.article(citation.library, citation.article_id))
        for citation in answer.citations
        if citation.library in visible
    ]
    if not passages:
        await tell_privately(interaction, translations.stale)
        return
    await show_privately(interaction, passage_pages(passages, translations))


async def vote(
    bot: "DatelineBot",
    interaction: discord.Interaction["DatelineBot"],
    answer_id: str,
    useful: bool,
    reason: str,
) -> None:
    """Count a vote on one of the bot's own answers; a second one of the same user replaces the first."""
    await interaction.response.defer(ephemeral=True, thinking=True)
    translations = bot.translations(interaction.guild_id)
    if await recall(bot, interaction, answer_id) is None:
        await tell_privately(interaction, translations.stale)
        return
    guild = interaction.guild_id or PRIVATE
    cast = Vote(answer_id, interaction.user.id, guild, useful, reason, time.time())
    changed = await bot.state.run(BotState.vote, cast)
    bot.metrics.votes.labels("yes" if useful else "no").inc()
    log.info("vote", extra={"answer_id": answer_id, "useful": useful})
    await tell_privately(interaction, translations.vote_changed if changed else translations.thanks)


async def ask_for_text(
    interaction: discord.Interaction["DatelineBot"],
    action: str,
    answer_id: str,
    title: str,
    label: str,
    required: bool,
) -> None:
    """Open a modal with one text field."""
    modal = discord.ui.Modal(title=title[:45], custom_id=custom_id(action, answer_id))
    longest = MAX_REASON if action == REASON else 2_000
    field: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
        label=label[:45], style=discord.TextStyle.paragraph, required=required, max_length=longest, custom_id="text"
    )
    modal.add_item(field)
    # A stopped modal is not kept by discord.py: one custom id serves many users, before and after a restart.
    modal.stop()
    await interaction.response.send_modal(modal)


async def ask_newer(bot: "DatelineBot", interaction: discord.Interaction["DatelineBot"], answer_id: str) -> None:
    """Ask the same again, of articles newer than the answer's newest."""
    answer = await recall(bot, interaction, answer_id)
    if answer is None or answer.as_of is None:
        await tell_privately(interaction, bot.translations(interaction.guild_id).stale)
        return
    question = answer.standalone_question or answer.question
    since = answer.as_of + timedelta(seconds=1)
    sources = answer.explanation.sources
    await bot.ask_by_interaction(interaction, asked_in(interaction, question, since=since, sources=sources))
