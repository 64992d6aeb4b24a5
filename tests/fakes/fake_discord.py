"""A Discord of our own on loopback: REST and gateway as a bot sees them, faults to order, limits enforced."""

import asyncio
import contextlib
import json
import re
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import WSMsgType, web

Json = dict[str, object]

APPLICATION = 900
BOT = 900
OWNER = 1
PERMISSIONS = 309237763072
ATTACH_FILES, READ_MESSAGE_HISTORY = 1 << 15, 1 << 16
EVERYTHING = (1 << 46) - 1
DISCORD_EPOCH = 1_420_070_400_000
"""Milliseconds from which ids count: the beginning of 2015."""


def number(value: object) -> int:
    """A snowflake as Discord writes it."""
    return int(str(value))


def user_json(user_id: int, bot: bool = False) -> Json:
    return {
        "id": str(user_id),
        "username": f"user{user_id}",
        "discriminator": "0",
        "global_name": None,
        "avatar": None,
        "bot": bot,
    }


def member_json(user_id: int, roles: Sequence[int] = (), permissions: int = 0, bot: bool = False) -> Json:
    return {
        "user": user_json(user_id, bot),
        "nick": None,
        "avatar": None,
        "roles": [str(role) for role in roles],
        "joined_at": "2025-01-01T00:00:00+00:00",
        "deaf": False,
        "mute": False,
        "flags": 0,
        "permissions": str(permissions),
    }


def role_json(role_id: int, permissions: int) -> Json:
    return {
        "id": str(role_id),
        "name": f"role-{role_id}",
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "position": 0,
        "permissions": str(permissions),
        "managed": False,
        "mentionable": False,
        "flags": 0,
    }


def text_length(text: object) -> int:
    """Length as the strictest reading of Discord's limits counts it: UTF-16 units."""
    return len(str(text or "").encode("utf-16-le", "surrogatepass")) // 2


def embed_problems(embeds: Sequence[Json]) -> list[str]:
    """Every limit on embeds that these break, by name."""
    problems, total = [], 0
    if len(embeds) > 10:
        problems.append("more than 10 embeds")
    for embed in embeds:
        fields = list(embed.get("fields") or [])
        footer = embed.get("footer") or {}
        parts = [("title", embed.get("title"), 256), ("description", embed.get("description"), 4096)]
        parts.append(("footer", footer.get("text"), 2048))
        parts.append(("author", (embed.get("author") or {}).get("name"), 256))
        for shown in fields:
            parts += [("field name", shown["name"], 256), ("field value", shown["value"], 1024)]
            if not str(shown["name"]).strip() or not str(shown["value"]).strip():
                problems.append("an empty field")
        if len(fields) > 25:
            problems.append("more than 25 fields")
        for name, text, limit in parts:
            total += text_length(text)
            if text_length(text) > limit:
                problems.append(f"{name} of {text_length(text)}")
    if total > 6000:
        problems.append(f"{total} over all embeds")
    return problems


def message_problems(payload: Json, files: int) -> list[str]:
    """Every limit of a message that this breaks, by name."""
    embeds = list(payload.get("embeds") or [])
    problems = embed_problems(embeds)
    if text_length(payload.get("content")) > 2000:
        problems.append(f"content of {text_length(payload.get('content'))}")
    if not str(payload.get("content") or "").strip() and not embeds and not files:
        problems.append("an empty message")
    for row in list(payload.get("components") or []):
        for button in row.get("components", []):
            if text_length(button.get("custom_id")) > 100 or text_length(button.get("label")) > 80:
                problems.append("a button too long")
    return problems


@dataclass
class Fault:
    """Answer the next `times` requests that match with this instead of doing anything."""

    method: str
    path: str
    status: int
    times: int = 1
    body: Json = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    hits: int = 0
    after_doing: bool = False


def too_many_requests(method: str, path: str, retry_after: float = 0.05, times: int = 1) -> Fault:
    """A 429 as Discord's own edge sends it; without Via, discord.py takes it for a ban."""
    body: Json = {"message": "You are being rate limited.", "retry_after": retry_after, "global": False}
    return Fault(method, path, 429, times, body, {"Via": "1.1 standin"})


