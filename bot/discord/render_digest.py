"""Turn a digest into one page, the whole of it in an attached file where that does not hold it. Pure."""

from collections.abc import Sequence
from datetime import datetime

from bot.discord.markdown import clean, dotted, escape, link, one_line, shorten, split_text, units
from bot.discord.quotes import set_quote
from bot.discord.render import BLUE, BODY, Page, copies_line
from bot.discord.translations import Translations
from rag.digest import Digest, DigestEntry

SENTENCE = 320
"""Most units of a key sentence."""
OF_A_STORY = 5
"""Articles of one story on the page; the file has all."""


def digest_page(digest: Digest, since: datetime | None, newest: datetime | None, t: Translations) -> Page:
    """Every story that fits, newest first. `since`: the day asked for, None for what arrived since the last digest."""
    title = t.new_since.format(date=t.date(since)) if since else t.new_articles
    if not digest.stories:
        return Page(title, t.nothing_new.format(date=t.date(since), newest=t.newest(newest)), BLUE)
    counts = {"articles": t.count(digest.articles, t.articles), "stories": t.count(len(digest.stories), t.stories)}
    footer = ", ".join(filter(None, (t.in_stories.format(**counts), t.newest_of_more if digest.left_out else "")))
    texts = [story_text(story[:OF_A_STORY], t) for story in digest.stories]
    # Long links may make even the first too long.
    shown = texts[: how_many_fit(texts, BODY)] or split_text(texts[0], BODY)[:1]
    if len(shown) == len(texts) and all(len(story) <= OF_A_STORY for story in digest.stories):
        return Page(title, "\n\n".join(shown), BLUE, footer=footer)
    body, alone = ("\n\n".join([*shown, ending]) for ending in (t.in_file, t.no_file))
    whole = whole_digest(digest, t)
    return Page(title, body, BLUE, footer=footer, file=whole, file_name="digest.txt", body_alone=alone)


def how_many_fit(texts: Sequence[str], limit: int) -> int:
    """How many of these texts, an empty line between them, fit into so many units."""
    used = 0
    for count, text in enumerate(texts):
        used += units(text) + 2
        if used > limit:
            return count
    return len(texts)


def story_text(story: Sequence[DigestEntry], t: Translations) -> str:
    """A story under the title of its newest article."""
    title = f"**{escape(shorten(one_line(story[0].headline.title), 140))}**"
    return "\n".join([title, *(entry_text(entry, t) for entry in story)])


def entry_text(entry: DigestEntry, t: Translations) -> str:
    """An article's key sentence, its linked outlet and its date."""
    outlet = link(entry.headline.source or entry.headline.title, entry.headline.url, 80)
    source = dotted(outlet, t.dates(entry.headline)) + copies_line(entry.copies, t)
    sentence = entry.sentence
    quote = set_quote(sentence.quote, (), SENTENCE) if sentence else ""
    return f"> {quote}\n{source}" if quote else source


def whole_digest(digest: Digest, t: Translations) -> str:
    """The digest as plain text."""
    lines: list[str] = []
    for story in digest.stories:
        lines += ["", one_line(story[0].headline.title)]
        for entry in story:
            head = entry.headline
            sources = dotted(one_line(head.source), t.dates(head), head.url)
            lines += [f"    {one_line(entry.sentence.quote)}"] if entry.sentence else []
            title = one_line(head.title) if head.title != story[0].headline.title else ""
            lines += [f"    {dotted(title, sources)}"]
            lines += [f"    {one_line(copy.title)} · {one_line(copy.source)}" for copy in entry.copies]
    return clean("\n".join(lines).strip()) + "\n"
