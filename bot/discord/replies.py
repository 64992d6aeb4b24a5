"""Where an answer goes: an interaction's message or a reply in a channel, each falling back to what still works."""

import asyncio
import io
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias, TypeVar

import aiohttp
import discord

from bot.discord.admission import permissions_in
from bot.discord.buttons import Buttons
from bot.discord.render import Page, plain_messages

log = logging.getLogger("dateline.bot")
T = TypeVar("T")

SEND_FAILURES = (discord.HTTPException, discord.RateLimited, aiohttp.ClientError, OSError)
"""Everything that sending can raise; discord.py retries neither a 503 nor connection errors."""
TOKEN_SECONDS = 14.5 * 60
"""An interaction's token expires after 15 minutes."""
ACKNOWLEDGED_WITHIN = 1.0
"""Seconds after which a command is acknowledged although it may still be refused; Discord waits three."""
RETRY_AFTER = (0.5, 2.0)
CLOCKS_APART = timedelta(hours=1)
"""How far this machine's clock may be ahead of Discord's where a message is looked for."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to send: text, or a page as an embed; `file` is the text of its attachment, "" for none."""

    content: str = ""
    page: Page | None = None
    file: str = ""
    buttons: Buttons = ()

    @property
    def embeds(self) -> list[discord.Embed]:
        page = self.page
        if page is None:
            return []
        embed = discord.Embed(title=page.title or None, description=page.body or None, colour=page.colour)
        for source in page.fields:
            embed.add_field(name=source.name, value=source.value, inline=False)
        if page.author:
            embed.set_author(name=page.author)
        if page.footer:
            embed.set_footer(text=page.footer)
        return [embed]

    @property
    def files(self) -> list[discord.File]:
        """The attachment; made for each try, because sending closes it."""
        name = self.page.file_name if self.page else "answer.txt"
        return [discord.File(io.BytesIO(self.file.encode()), name)] if self.file else []

    @property
    def view(self) -> discord.ui.View:
        """The buttons. A stopped view is not stored by discord.py, or thousands of answers would stay in memory."""
        view = discord.ui.View(timeout=None)
        for button in self.buttons:
            style = discord.ButtonStyle.primary if button.primary else discord.ButtonStyle.secondary
            view.add_item(discord.ui.Button(label=button.label[:80], custom_id=button.custom_id, style=style))
        view.stop()
        return view


@dataclass(eq=False, slots=True)
class ChannelReply:
    """Messages in a channel: the first refers to the question, edits go to it, further pages follow it."""

    channel: discord.abc.Messageable
    key: str
    question: discord.Message | None = None
    message: discord.Message | None = None
    sent: int = 0

    async def say(self, content: str) -> None:
        with log_failure("passing text not sent"):
            if self.message is None:
                self.message = await self.send(Outgoing(content))
            else:
                await self.message.edit(content=content)

    async def finish(self, pages: Sequence[Page], buttons: Buttons = ()) -> list[int]:
        """Every page, the buttons on the last; as plain text where embeds are not allowed."""
        permissions = permissions_in(self.channel)
        attach = permissions is None or permissions.attach_files
        embed = permissions is None or permissions.embed_links
        outgoing: list[Outgoing] = []
        for page in pages if attach else [page.without_file() for page in pages]:
            if embed:
                outgoing.append(Outgoing("", page, page.file))
            else:
                *texts, ending = plain_messages(page)
                outgoing += [*map(Outgoing, texts), Outgoing(ending, file=page.file)]
        outgoing[-1] = replace(outgoing[-1], buttons=buttons)
        return [await self.put(message) for message in outgoing]

    async def put(self, outgoing: Outgoing) -> int:
        """Edit the passing message into a final one, or send a new one."""
        if self.message is not None:
            passing, self.message = self.message, None
            try:
                edited = await persist(
                    lambda: passing.edit(
                        content=outgoing.content or None,
                        embeds=outgoing.embeds,
                        attachments=outgoing.files,
                        view=outgoing.view,
                    )
                )
            except discord.NotFound:
                log.info("the passing message is gone, the answer goes into a new one")
            else:
                return edited.id
        return (await persist(lambda: self.send(outgoing))).id

    async def send(self, outgoing: Outgoing) -> discord.Message:
        """A new message; its nonce makes Discord keep one of two when a try that seemed to fail came through."""
        content, nonce = outgoing.content or None, f"{self.key}-{self.sent}"[-25:]
        embeds, files, view = outgoing.embeds, outgoing.files, outgoing.view
        permissions = permissions_in(self.channel)
        # Discord takes no message that refers to another which the bot may not read.
        refers = permissions is None or permissions.read_message_history
        if self.question is None or self.sent or not refers:
            message = await self.channel.send(content, nonce=nonce, embeds=embeds, files=files, view=view)
        else:
            message = await self.channel.send(
                content,
                nonce=nonce,
                embeds=embeds,
                files=files,
                view=view,
                # A question that was deleted meanwhile still gets its answer.
                reference=self.question.to_reference(fail_if_not_exists=False),
                mention_author=False,
            )
        self.sent += 1
        return message