@dataclass
class Request:
    """One REST request as it arrived."""

    method: str
    path: str
    payload: Json
    files: dict[str, bytes]
    at: float
    status: int = 0


@dataclass
class Guild:
    """A server: the bot's permissions in it, its channels and threads."""

    id: int
    channels: list[Json] = field(default_factory=list)
    threads: list[Json] = field(default_factory=list)
    permissions: int = PERMISSIONS
    withheld: bool = False
    """Never told of, as during an outage."""
    roles: list[int] = field(default_factory=lambda: [701, 702])
    left: set[int] = field(default_factory=set)
    """Users who are members no more."""
    system_channel: int = 0
    """Where Discord itself tells of what happens in the server, 0 for nowhere."""


@dataclass
class Session:
    """One gateway session: everything sent in it, so that RESUME can send again."""

    id: str
    sequence: int = 0
    sent: list[Json] = field(default_factory=list)
    socket: web.WebSocketResponse | None = None


@dataclass
class Interaction:
    """An interaction that was sent, and what the bot did with it."""

    id: int
    token: str
    type: int
    channel: int
    sent_at: float
    callback: Json | None = None
    acknowledged_at: float = 0.0
    original: int | None = None
    deferred: bool = False
    ephemeral: bool = False
    finished: bool = False
    messages: list[int] = field(default_factory=list)


