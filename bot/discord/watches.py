"""Watched questions in Discord: who may watch, asking again behind people's questions, telling each change once."""

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import discord

from bot.discord.admission import Rejected, channel_ids, check_place, role_ids, wait_at_most
from bot.discord.answering import AnswerService
from bot.discord.buttons import change_buttons
from bot.discord.conversation import Place, Question
from bot.discord.metrics import Metrics
from bot.discord.render_watches import change_page
from bot.discord.replies import SEND_FAILURES, ChannelReply, open_text_channel, sent_message
from bot.discord.state import PRIVATE, today
from rag.answer import ENGLISH_ONLY, Answer
from rag.watched_questions import Changed, WatchedQuestions, as_asked_again, new_watch
from rag.watching import Arrivals
from vectorstore.errors import DatelineError
from vectorstore.watches import NEVER, Watch, WatchChange

log = logging.getLogger("dateline.watch")

LONGEST_WAIT = 30.0
"""Seconds after which one watched question is asked although people's questions never ended."""
REST = 2.0
"""Rests between two watched questions, as a multiple of what the first took: a person who asks meanwhile is seldom met by one."""
PATIENCE = 20
"""Looks during which more may arrive before what is there is asked about: one ingest arrives in many parts."""
TELL_AGAIN, LONGEST_UNTIL_AGAIN = 300.0, 6 * 3_600.0
"""Seconds until a change that could not be told is tried again, twice as many after each further failure; a restart tries at
once."""
ASKER = "asker"


@dataclass(frozen=True, slots=True)
class TellingFailure:
    """That a watch's change could not be told; `again_at` by a clock that nobody sets."""

    pause: float = TELL_AGAIN
    again_at: float = -math.inf

    def once_more(self) -> "TellingFailure":
        """After one more of them."""
        return TellingFailure(min(2 * self.pause, LONGEST_UNTIL_AGAIN), time.monotonic() + self.pause)


NO_FAILURE = TellingFailure()