@dataclass(eq=False, slots=True)
class InteractionReply:
    """The deferred message of an interaction; a message in the channel when its token no longer works."""

    interaction: discord.Interaction
    fallback: ChannelReply | None
    started: float = field(default_factory=time.monotonic)

    @property
    def expired(self) -> bool:
        """True when the token is too old to try."""
        return time.monotonic() - self.started > TOKEN_SECONDS

    async def say(self, content: str) -> None:
        if not self.expired:
            with log_failure("passing text not sent"):
                await self.interaction.edit_original_response(content=content)

    async def finish(self, pages: Sequence[Page], buttons: Buttons = ()) -> list[int]:
        """The pages in the deferred message and after it; what the token does not take goes to the channel."""
        ids: list[int] = []
        for number, page in enumerate(pages):
            last = buttons if number == len(pages) - 1 else ()
            try:
                if self.expired:
                    raise TokenExpired
                ids.append(await self.put(Outgoing("", page, page.file, last), first=number == 0))
            except (TokenExpired, *SEND_FAILURES) as error:
                log.warning("interaction lost, the channel gets the answer", extra={"failure": type(error).__name__})
                if self.fallback is None:
                    raise
                return ids + await self.fallback.finish(pages[number:], buttons)
        return ids

    async def put(self, outgoing: Outgoing, first: bool) -> int:
        """The first page replaces the deferred message, further ones are messages after it."""
        embeds, files, view = outgoing.embeds, outgoing.files, outgoing.view
        if first:
            edited = await self.interaction.edit_original_response(
                content=None, embeds=embeds, attachments=files, view=view
            )
            return edited.id
        return (await self.interaction.followup.send(embeds=embeds, files=files, wait=True, view=view)).id


Reply: TypeAlias = ChannelReply | InteractionReply
"""Where a question is answered. `say` shows a passing text (a draft, a place in the queue) instead of the previous one and
never raises; `finish` puts the final pages in its place, returns their messages' ids and may raise SEND_FAILURES."""


class TokenExpired(Exception):
    """The interaction is too old for its token to work."""


async def acknowledge(interaction: discord.Interaction) -> Reply | None:
    """Defer, which Discord wants within three seconds; if that fails the channel gets the answer, if there is one."""
    fallback = None
    if isinstance(interaction.channel, discord.abc.Messageable):
        fallback = ChannelReply(interaction.channel, str(interaction.id))
    try:
        if not interaction.response.is_done():
            await interaction.response.defer(thinking=True)
    except SEND_FAILURES as error:
        log.warning("acknowledgement failed", extra={"failure": type(error).__name__})
        return fallback
    return InteractionReply(interaction, fallback)


async def open_text_channel(client: discord.Client, channel_id: int) -> "discord.abc.MessageableChannel | None":
    """A channel that takes messages; None for another kind. Raises SEND_FAILURES, NotFound among them."""
    channel = client.get_channel(channel_id) or await client.fetch_channel(channel_id)
    return channel if isinstance(channel, discord.abc.Messageable) else None


async def sent_message(
    channel: "discord.abc.MessageableChannel", since: datetime, is_it: Callable[[discord.Message], bool]
) -> int:
    """The id of a message that was sent to this channel since then although nobody noted it, 0 for none. Raises SEND_FAILURES.

    Discord itself keeps one of two messages with one nonce, but for some minutes only. Where the channel may not be read,
    that is all there is.
    """
    try:
        # A clock that was ahead and is set right noted a moment that is still to come.
        async for message in channel.history(limit=None, after=min(since, datetime.now(UTC)) - CLOCKS_APART):
            if is_it(message):
                return message.id
    except discord.Forbidden:
        log.warning("channel not read, a message may be sent twice", extra={"channel": channel.id})
    return 0


async def persist(send: Callable[[], Awaitable[T]]) -> T:
    """Send, and again after a failure of Discord's servers or the connection. Raises what the last try raised."""
    for seconds in RETRY_AFTER:
        try:
            return await send()
        except (discord.DiscordServerError, aiohttp.ClientError, OSError) as error:
            log.warning("sending again", extra={"failure": type(error).__name__})
            await asyncio.sleep(seconds)
    return await send()


async def acknowledged_meanwhile(interaction: discord.Interaction, work: Awaitable[T]) -> T:
    """What the work gives; where it takes more than a moment, the command is acknowledged to all before Discord gives up.

    What comes of it at once may still be for the user alone: `take_back` is for what comes later. Raises what the work raises.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=ACKNOWLEDGED_WITHIN)
        if not done:
            with log_failure("acknowledgement failed"):
                await interaction.response.defer(thinking=True)
        return await task
    finally:
        task.cancel()


async def take_back(interaction: discord.Interaction) -> None:
    """Take back that all were told of an answer to come, if they were: what comes is for the user alone."""
    if interaction.response.is_done():
        with log_failure("acknowledgement not taken back"):
            await interaction.delete_original_response()


async def tell_privately(interaction: discord.Interaction, text: str) -> None:
    """A short text that only the user of an interaction sees; a failure is logged."""
    with log_failure("notice not sent"):
        if interaction.response.is_done():
            await interaction.followup.send(text, ephemeral=True, suppress_embeds=True)
        else:
            await interaction.response.send_message(text, ephemeral=True, suppress_embeds=True)


async def show_privately(interaction: discord.Interaction, *pages: Page) -> None:
    """Pages that only the user of a deferred interaction sees; a failure is logged."""
    with log_failure("pages not sent"):
        for page in pages:
            outgoing = Outgoing("", page, page.file)
            await interaction.followup.send(embeds=outgoing.embeds, files=outgoing.files, ephemeral=True, wait=True)


@contextmanager
def log_failure(message: str, **logged: object) -> Iterator[None]:
    """Log a failure to send in this block, and go on."""
    try:
        yield
    except SEND_FAILURES as error:
        log.warning(message, extra={**logged, "failure": type(error).__name__})