class FakeDiscord:
    """The server. `async with FakeDiscord() as discord:` runs it on a free loopback port."""

    def __init__(self) -> None:
        self.guilds: dict[int, Guild] = {}
        self.private_channels: dict[int, int] = {}
        self.messages: dict[int, Json] = {}
        self.requests: list[Request] = []
        self.refused: list[str] = []
        self.faults: list[Fault] = []
        self.interactions: dict[str, Interaction] = {}
        self.expired: set[str] = set()
        self.commands: list[Json] = []
        self.syncs = 0
        self.sessions: dict[str, Session] = {}
        self.identifies: list[Json] = []
        self.resumes: list[Json] = []
        self.heartbeats = 0
        self.close_on_identify = 0
        self.invalid_token = False
        self.token = ""
        """The only token that is let in; any, when empty."""
        self.refuse_gateway = 0
        self.application_flags = 0
        self.files: dict[str, bytes] = {}
        self.changed = asyncio.Condition()
        self.last_id = 0
        self.nonces: dict[str, int] = {}
        self.typing: defaultdict[int, int] = defaultdict(int)
        self.keep_requests = True

    async def __aenter__(self) -> "FakeDiscord":
        application = web.Application(client_max_size=32 * 2**20)
        application.router.add_route("GET", "/gateway", self.gateway)
        application.router.add_route("GET", "/files/{name}", self.file)
        application.router.add_route("*", "/api/{path:.*}", self.rest)
        self.runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.port = self.runner.addresses[0][1]
        return self

    async def __aexit__(self, *_details: object) -> None:
        for session in self.sessions.values():
            if session.socket is not None:
                await session.socket.close(code=1001)
        await self.runner.cleanup()

    @property
    def api_base(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def gateway_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/gateway"

    # What a test sets up

    def new_id(self) -> int:
        """Later ids are larger, and tell when they were given, as Discord's do."""
        self.last_id = max(self.last_id + 1, (time.time_ns() // 1_000_000 - DISCORD_EPOCH) << 22)
        return self.last_id

    def add_guild(self, guild_id: int, channels: Sequence[int], permissions: int = PERMISSIONS) -> Guild:
        guild = Guild(guild_id, permissions=permissions)
        for channel_id in channels:
            guild.channels.append(self.channel_json(channel_id, guild_id))
        self.guilds[guild_id] = guild
        return guild

    def channel_json(self, channel_id: int, guild_id: int) -> Json:
        return {
            "id": str(channel_id),
            "type": 0,
            "guild_id": str(guild_id),
            "name": f"channel-{channel_id}",
            "position": 0,
            "permission_overwrites": [],
            "parent_id": None,
            "nsfw": False,
            "topic": None,
            "last_message_id": None,
            "rate_limit_per_user": 0,
        }

    def thread_json(self, thread_id: int, parent_id: int, guild_id: int, owner_id: int, name: str) -> Json:
        return {
            "id": str(thread_id),
            "type": 11,
            "guild_id": str(guild_id),
            "parent_id": str(parent_id),
            "owner_id": str(owner_id),
            "name": name,
            "last_message_id": None,
            "message_count": 0,
            "member_count": 1,
            "rate_limit_per_user": 0,
            "flags": 0,
            "thread_metadata": {
                "archived": False,
                "auto_archive_duration": 1440,
                "archive_timestamp": "2025-01-01T00:00:00+00:00",
                "locked": False,
            },
        }

    def add_thread(self, guild_id: int, parent_id: int, owner_id: int = OWNER, thread_id: int | None = None) -> int:
        """A thread that exists before the bot connects."""
        thread_id = thread_id or self.new_id()
        self.guilds[guild_id].threads.append(self.thread_json(thread_id, parent_id, guild_id, owner_id, "thread"))
        return thread_id

    def guild_of(self, channel_id: int) -> int | None:
        for guild in self.guilds.values():
            if any(number(channel["id"]) == channel_id for channel in [*guild.channels, *guild.threads]):
                return guild.id
        return None

    def find_channel(self, channel_id: int) -> Json:
        for guild in self.guilds.values():
            for channel in [*guild.channels, *guild.threads]:
                if number(channel["id"]) == channel_id:
                    return channel
        recipient = self.private_channels[channel_id]
        return {"id": str(channel_id), "type": 1, "recipients": [user_json(recipient)], "last_message_id": None}

    def private_channel(self, user: int) -> int:
        """The private channel with a user, opened where there is none."""
        known = [channel for channel, recipient in self.private_channels.items() if recipient == user]
        if not known:
            self.private_channels[channel := self.new_id()] = user
            return channel
        return known[0]

    # What users do

    async def say(
        self,
        channel_id: int,
        content: str,
        user: int = 11,
        mention: bool = True,
        reply_to: int | None = None,
        roles: Sequence[int] = (),
        **overrides: object,
    ) -> int:
        """A user writes a message; returns its id."""
        message = self.message_json(channel_id, user_json(user), content)
        if mention:
            message["content"] = f"<@{BOT}> {content}"
            message["mentions"] = [user_json(BOT, bot=True)]
        guild_id = self.guild_of(channel_id)
        if guild_id is not None:
            message["guild_id"] = str(guild_id)
            member = member_json(user, roles)
            del member["user"], member["permissions"]
            message["member"] = member
        if reply_to is not None:
            message["type"] = 19
            message["message_reference"] = {"type": 0, "message_id": str(reply_to), "channel_id": str(channel_id)}
            message["referenced_message"] = self.messages.get(reply_to)
        message.update(overrides)
        self.messages[number(message["id"])] = message
        await self.dispatch("MESSAGE_CREATE", message)
        return number(message["id"])

    async def slash(
        self,
        name: str,
        options: dict[str, object] | None = None,
        user: int = 11,
        channel: int = 501,
        roles: Sequence[int] = (),
        permissions: int = 0,
        resolved: Json | None = None,
        complete: str | None = None,
    ) -> Interaction:
        """A user runs a command ("library add" for a subcommand); `complete` names the option being typed."""
        types = {str: 3, int: 4, bool: 5}
        given: list[Json] = [
            {"name": key, "type": types[type(value)], "value": value, "focused": key == complete}
            for key, value in (options or {}).items()
            if not isinstance(value, Option)
        ]
        given += [
            {"name": key, "type": value.type, "value": value.value}
            for key, value in (options or {}).items()
            if isinstance(value, Option)
        ]
        top, *below = name.split()
        for subcommand in reversed(below):
            given = [{"name": subcommand, "type": 1, "options": given}]
        data: Json = {"id": str(self.new_id()), "name": top, "type": 1, "options": given}
        if resolved is not None:
            data["resolved"] = resolved
        kind = 4 if complete else 2
        return await self.interact(kind, data, user, channel, roles, permissions)

    async def press(self, message_id: int, custom_id: str, user: int = 11, permissions: int = 0) -> Interaction:
        """A user presses a button of a message."""
        message = self.messages[message_id]
        data: Json = {"custom_id": custom_id, "component_type": 2}
        channel = number(message["channel_id"])
        return await self.interact(3, data, user, channel, (), permissions, message=message)

    async def submit(self, custom_id: str, fields: dict[str, str], user: int = 11, channel: int = 501) -> Interaction:
        """A user sends a modal off."""
        rows = [
            {"type": 1, "components": [{"type": 4, "custom_id": key, "value": value}]} for key, value in fields.items()
        ]
        return await self.interact(5, {"custom_id": custom_id, "components": rows}, user, channel)

    async def interact(
        self,
        kind: int,
        data: Json,
        user: int,
        channel: int,
        roles: Sequence[int] = (),
        permissions: int = 0,
        message: Json | None = None,
    ) -> Interaction:
        interaction_id = self.new_id()
        now = asyncio.get_running_loop().time()
        interaction = Interaction(interaction_id, f"token-{interaction_id}", kind, channel, now)
        self.interactions[interaction.token] = interaction
        guild_id = self.guild_of(channel)
        payload: Json = {
            "id": str(interaction_id),
            "application_id": str(APPLICATION),
            "type": kind,
            "token": interaction.token,
            "version": 1,
            "attachment_size_limit": 10_485_760,
            "channel": self.find_channel(channel),
            "channel_id": str(channel),
            "authorizing_integration_owners": {},
            "entitlements": [],
            "locale": "en-US",
            "context": 0 if guild_id else 1,
            "app_permissions": str(PERMISSIONS),
            "data": data,
        }
        if guild_id is None:
            payload["user"] = user_json(user)
        else:
            payload["guild_id"] = str(guild_id)
            payload["guild_locale"] = "en-US"
            payload["member"] = member_json(user, roles, permissions)
        if message is not None:
            payload["message"] = message
        await self.dispatch("INTERACTION_CREATE", payload)
        return interaction

    # What a test waits for

    async def until(self, happened: Callable[[], object], seconds: float = 20.0) -> None:
        """Wait until something is true: looked at after every request, and now and then for what is not one."""
        async with asyncio.timeout(seconds):
            while not happened():
                async with self.changed:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self.changed.wait(), 0.02)

    async def tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    def answers_to(self, message_id: int) -> list[Json]:
        """What the bot wrote in reply to a message."""
        found = []
        for message in self.messages.values():
            reference = message.get("message_reference")
            if isinstance(reference, dict) and number(reference["message_id"]) == message_id and self.by_bot(message):
                found.append(message)
        return found

    def by_bot(self, message: Json) -> bool:
        author = message["author"]
        return isinstance(author, dict) and number(author["id"]) == BOT

    def bot_messages(self, channel_id: int) -> list[Json]:
        """Everything the bot wrote in a channel that others can read there, oldest first."""
        return [
            message
            for message in self.messages.values()
            if number(message["channel_id"]) == channel_id and self.by_bot(message) and not message.get("loading")
        ]

    async def answered(self, interaction: Interaction, seconds: float = 20.0) -> Json:
        """The interaction's own message, once it is more than «thinking»."""
        await self.until(lambda: interaction.finished, seconds)
        assert interaction.original is not None
        return self.messages[interaction.original]

    # Gateway

    @property
    def connected(self) -> list[Session]:
        return [
            session for session in self.sessions.values() if session.socket is not None and not session.socket.closed
        ]

    async def dispatch(self, event: str, data: object) -> None:
        """Send an event in every session; a session whose socket is gone gets it on RESUME."""
        for session in list(self.sessions.values()):
            await self.send_event(session, event, data)

    async def send_event(self, session: Session, event: str, data: object) -> None:
        session.sequence += 1
        payload: Json = {"op": 0, "t": event, "s": session.sequence, "d": data}
        session.sent.append(payload)
        del session.sent[:-200]
        if session.socket is not None and not session.socket.closed:
            with contextlib.suppress(ConnectionError):
                await session.socket.send_str(json.dumps(payload))

    async def send_raw(self, payload: Json) -> None:
        """Send an op, or an event of another shape, to every open socket."""
        for session in self.connected:
            assert session.socket is not None
            await session.socket.send_str(json.dumps(payload))

    async def drop(self, code: int = 4000) -> None:
        """Close every socket; the sessions stay and can be resumed."""
        for session in self.connected:
            assert session.socket is not None
            await session.socket.close(code=code)

    async def gateway(self, request: web.Request) -> web.StreamResponse:
        if self.refuse_gateway:
            self.refuse_gateway -= 1
            return web.Response(status=503)
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        await socket.send_str(json.dumps({"op": 10, "d": {"heartbeat_interval": 41_250}, "s": None, "t": None}))
        session: Session | None = None
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT:
                break
            message = json.loads(frame.data)
            if message["op"] == 1:
                self.heartbeats += 1
                await socket.send_str(json.dumps({"op": 11, "d": None, "s": None, "t": None}))
            elif message["op"] == 2:
                self.identifies.append(message["d"])
                if self.token and message["d"]["token"] != self.token:
                    await socket.close(code=4004)
                    break
                if self.close_on_identify:
                    await socket.close(code=self.close_on_identify)
                    break
                session = await self.identify(socket, message["d"])
            elif message["op"] == 6:
                self.resumes.append(message["d"])
                session = await self.resume(socket, message["d"])
        if session is not None and session.socket is socket:
            session.socket = None
        await self.tell()
        return socket

    async def identify(self, socket: web.WebSocketResponse, data: Json) -> Session:
        self.sessions.clear()
        session = Session(f"session-{self.new_id()}", socket=socket)
        self.sessions[session.id] = session
        ready: Json = {
            "v": 10,
            "user": user_json(BOT, bot=True),
            "guilds": [{"id": str(guild_id), "unavailable": True} for guild_id in self.guilds],
            "session_id": session.id,
            "resume_gateway_url": self.gateway_url,
            "shard": data.get("shard", [0, 1]),
            "application": {"id": str(APPLICATION), "flags": self.application_flags},
        }
        await self.send_event(session, "READY", ready)
        for guild in self.guilds.values():
            if not guild.withheld:
                await self.send_event(session, "GUILD_CREATE", self.guild_json(guild))
        await self.tell()
        return session

    async def resume(self, socket: web.WebSocketResponse, data: Json) -> Session | None:
        session = self.sessions.get(str(data["session_id"]))
        if session is None:
            await socket.send_str(json.dumps({"op": 9, "d": False, "s": None, "t": None}))
            return None
        session.socket = socket
        for payload in session.sent:
            if number(payload["s"]) > number(data["seq"]):
                await socket.send_str(json.dumps(payload))
        await self.send_event(session, "RESUMED", {})
        await self.tell()
        return session

    def guild_json(self, guild: Guild) -> Json:
        return {
            "id": str(guild.id),
            "name": f"guild-{guild.id}",
            "icon": None,
            "owner_id": str(OWNER),
            "roles": [role_json(guild.id, guild.permissions), *(role_json(role, 0) for role in guild.roles)],
            "emojis": [],
            "stickers": [],
            "features": [],
            "channels": guild.channels,
            "threads": guild.threads,
            "members": [member_json(BOT, bot=True)],
            "member_count": 2,
            "voice_states": [],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
            "large": False,
            "unavailable": False,
            "joined_at": "2025-01-01T00:00:00+00:00",
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "nsfw_level": 0,
            "premium_tier": 0,
            "preferred_locale": "en-US",
            "system_channel_id": str(guild.system_channel) if guild.system_channel else None,
            "rules_channel_id": None,
            "afk_channel_id": None,
            "afk_timeout": 300,
            "application_id": None,
        }

    # REST

    async def file(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files[request.match_info["name"]])

    async def rest(self, request: web.Request) -> web.Response:
        path = "/" + request.match_info["path"]
        payload, files = await read_body(request)
        if request.method == "GET":
            payload = dict(request.query)
        seen = Request(request.method, path, payload, files, asyncio.get_running_loop().time())
        if self.keep_requests:
            self.requests.append(seen)
        if self.token and request.headers.get("Authorization", f"Bot {self.token}") != f"Bot {self.token}":
            response = reply({"code": 0, "message": "401: Unauthorized"}, 401)
        else:
            response = await self.answer(request.method, path, payload, files)
        seen.status = response.status
        await self.tell()
        return response

    async def answer(self, method: str, path: str, payload: Json, files: dict[str, bytes]) -> web.Response:
        for fault in self.faults:
            if fault.hits < fault.times and fault.method == method and re.fullmatch(fault.path, path):
                fault.hits += 1
                await asyncio.sleep(fault.delay)
                if fault.after_doing:
                    await self.do(method, path, payload, files)
                if fault.status:
                    return reply(fault.body, fault.status, fault.headers)
                break
        return await self.do(method, path, payload, files)

    async def do(self, method: str, path: str, payload: Json, files: dict[str, bytes]) -> web.Response:
        parts = path.strip("/").split("/")
        match (method, *parts):
            case ("GET", "users", "@me"):
                if self.invalid_token:
                    return reply({"code": 0, "message": "401: Unauthorized"}, 401)
                return reply(user_json(BOT, bot=True))
            case ("POST", "users", "@me", "channels"):
                return reply(self.find_channel(self.private_channel(number(payload["recipient_id"]))))
            case ("GET", "guilds", guild, "members", user):
                if number(user) in self.guilds[number(guild)].left:
                    return reply({"code": 10007, "message": "Unknown Member"}, 404)
                return reply(member_json(number(user)))
            case ("GET", "oauth2", "applications", "@me"):
                return reply(self.application_json())
            case ("GET", "gateway", "bot"):
                limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
                return reply({"url": self.gateway_url, "shards": 1, "session_start_limit": limit})
            case ("PUT", "applications", _, "commands") | ("PUT", "applications", _, "guilds", _, "commands"):
                return self.sync(payload)
            case ("POST", "interactions", _, token, "callback"):
                return self.call_back(token, payload, files)
            case ("POST", "webhooks", _, token):
                return self.follow_up(token, payload, files)
            case (_, "webhooks", _, token, "messages", message):
                return self.interaction_message(method, token, message, payload, files)
            case ("POST", "channels", channel, "messages"):
                return self.create_message(int(channel), payload, files)
            case ("POST", "channels", channel, "typing"):
                self.typing[int(channel)] += 1
                return web.Response(status=204)
            case ("POST", "channels", channel, "messages", message, "threads"):
                return await self.start_thread(int(channel), int(message), payload)
            case (_, "channels", _, "messages", message):
                return self.change_message(method, int(message), payload, files)
            case ("GET", "channels", channel):
                if self.guild_of(int(channel)) is None and int(channel) not in self.private_channels:
                    return reply({"code": 10003, "message": "Unknown Channel"}, 404)
                return reply(self.find_channel(int(channel)))
            case ("GET", "channels", channel, "messages"):
                after = number(payload.get("after") or 0)
                found = [
                    one for one in self.messages.values() if one["channel_id"] == channel and number(one["id"]) > after
                ]
                return reply(found[::-1])
        return reply({"code": 0, "message": f"404: Not Found {method} {path}"}, 404)

    def application_json(self) -> Json:
        return {
            "id": str(APPLICATION),
            "name": "dateline",
            "description": "",
            "icon": None,
            "bot_public": True,
            "bot_require_code_grant": False,
            "owner": user_json(OWNER),
            "verify_key": "0" * 64,
            "flags": self.application_flags,
        }

    def sync(self, payload: Json) -> web.Response:
        self.syncs += 1
        self.commands = [
            {
                "default_member_permissions": None,
                **command,
                "id": str(self.new_id()),
                "application_id": str(APPLICATION),
                "version": "1",
            }
            for command in payload["list"]
        ]
        return reply(self.commands)

    def message_json(self, channel_id: int, author: Json, content: str = "") -> Json:
        return {
            "id": str(self.new_id()),
            "channel_id": str(channel_id),
            "author": author,
            "content": content,
            "timestamp": datetime.now(UTC).isoformat(),
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "components": [],
            "pinned": False,
            "type": 0,
            "flags": 0,
            "edits": 0,
        }

    def write(self, message: Json, payload: Json, files: dict[str, bytes]) -> web.Response | None:
        """Put a payload into a message; the 400 that Discord would send when it breaks a limit."""
        problems = message_problems({**message, **payload}, len(files) or len(list(message["attachments"])))
        mentions = payload.get("allowed_mentions")
        if not isinstance(mentions, dict) or mentions.get("parse") != [] or mentions.get("replied_user"):
            # Discord would take it, and ping.
            problems.append("mentions allowed")
        if problems:
            self.refused += problems
            return reply({"code": 50035, "message": "Invalid Form Body: " + ", ".join(problems)}, 400)
        for name in ("content", "embeds", "components", "flags", "allowed_mentions"):
            if name in payload:
                message[name] = payload[name] if payload[name] is not None else ""
        if files:
            message["attachments"] = [
                {
                    "id": str(self.new_id()),
                    "filename": name,
                    "size": len(content),
                    "url": f"http://127.0.0.1:{self.port}/files/{name}",
                    "proxy_url": "",
                    "text": content.decode(),
                }
                for name, content in files.items()
            ]
        return None

    def create_message(self, channel_id: int, payload: Json, files: dict[str, bytes]) -> web.Response:
        nonce = str(payload.get("nonce") or "")
        if payload.get("enforce_nonce") and nonce in self.nonces:
            return reply(self.messages[self.nonces[nonce]])
        message = self.message_json(channel_id, user_json(BOT, bot=True))
        refusal = self.write(message, payload, files)
        if refusal is not None:
            return refusal
        reference = payload.get("message_reference")
        guild = self.guilds.get(self.guild_of(channel_id) or 0)
        if isinstance(reference, dict):
            if guild is not None and not guild.permissions & READ_MESSAGE_HISTORY:
                return reply(
                    {"code": 160002, "message": "Cannot reply without permission to read message history"}, 400
                )
            if number(reference["message_id"]) in self.messages:
                message["type"] = 19
                message["message_reference"] = {**reference, "channel_id": str(channel_id), "type": 0}
            elif reference.get("fail_if_not_exists", True):
                return reply({"code": 50035, "message": "Invalid Form Body: Unknown message"}, 400)
        self.messages[number(message["id"])] = message
        if nonce:
            self.nonces[nonce] = number(message["id"])
        return reply(message)

    def change_message(self, method: str, message_id: int, payload: Json, files: dict[str, bytes]) -> web.Response:
        message = self.messages.get(message_id)
        if message is None:
            return reply({"code": 10008, "message": "Unknown Message"}, 404)
        if method == "DELETE":
            del self.messages[message_id]
            return web.Response(status=204)
        if method == "PATCH":
            refusal = self.write(message, payload, files)
            if refusal is not None:
                return refusal
            message["edits"] = number(message["edits"]) + 1
        return reply(message)

    async def start_thread(self, channel_id: int, message_id: int, payload: Json) -> web.Response:
        guild_id = self.guild_of(channel_id)
        name = str(payload["name"])
        if guild_id is None or not 1 <= text_length(name) <= 100:
            self.refused.append(f"thread name of {text_length(name)}")
            return reply({"code": 50035, "message": "Invalid Form Body"}, 400)
        thread = self.thread_json(message_id, channel_id, guild_id, BOT, name)
        self.guilds[guild_id].threads.append(thread)
        await self.dispatch("THREAD_CREATE", {**thread, "newly_created": True})
        return reply(thread, 201)

    def call_back(self, token: str, payload: Json, files: dict[str, bytes]) -> web.Response:
        interaction = self.interactions.get(token)
        if interaction is None or token in self.expired:
            return reply({"code": 10062, "message": "Unknown interaction"}, 404)
        if interaction.callback is not None:
            return reply({"code": 40060, "message": "Interaction has already been acknowledged."}, 400)
        kind = payload["type"]
        data = dict(payload.get("data") or {})
        answer: Json = {"id": str(interaction.id), "type": interaction.type}
        resource: Json = {"type": kind}
        if kind in (4, 5):
            message = self.message_json(interaction.channel, user_json(BOT, bot=True))
            message["loading"] = kind == 5
            if kind == 4:
                refusal = self.write(message, data, files)
                if refusal is not None:
                    return refusal
            interaction.original = number(message["id"])
            interaction.ephemeral = bool(number(data.get("flags") or 0) & 64)
            message["ephemeral"] = interaction.ephemeral
            interaction.deferred, interaction.finished = kind == 5, kind == 4
            self.messages[interaction.original] = message
            answer["response_message_id"] = message["id"]
            resource["message"] = message
        else:
            interaction.finished = kind in (8, 9)
        interaction.callback = payload
        interaction.acknowledged_at = asyncio.get_running_loop().time()
        return reply({"interaction": answer, "resource": resource})

    def interaction_message(
        self, method: str, token: str, message: str, payload: Json, files: dict[str, bytes]
    ) -> web.Response:
        interaction = self.interactions.get(token)
        if interaction is None or token in self.expired:
            return reply({"code": 50027, "message": "Invalid Webhook Token"}, 401)
        message_id = interaction.original if message == "@original" else int(message)
        if message_id is None:
            return reply({"code": 10008, "message": "Unknown Message"}, 404)
        response = self.change_message(method, message_id, payload, files)
        if method == "PATCH" and response.status == 200:
            self.messages[message_id]["loading"] = False
            # Only the last edit carries what nothing before it has: sources, buttons or a colour of its own.
            interaction.finished = interaction.finished or is_final(payload)
        if method == "DELETE" and response.status == 204:
            interaction.original = None
        return response

    def follow_up(self, token: str, payload: Json, files: dict[str, bytes]) -> web.Response:
        interaction = self.interactions.get(token)
        if interaction is None or token in self.expired:
            return reply({"code": 50027, "message": "Invalid Webhook Token"}, 401)
        # The first one takes the place of «thinking», and is shown to whomever that was shown to.
        message = self.messages.get(interaction.original or 0, {})
        thinking = bool(message.get("loading"))
        if not thinking:
            message = self.message_json(interaction.channel, user_json(BOT, bot=True))
        refusal = self.write(message, payload, files)
        if refusal is not None:
            return refusal
        ephemeral = bool(number(payload.get("flags") or 0) & 64)
        message["ephemeral"] = interaction.ephemeral if thinking else ephemeral
        message["loading"] = False
        self.messages[number(message["id"])] = message
        interaction.messages.append(number(message["id"]))
        interaction.finished = True
        return reply(message)


@dataclass(frozen=True)
class Option:
    """A command option whose value is an id: attachment 11, channel 7, role 8."""

    type: int
    value: str


def is_final(payload: Json) -> bool:
    """Drafts and queue positions are plain content; what ends a question carries an embed."""
    return bool(payload.get("embeds"))


def reply(body: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """JSON with exactly the content type that discord.py compares with."""
    return web.Response(
        body=json.dumps(body).encode(), status=status, headers={"Content-Type": "application/json", **(headers or {})}
    )


async def read_body(request: web.Request) -> tuple[Json, dict[str, bytes]]:
    """The JSON payload and the files of a request, multipart or not; a list travels under "list"."""
    files: dict[str, bytes] = {}
    if request.content_type.startswith("multipart/"):
        payload: object = {}
        form = await request.post()
        for name, value in form.items():
            if name == "payload_json":
                payload = json.loads(str(value))
            elif isinstance(value, web.FileField):
                files[value.filename] = value.file.read()
    else:
        body = await request.read()
        payload = json.loads(body) if body else {}
    return (payload if isinstance(payload, dict) else {"list": payload}), files


@contextlib.asynccontextmanager
async def fake_discord(guilds: dict[int, Sequence[int]] | None = None) -> AsyncIterator[FakeDiscord]:
    """A running fake Discord with these servers and their channels; by default one server 50 with channels 501 and 502."""
    async with FakeDiscord() as discord:
        for guild_id, channels in (guilds if guilds is not None else {50: (501, 502)}).items():
            discord.add_guild(guild_id, channels)
        yield discord