@dataclass(eq=False)
class WatchService:
    """Watches questions for the channels of one client."""

    client: discord.Client
    watched: WatchedQuestions
    answers: AnswerService
    metrics: Metrics
    latest: float = NEVER
    revision: str = ""
    """The library's when all quotes were last seen to stand."""
    arrivals: tuple[tuple[float, float], Arrivals] | None = None
    """What arrived between two moments: many watches have seen the same."""
    looks_while_arriving: int = 0
    failed: dict[str, TellingFailure] = field(default_factory=dict)
    """Watches of which a change could not be told."""
    adding: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held from the check to the row: two commands at once must not both take the last place."""

    @property
    def is_on(self) -> bool:
        return self.answers.settings.discord_watch_seconds > 0

    # What people do

    async def check_may_watch(self, interaction: discord.Interaction, question: str, sources: tuple[str, ...]) -> None:
        """Raises Rejected where this user may not watch this question here."""
        if not self.is_on:
            raise Rejected("no_watching")
        guild, channel = interaction.guild_id or PRIVATE, interaction.channel_id or 0
        channels = channel_ids(channel, interaction.channel)
        check_place(self.answers.guild_settings.of(guild), channels, role_ids(interaction.user))
        watches = await self.watched.of_server(guild)
        settings = self.answers.settings
        # Where each asker is told alone, another's watch is none of theirs.
        shared = settings.discord_watch_tells != ASKER
        heard = [one for one in watches if one.channel == channel and (shared or one.user == interaction.user.id)]
        if (question.casefold(), sources) in {(one.question.casefold(), one.sources) for one in heard}:
            raise Rejected("watched_already")
        if sum(watch.user == interaction.user.id for watch in watches) >= settings.discord_watches_per_user:
            raise Rejected("watches_of_user", count=settings.discord_watches_per_user)
        if guild != PRIVATE and len(watches) >= settings.discord_watches_per_server:
            raise Rejected("watches_of_server", count=settings.discord_watches_per_server)

    async def watch(self, interaction: discord.Interaction, answer: Answer) -> str:
        """Watch an answer's question in this channel; returns the sentence that says so. Raises Rejected."""
        question, sources = answer.standalone_question or answer.question, answer.explanation.sources
        guild, channel = interaction.guild_id or PRIVATE, interaction.channel_id or 0
        if answer.refusal is not None and answer.refusal.reason == ENGLISH_ONLY:
            raise Rejected("english_only")
        async with self.adding:
            await self.check_may_watch(interaction, question, sources)
            watch = new_watch(question, guild, channel, interaction.user.id, sources)
            await self.watched.add(watch, as_asked_again(answer))
        log.info("watched", extra={"watch": watch.id, "server": guild})
        t = self.answers.guild_settings.translations(guild)
        return t.watched_for_asker if self.tells_asker(watch) else t.watched_in_channel

    async def visible(self, interaction: discord.Interaction) -> list[Watch]:
        """The server's watches that this user may see and stop: their own, an admin's all."""
        watches = await self.watched.of_server(interaction.guild_id or PRIVATE)
        everything = interaction.guild_id is not None and interaction.permissions.manage_guild
        return [watch for watch in watches if everything or watch.user == interaction.user.id]

    async def stop(self, interaction: discord.Interaction, watch_id: str) -> bool:
        """Stop a watch, False where there is none that this user may stop."""
        watch = await self.watched.find(watch_id)
        if watch is None:
            return False
        manages = watch.server == interaction.guild_id and interaction.permissions.manage_guild
        return (manages or watch.user == interaction.user.id) and bool(await self.watched.stop(watch_id))

    # What goes on in the background

    async def run(self) -> None:
        """Look for what is new, until cancelled. One failing look must not end all further ones."""
        await self.client.wait_until_ready()
        while self.is_on:
            try:
                await self.tell_changes()
                await self.look()
            except DatelineError as error:
                log.error("watched questions not looked at", extra={"failure": type(error).__name__})
            except Exception:
                log.exception("watched questions not looked at")
            await asyncio.sleep(self.answers.settings.discord_watch_seconds)

    async def look(self) -> None:
        """Ask again whatever something new is near, or whose quotes no longer stand; one question after the other."""
        library = self.answers.engine.library
        latest, revision = await library.latest_arrival(), await library.revision()
        settled = latest == self.latest or self.looks_while_arriving >= PATIENCE
        self.looks_while_arriving = 0 if settled else self.looks_while_arriving + 1
        self.latest = latest
        # No quote falls while nothing changes.
        may_have_fallen, passed_over = revision != self.revision, False
        for watch in await self.watched.of_channels():
            if not (may_have_fallen or watch.is_due(latest)):
                continue
            if not self.may_ask(watch) or not (settled or watch.is_new):
                passed_over = True
                continue
            standing = await self.watched.standing(watch)
            # What is being stored is in no answer for some seconds, and would be told of as gone.
            passed_over = passed_over or standing == "unfinished"
            if standing != "unfinished" and (standing != "stands" or await self.is_near(watch, latest)):
                passed_over = not await self.ask_again(watch, latest) or passed_over
        self.revision = "" if passed_over else revision

    async def is_near(self, watch: Watch, latest: float) -> bool:
        """True if something that a watch has not seen may change its answer."""
        if not watch.is_due(latest):
            return False
        after = latest if watch.is_new else watch.checked
        if self.arrivals is None or self.arrivals[0] != (after, latest):
            self.arrivals = ((after, latest), await self.answers.engine.library.arrivals(after))
        return await self.watched.is_near(watch, self.arrivals[1], self.answers.guild_settings.libraries(watch.server))

    async def ask_again(self, watch: Watch, latest: float) -> bool:
        """Ask one question while nobody else's is waiting, and tell what changed; False where it is to be asked again."""
        # People's questions first.
        await wait_at_most(self.answers.queue.empty, LONGEST_WAIT)
        began = time.perf_counter()
        libraries = self.answers.guild_settings.libraries(watch.server)
        was_answered = await self.watched.ask_again(watch, latest, libraries, today())
        self.metrics.watched_asked.inc()
        await self.tell_changes()
        await asyncio.sleep(REST * (time.perf_counter() - began))
        return was_answered

    def may_ask(self, watch: Watch) -> bool:
        """False for a server that the bot does not see just now, and where the day's budget is spent."""
        budget = self.answers.settings.discord_watch_budget
        return self.sees(watch.server) and (not budget or watch.asked_on(today()) < budget)

    def sees(self, server: int) -> bool:
        """False during a server's outage, when its channels and members seem to be gone."""
        guild = self.client.get_guild(server)
        return server == PRIVATE or (guild is not None and not guild.unavailable)

    async def tell_changes(self) -> None:
        """Tell what changed and is not told yet, each watch's in its order: the last word must be what is true now."""
        by_watch: dict[str, list[WatchChange]] = {}
        for change in await self.watched.untold():
            by_watch.setdefault(change.watch.id, []).append(change)
        for watch_id, changes in by_watch.items():
            watch, failure = changes[0].watch, self.failed.get(watch_id, NO_FAILURE)
            if time.monotonic() < failure.again_at or not self.sees(watch.server):
                continue
            try:
                await self.tell(changes)
                self.failed.pop(watch_id, None)
            except discord.NotFound:
                log.warning("watch stopped, its channel is gone", extra={"watch": watch_id})
                await self.watched.stop(watch_id)
            except SEND_FAILURES as error:
                self.failed[watch_id] = failure.once_more()
                if isinstance(error, discord.HTTPException) and 400 <= error.status < 500:
                    # Discord says that it took nothing.
                    await self.watched.note_try(changes[0], came_through=False)
                self.metrics.send_errors.inc()
                log.error("change not told", extra={"watch": watch_id, "failure": type(error).__name__})

    async def tell(self, changes: Sequence[WatchChange]) -> None:
        """Tell a watch's changes as one, unless a try that was killed before it was noted came through, or what is said now is
        what was said before them. Where they may not be told just now they wait. Raises SEND_FAILURES."""
        channel = await self.open_channel(changes[0].watch)
        if channel is None:
            return
        first = await self.watched.changed(changes[0])
        # Where others follow, it does not matter whether it came through unseen: what is said now is told in any case.
        if changes[0].tried and first and (len(changes) > 1 or await is_shown_in(channel, first)):
            await self.watched.note_told(changes[0])
            changes = changes[1:]
        change = await self.watched.joined(changes)
        changed = None if change is None else await self.watched.changed(change)
        if change is not None and changed is not None:
            await self.watched.note_try(change)
            await self.send(change, changed, channel)

    async def send(self, change: WatchChange, changed: Changed, channel: "discord.abc.MessageableChannel") -> None:
        """Send a change and note that it is told; then store its answer, for the buttons and for replies to it."""
        watch = change.watch
        question = Question(watch.question, watch.user, Place(channel_guild(channel), channel.id))
        # Its buttons can be pressed before it is stored.
        self.answers.history.cache(changed.after, question)
        t = self.answers.guild_settings.translations(watch.server)
        # In a private message a server's articles are not looked up again, and no question is taken where those are off.
        askable = not isinstance(channel, discord.DMChannel) or watch.server == PRIVATE
        buttons = change_buttons(changed.after, watch.id, t, askable)
        # Its key makes Discord keep one of two messages when a try that seemed to fail came through.
        reply = ChannelReply(channel, f"{watch.id}-{changed.after.id}")
        messages = await reply.finish([change_page(watch.question, changed, t)], buttons)
        await self.watched.note_told(change)
        self.metrics.changes_told.inc()
        log.info("change told", extra={"watch": watch.id, "answer_id": changed.after.id, "server": watch.server})
        # What nobody asked just now is no gap of the library.
        if not changed.after.refused:
            await self.answers.history.store(changed.after, question, messages)

    def tells_asker(self, watch: Watch) -> bool:
        return self.answers.settings.discord_watch_tells == ASKER and watch.server != PRIVATE

    async def open_channel(self, watch: Watch) -> "discord.abc.MessageableChannel | None":
        """Where a change is told; None where that is not wanted just now. Raises SEND_FAILURES."""
        if self.tells_asker(watch):
            guild = self.client.get_guild(watch.server)
            if guild is not None:
                # Whoever left the server must not go on reading its articles. Raises NotFound.
                await guild.fetch_member(watch.user)
            return await self.client.create_dm(discord.Object(watch.user))
        channel = await open_text_channel(self.client, watch.channel)
        settings = self.answers.guild_settings.of(watch.server)
        try:
            # Roles were checked when the question was asked.
            check_place(settings, channel_ids(watch.channel, channel), set(settings.roles))
        except Rejected:
            return None
        return channel


def channel_guild(channel: "discord.abc.MessageableChannel") -> int:
    return PRIVATE if channel.guild is None else channel.guild.id


async def is_shown_in(channel: "discord.abc.MessageableChannel", changed: Changed) -> bool:
    """True if a message of this channel shows the changed answer: its buttons carry the answer's id."""

    def shows(message: discord.Message) -> bool:
        rows = [row for row in message.components if isinstance(row, discord.ActionRow)]
        ids = [getattr(button, "custom_id", None) or "" for row in rows for button in row.children]
        return any(custom_id.endswith((f":{changed.after.id}", f"-{changed.after.id}")) for custom_id in ids)

    return bool(await sent_message(channel, changed.found_after, shows))
