"""Where an answer goes: an interaction's message or a reply in a channel, each falling back to what still works."""

import asyncio
import io
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias, TypeVar

import aiohttp
import discord

from bot.discord.buttons import Buttons
from bot.discord.render import Page, plain_messages

log = logging.getLogger("dateline.bot")
T = TypeVar("T")

SEND_FAILURES = (discord.HTTPException, discord.RateLimited, aiohttp.ClientError, OSError)
"""Everything that sending can raise; 503 is not retried by discord.py, connection errors neither."""
TOKEN_SECONDS = 14.5 * 60
"""An interaction's token dies after 15 minutes."""
RETRY_AFTER = (0.5, 2.0)

Channel: TypeAlias = discord.abc.Messageable


class Reply(Protocol):
    """One question's place to answer."""

    async def say(self, content: str) -> None:
        """Show a passing text, a draft or a place in the queue, instead of the one before."""
        ...

    async def finish(self, pages: Sequence[Page], buttons: Buttons | None) -> list[int]:
        """Show the final pages in its place; returns the ids of their messages, none when nothing could be sent."""
        ...


class ChannelReply:
    """Messages in a channel: the first refers to the question, edits go to it, further pages follow it."""

    def __init__(self, channel: Channel, key: str, question: discord.Message | None = None, intro: str = "") -> None:
        self.channel = channel
        self.key = key
        self.question = question
        self.intro = intro
        self.message: discord.Message | None = None
        self.sent = 0

    async def say(self, content: str) -> None:
        """Send or edit the first message; a passing text that Discord does not take is let go."""
        try:
            if self.message is None:
                self.message = await self.send(0, content, None, "", None)
                self.sent = 1
            else:
                await self.message.edit(content=content)
        except SEND_FAILURES as error:
            log.warning("passing text not sent", extra={"failure": type(error).__name__})

    async def finish(self, pages: Sequence[Page], buttons: Buttons | None) -> list[int]:
        """Every page, the buttons on the last; without embeds where they are not allowed."""
        permissions = permissions_in(self.channel)
        ids: list[int] = []
        for number, page in enumerate(pages):
            last = buttons if number == len(pages) - 1 else None
            file = page.file if permissions is None or permissions.attach_files else ""
            if permissions is None or permissions.embed_links:
                ids.append(await self.put("", page, file, last))
                continue
            intro = [self.intro] if self.intro and number == 0 else []
            *texts, ending = [*intro, *plain_messages(page)]
            ids += [await self.put(text, None, "", None) for text in texts]
            ids.append(await self.put(ending, None, file, last))
        return ids

    async def put(self, content: str, page: Page | None, file: str, buttons: Buttons | None) -> int:
        """A final message: in the place of the passing one if there is one, else a new one."""
        if page is not None and self.sent == 0:
            content = self.intro
        if self.message is not None:
            passing, self.message = self.message, None
            try:
                edited = await persist(
                    lambda: passing.edit(
                        content=content or None,
                        embed=embed_of(page) if page else None,
                        attachments=[file_of(file, page)] if file else [],
                        view=view_of(buttons),
                    )
                )
            except discord.NotFound:
                log.info("the passing message is gone, the answer goes into a new one")
            else:
                return edited.id
        number = self.sent
        message = await persist(lambda: self.send(number, content, page, file, buttons))
        self.sent += 1
        return message.id

    async def send(
        self, number: int, content: str, page: Page | None, file: str, buttons: Buttons | None
    ) -> discord.Message:
        """The message of this number; the nonce makes Discord keep one of two when a failed try came through."""
        nonce = f"{self.key}-{number}"[-25:]
        embeds = [embed_of(page)] if page else []
        files = [file_of(file, page)] if file else []
        view = view_of(buttons)
        if self.question is None or number:
            return await self.channel.send(content or None, nonce=nonce, embeds=embeds, files=files, view=view)
        # A question that was deleted meanwhile still gets its answer.
        question = self.question.to_reference(fail_if_not_exists=False)
        return await self.channel.send(
            content or None,
            nonce=nonce,
            embeds=embeds,
            files=files,
            view=view,
            reference=question,
            mention_author=False,
        )


