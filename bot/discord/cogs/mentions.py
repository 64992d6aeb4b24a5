"""Messages that ask the bot: a mention, a reply to it, a private message, its own thread where that is turned on."""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import discord
from discord.ext import commands

from bot.discord.admission import Rejected, channel_ids, check_place, permissions_in, role_ids
from bot.discord.answering import AnswerSession
from bot.discord.client import DatelineBot
from bot.discord.conversation import Place, Question
from bot.discord.render import thread_name
from bot.discord.replies import SEND_FAILURES, ChannelReply, log_failure
from bot.discord.state import PRIVATE

log = logging.getLogger("dateline.bot")


class MentionsCog(commands.Cog):
    """Answers messages."""

    def __init__(self, bot: DatelineBot) -> None:
        self.bot = bot

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Answer a message that is meant for the bot; most are not."""
        if message.author.bot or message.webhook_id is not None or self.bot.user is None:
            return
        if not self.is_addressed(message) or not self.bot.first_sight(message.id):
            return
        text = re.sub(rf"<@!?{self.bot.user.id}>", " ", message.content).strip()
        if text:
            await self.answer(message, text)
        else:
            await self.explain_how_to_ask(message)

    def is_addressed(self, message: discord.Message) -> bool:
        """True for a message to the bot itself; @everyone and roles do not count."""
        me = self.bot.user.id if self.bot.user else 0
        if message.type not in (discord.MessageType.default, discord.MessageType.reply):
            return False  # "X added you to the thread" and the like mention users too.
        if any(user.id == me for user in message.mentions):
            return True
        if message.guild is None:
            return self.bot.settings.discord_direct_messages
        resolved = message.reference.resolved if message.reference is not None and is_reply(message) else None
        if isinstance(resolved, discord.Message) and resolved.author.id == me:
            return True
        own_thread = isinstance(message.channel, discord.Thread) and message.channel.owner_id == me
        return own_thread and self.bot.settings.discord_message_content and bool(message.content)

    async def explain_how_to_ask(self, message: discord.Message) -> None:
        """Reply to a message without a question, or whose content Discord withholds."""
        guild = guild_of(message)
        unread = message.reference is not None and not message.content
        translations = self.bot.guild_settings.translations(guild)
        with contextlib.suppress(Rejected):
            channels = channel_ids(message.channel.id, message.channel)
            check_place(self.bot.guild_settings.of(guild), channels, role_ids(message.author))
            await self.notify(message, translations.cannot_read if unread else translations.no_question)

    async def answer(self, message: discord.Message, text: str) -> None:
        """Answer the question in a message, in a thread of its own where the guild wants that."""
        question = await self.question_from(message, text)
        try:
            async with self.bot.answers.admitted(question, message.channel, message.author) as session:
                reply = await self.open_reply(message, session)
                async with typing(reply.channel):
                    await session.answer(reply)
        except Rejected as reason:
            translations = self.bot.guild_settings.translations(question.place.guild)
            await self.notify(message, translations.say(reason.sentence, **reason.values))

    async def question_from(self, message: discord.Message, text: str) -> Question:
        """A message's question; as a reply it follows the answer that it replies to."""
        follows = ""
        if is_reply(message) and message.reference is not None and message.reference.message_id is not None:
            follows = await self.bot.history.shown_in(message.reference.message_id, message.channel.id)
        own_history = isinstance(message.channel, discord.Thread | discord.DMChannel)
        place = Place(guild_of(message), message.channel.id, own_history)
        return Question(text, message.author.id, place, follows, asker=message.author.display_name)

    async def open_reply(self, message: discord.Message, session: AnswerSession) -> ChannelReply:
        """Where to answer: a new thread if the guild wants one and it can be made, else below the message."""
        here = ChannelReply(message.channel, str(message.id), message)
        question = session.question
        wanted = self.bot.guild_settings.of(question.place.guild).auto_thread
        permissions = permissions_in(message.channel)
        allowed = permissions is None or permissions.create_public_threads
        if not wanted or not allowed or not isinstance(message.channel, discord.TextChannel):
            return here
        try:
            thread = await message.create_thread(name=thread_name(question.text), auto_archive_duration=1440)
        except (*SEND_FAILURES, ValueError) as error:
            log.warning("no thread made", extra={"failure": type(error).__name__})
            return here
        place = Place(question.place.guild, thread.id, own_history=True, origin_channel=question.place.channel)
        session.question = replace(question, place=place)
        return ChannelReply(thread, str(message.id))

    async def notify(self, message: discord.Message, text: str) -> None:
        """A short reply in the channel, unless this user got one a moment ago; a failure is logged."""
        if self.bot.queue.may_notify(message.author.id):
            with log_failure("notice not sent"):
                reference = message.to_reference(fail_if_not_exists=False)
                await message.channel.send(text, reference=reference, suppress_embeds=True)


def guild_of(message: discord.Message) -> int:
    return message.guild.id if message.guild else PRIVATE


def is_reply(message: discord.Message) -> bool:
    """True if a message's reference is a reply; forwards carry one too, to anywhere."""
    reference = message.reference
    return reference is not None and reference.type is discord.MessageReferenceType.reply


@contextlib.asynccontextmanager
async def typing(channel: discord.abc.Messageable) -> AsyncIterator[None]:
    """Show that the bot is writing while the block runs, where Discord allows it."""
    task = asyncio.create_task(keep_typing(channel))
    try:
        yield
    finally:
        task.cancel()


async def keep_typing(channel: discord.abc.Messageable) -> None:
    with contextlib.suppress(*SEND_FAILURES):
        async with channel.typing():
            await asyncio.Event().wait()
