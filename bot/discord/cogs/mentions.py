"""Messages that ask the bot: a mention, a reply to it, a private message, its own thread where that is turned on."""

import asyncio
import contextlib
import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import aiohttp
import discord

from bot.discord.admission import Rejected
from bot.discord.cogs.settings import check_place, role_ids
from bot.discord.conversation import Question
from bot.discord.render import thread_name
from bot.discord.replies import SEND_FAILURES, ChannelReply, permissions_in
from bot.discord.state import PRIVATE

if TYPE_CHECKING:
    from bot.discord.client import DatelineBot

log = logging.getLogger("dateline.bot")


async def handle_message(bot: "DatelineBot", message: discord.Message) -> None:
    """Answer a message that asks the bot: a mention, a reply to it, a private message, its own thread if set."""
    if message.author.bot or message.webhook_id is not None or bot.user is None:
        return
    if not is_asked(bot, message) or not bot.first_sight(message.id):
        return
    question = re.sub(rf"<@!?{bot.user.id}>", " ", message.content).strip()
    guild = message.guild.id if message.guild else PRIVATE
    channels = {message.channel.id, getattr(message.channel, "parent_id", None) or message.channel.id}
    translations = bot.translations(guild)
    if not question:
        unread = message.reference is not None and not message.content
        with contextlib.suppress(Rejected):
            check_place(bot.guild_settings.of(guild), channels, role_ids(message.author))
            if bot.queue.may_notify(message.author.id):
                await tell(message, translations.cannot_read if unread else translations.no_question)
        return
    follows = ""
    if is_reply(message) and message.reference is not None and message.reference.message_id is not None:
        follows = await bot.history.shown_in(message.reference.message_id, message.channel.id)
    own_history = isinstance(message.channel, discord.Thread | discord.DMChannel)
    asked = Question(question, message.author.id, guild, message.channel.id, own_history, follows)
    try:
        slot = bot.admit(asked, channels, role_ids(message.author))
    except Rejected as reason:
        bot.metrics.questions.labels("turned_away").inc()
        if bot.queue.may_notify(message.author.id):
            await tell(message, translations.say(reason.sentence, **reason.values))
        return
    try:
        asked, reply = await place_for(bot, message, asked)
    except BaseException:
        bot.queue.leave(slot)
        raise
    typing = asyncio.create_task(keep_typing(reply.channel))
    try:
        await bot.answers.answer(slot, asked, reply)
    finally:
        typing.cancel()


def is_asked(bot: "DatelineBot", message: discord.Message) -> bool:
    """Whether a message is meant for the bot itself; @everyone and roles do not count."""
    me = bot.user.id if bot.user else 0
    if message.type not in (discord.MessageType.default, discord.MessageType.reply):
        return False  # "X added you to the thread" and the like name users too.
    if any(user.id == me for user in message.mentions):
        return True
    if message.guild is None:
        return bot.settings.discord_direct_messages
    resolved = message.reference.resolved if message.reference is not None and is_reply(message) else None
    if isinstance(resolved, discord.Message) and resolved.author.id == me:
        return True
    own_thread = isinstance(message.channel, discord.Thread) and message.channel.owner_id == me
    return own_thread and bot.settings.discord_message_content and bool(message.content)


async def place_for(bot: "DatelineBot", message: discord.Message, asked: Question) -> tuple[Question, ChannelReply]:
    """Where to answer a message: in a new thread where the server wants that and it works, else below it."""
    here = ChannelReply(message.channel, str(message.id), message)
    wanted = bot.guild_settings.of(asked.guild).auto_thread and isinstance(message.channel, discord.TextChannel)
    permissions = permissions_in(message.channel)
    if not wanted or (permissions is not None and not permissions.create_public_threads):
        return asked, here
    try:
        thread = await message.create_thread(name=thread_name(asked.question), auto_archive_duration=1440)
    except (*SEND_FAILURES, ValueError) as error:
        log.warning("no thread made", extra={"failure": type(error).__name__})
        return asked, here
    moved = replace(asked, channel=thread.id, own_history=True, origin_channel=asked.channel)
    return moved, ChannelReply(thread, str(message.id))


async def tell(message: discord.Message, text: str) -> None:
    """A short reply in the channel; a failure is logged."""
    try:
        await message.channel.send(text, reference=message.to_reference(fail_if_not_exists=False))
    except SEND_FAILURES as error:
        log.warning("notice not sent", extra={"failure": type(error).__name__})


def is_reply(message: discord.Message) -> bool:
    """Whether a message's reference is a reply; forwards carry one too, to anywhere."""
    reference = message.reference
    return reference is not None and reference.type is discord.MessageReferenceType.reply


async def keep_typing(channel: discord.abc.Messageable) -> None:
    """Show that the bot is writing until cancelled; where that is not allowed, not."""
    with contextlib.suppress(discord.HTTPException, discord.RateLimited, aiohttp.ClientError, OSError):
        async with channel.typing():
            await asyncio.Event().wait()