class InteractionReply:
    """The deferred message of an interaction; a message in the channel when its token no longer works."""

    def __init__(self, interaction: discord.Interaction, fallback: ChannelReply | None) -> None:
        self.interaction = interaction
        self.fallback = fallback
        self.started = time.monotonic()

    @property
    def expired(self) -> bool:
        """Whether the token is too old to try."""
        return time.monotonic() - self.started > TOKEN_SECONDS

    async def say(self, content: str) -> None:
        """Edit the deferred message; a passing text that Discord does not take is let go."""
        if self.expired:
            return
        try:
            await self.interaction.edit_original_response(content=content)
        except SEND_FAILURES as error:
            log.warning("passing text not sent", extra={"failure": type(error).__name__})

    async def finish(self, pages: Sequence[Page], buttons: Buttons | None) -> list[int]:
        """The pages in the deferred message and behind it; what the token does not take goes to the channel."""
        ids: list[int] = []
        for number, page in enumerate(pages):
            last = buttons if number == len(pages) - 1 else None
            try:
                if self.expired:
                    raise TokenExpired
                ids.append(await self.put(page, last, first=number == 0))
            except (TokenExpired, *SEND_FAILURES) as error:
                log.warning("interaction lost, the channel gets the answer", extra={"failure": type(error).__name__})
                if self.fallback is None:
                    raise
                return ids + await self.fallback.finish(pages[number:], buttons)
        return ids

    async def put(self, page: Page, buttons: Buttons | None, first: bool) -> int:
        """One final page."""
        view = view_of(buttons)
        if first:
            files = [file_of(page.file, page)] if page.file else []
            edited = await self.interaction.edit_original_response(
                content=None, embed=embed_of(page), attachments=files, view=view
            )
            return edited.id
        files = [file_of(page.file, page)] if page.file else []
        sent = await self.interaction.followup.send(embed=embed_of(page), files=files, wait=True, view=view)
        return sent.id


class TokenExpired(Exception):
    """The interaction is too old for its token to work."""


async def persist(send: Callable[[], Awaitable[T]]) -> T:
    """Send, and again after a failure of Discord's servers or the connection. Raises what the last try raised."""
    for seconds in RETRY_AFTER:
        try:
            return await send()
        except (discord.DiscordServerError, aiohttp.ClientError, OSError) as error:
            log.warning("sending again", extra={"failure": type(error).__name__})
            await asyncio.sleep(seconds)
    return await send()


async def tell_privately(interaction: discord.Interaction, text: str) -> None:
    """A short text that only the user of an interaction sees; a failure is logged."""
    try:
        if interaction.response.is_done():
            await interaction.followup.send(text, ephemeral=True)
        else:
            await interaction.response.send_message(text, ephemeral=True)
    except SEND_FAILURES as error:
        log.warning("notice not sent", extra={"failure": type(error).__name__})


async def show_privately(interaction: discord.Interaction, pages: Sequence[Page]) -> None:
    """Pages that only the user of a deferred interaction sees; a failure is logged."""
    try:
        for page in pages:
            files = [file_of(page.file, page)] if page.file else []
            await interaction.followup.send(embed=embed_of(page), files=files, ephemeral=True, wait=True)
    except SEND_FAILURES as error:
        log.warning("pages not sent", extra={"failure": type(error).__name__})


def permissions_in(channel: Channel) -> discord.Permissions | None:
    """What the bot may do in a channel of a server; None where that is not known."""
    if isinstance(channel, discord.abc.GuildChannel | discord.Thread) and channel.guild.me is not None:
        try:
            return channel.permissions_for(channel.guild.me)
        except discord.ClientException:
            # A thread whose parent is not known.
            return None
    return None


def embed_of(page: Page) -> discord.Embed:
    """A page as Discord's embed."""
    embed = discord.Embed(title=page.title or None, description=page.body or None, colour=page.colour)
    for field in page.fields:
        embed.add_field(name=field.name, value=field.value, inline=False)
    if page.footer:
        embed.set_footer(text=page.footer)
    return embed


def file_of(text: str, page: Page | None) -> discord.File:
    """A text as an attached file."""
    return discord.File(io.BytesIO(text.encode()), page.file_name if page else "answer.txt")


def view_of(buttons: Buttons | None) -> discord.ui.View:
    """The buttons as a view that discord.py does not keep: presses are routed by their custom id alone."""
    view = discord.ui.View(timeout=None)
    for button in buttons or ():
        style = discord.ButtonStyle.primary if button.primary else discord.ButtonStyle.secondary
        view.add_item(discord.ui.Button(label=button.label[:80], custom_id=button.custom_id, style=style))
    # A stopped view is not stored by discord.py: thousands of answers would otherwise stay in memory.
    view.stop()
    return view
