"""`dateline digest`: what is new, one quoted sentence an article, by story."""

import json
import sys
from datetime import datetime

from rich.text import Text

from bot.terminal.ask import day_option
from bot.terminal.errors import ANSWERED, notify
from bot.terminal.render import copy_line, count_words, dated, headline_words, joined, make_console, quoted, safe
from bot.terminal.text_io import writes_unicode
from rag.digest import Digest, DigestEntry, digest_json
from rag.factory import open_library
from rag.settings import Settings
from vectorstore.ledger import News


async def show_digest(settings: Settings, since: str, library: str, as_json: bool) -> int:
    """Print what was published since a day, given as `ask --since` takes it. Raises QuestionError for another one."""
    day = day_option(since, "--since")
    async with open_library(settings, on_wait=notify) as stored:
        digest = await stored.digest(News((library,), day))
        newest = (await stored.status((library,))).newest
    console = make_console()
    if as_json:
        sys.stdout.write(json.dumps(digest_json(digest, day), ensure_ascii=not writes_unicode(), indent=2) + "\n")
    elif digest.stories:
        console.print(joined(digest_lines(digest, day)), soft_wrap=not console.is_terminal)
    else:
        there = f"the newest article is of {dated(newest)}" if newest else "no article has a date"
        notify(f"Nothing is new since {dated(day)}; {there}.")
    return ANSWERED


def digest_lines(digest: Digest, since: datetime | None) -> list[Text]:
    """How much is new, then each story under the title of its newest article."""
    counts = f"{count_words(digest.articles, 'article')} in {count_words(len(digest.stories), 'story', 'stories')}"
    newest = ", the newest of more" if digest.left_out else ""
    lines = [Text(f"Since {dated(since)}: {counts}{newest}.", style="bold")]
    for story in digest.stories:
        lines += [Text(), Text(safe(story[0].headline.title), style="bold")]
        for entry in story:
            lines += entry_lines(entry, under=story[0].headline.title)
    return lines


def entry_lines(entry: DigestEntry, under: str) -> list[Text]:
    """An article's key sentence, which article it is, and where else its text appeared; its title where it is not `under` it."""
    copies = [copy_line(copy) for copy in entry.copies]
    sentence = [quoted(entry.sentence, numbered=False)] if entry.sentence else []
    return [*sentence, Text(f"    {headline_words(entry.headline, titled=entry.headline.title != under)}"), *copies]
