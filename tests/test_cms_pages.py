"""Pages as publishing systems write them, posts that they embed, live blogs without days, and lines before a text."""

from datetime import UTC, datetime

import pytest

from rag.ingestion.article_fields import draft_of
from rag.ingestion.entry_clocks import ClockedEntry, day_of_entries, opening_clock
from rag.ingestion.openings import without_opening
from rag.ingestion.pages import page_fields
from tests.cms_pages import ADDRESS, CMS_PAGES, PARAGRAPHS, TITLE
from vectorstore.values import Article

PUBLISHED = datetime(2025, 6, 3, 18, 5, tzinfo=UTC)
STANDFIRSTS = {"substack": ["The operator asked for more time."]}
POST = "No ferry, no votes, and no excuses either, said nobody we asked!"


def read_page(markup: str) -> Article:
    found = page_fields(markup.encode(), ADDRESS)
    return draft_of(found.fields, "shared", own_id="a.html", origins=found.origins).article


@pytest.mark.parametrize("system", CMS_PAGES)
def test_a_page_of_a_publishing_system_gives_title_time_and_text(system: str) -> None:
    article = read_page(CMS_PAGES[system]())
    assert article.title == TITLE
    assert article.published is not None
    assert not article.published_guessed
    assert article.published.replace(microsecond=0) == PUBLISHED
    assert article.text.split("\n\n") == [*STANDFIRSTS.get(system, []), *PARAGRAPHS]


def test_what_a_platform_calls_itself_is_no_outlet() -> None:
    assert read_page(CMS_PAGES["blogger"]()).source == "The Millbrenn Post"


# Embedded posts

EMBEDS = {
    "twitter": f'<blockquote class="twitter-tweet"><p lang="en">{POST}</p>&mdash; Tom (@tom) <a href="https://twitter.com/tom/status/19">June 3</a></blockquote><script async src="w.js"></script>',
    "x without a class": f'<blockquote><p>{POST}</p><a href="https://x.com/tom/status/1929">Tom on X</a></blockquote>',
    "instagram": f'<blockquote class="instagram-media" data-instgrm-permalink="https://www.instagram.com/p/C1/"><div><a href="https://www.instagram.com/p/C1/">View this post on Instagram</a><p>{POST}</p></div></blockquote>',
    "tiktok": f'<blockquote class="tiktok-embed" cite="https://www.tiktok.com/@tom/video/7"><section><a>@tom</a><p>{POST}</p></section></blockquote>',
    "bluesky": f'<blockquote class="bluesky-embed" data-bluesky-uri="at://did"><p lang="en">{POST}</p>&mdash; Tom (<a href="https://bsky.app/profile/did:plc:1">@tom</a>)</blockquote>',
    "mastodon": f'<blockquote><p>{POST}</p><a href="https://social.example/@tom/112233445566778899">3 June</a></blockquote>',
    "facebook": f'<div class="fb-post" data-href="https://www.facebook.com/t/posts/1"><blockquote cite="https://www.facebook.com/t/posts/1"><p>{POST}</p></blockquote></div>',
    "threads": f'<blockquote class="text-post-media" data-text-post-permalink="https://www.threads.net/@tom/post/C"><a href="https://www.threads.net/@tom/post/C"><div>{POST}</div></a></blockquote>',
    "reddit": f'<blockquote class="reddit-embed-bq"><a href="https://www.reddit.com/r/ferries/comments/1/x/">{POST}</a> by u/tom</blockquote>',
    "telegram": f'<blockquote cite="https://t.me/harbour/12">{POST}</blockquote>',
    "a figure around it": f'<figure><blockquote><p>{POST}</p></blockquote><a href="https://x.com/t/status/12">Source</a></figure>',
    "amp": f'<amp-twitter data-tweetid="1"><blockquote placeholder><p>{POST}</p></blockquote></amp-twitter>',
    "cms wrapper": f'<div class="element element-tweet" data-canonical-url="https://twitter.com/t/statuses/1"><blockquote>{POST}</blockquote></div>',
}  # fmt: skip


def page_around(embed: str) -> str:
    body = (
        "".join(f"<p>{text}</p>" for text in PARAGRAPHS[:2])
        + embed
        + "".join(f"<p>{text}</p>" for text in PARAGRAPHS[2:])
    )
    return f"<html><head><title>{TITLE}</title></head><body><article><h1>{TITLE}</h1>{body}</article></body></html>"


@pytest.mark.parametrize("kind", EMBEDS)
def test_an_embedded_post_is_no_text_of_the_article(kind: str) -> None:
    assert read_page(page_around(EMBEDS[kind])).text.split("\n\n") == list(PARAGRAPHS)


@pytest.mark.parametrize(
    "quotation",
    [
        f"<blockquote><p>{POST}</p></blockquote>",
        f'<blockquote><p>{POST}</p><a href="https://harbour.example/minutes">The minutes of the council</a></blockquote>',
        f'<p>{POST} <a href="https://x.com/tom/status/1929">wrote Tom</a> on Tuesday, and he was not alone with it.</p>',
        f'<blockquote><p>{POST}</p><a href="https://x.com/tom">Tom</a></blockquote>',
    ],
)
def test_a_quotation_and_a_sentence_that_links_to_a_post_are_kept(quotation: str) -> None:
    assert POST in read_page(page_around(quotation)).text


def test_an_article_that_is_one_post_is_kept() -> None:
    post = f'<blockquote class="twitter-tweet"><p>{" ".join(PARAGRAPHS)}</p></blockquote>'
    page = f"<html><head><title>{TITLE}</title></head><body><article><p>The mayor writes.</p>{post}</article></body></html>"
    assert PARAGRAPHS[0] in read_page(page).text


# Live blogs whose entries have a clock and no day


def live_page(
    entries: str, published: str = "2025-06-03T09:00:00+02:00", updated: str = "2025-06-03T17:00:00+02:00"
) -> str:
    times = f'<meta property="article:published_time" content="{published}"><meta property="article:modified_time" content="{updated}">'
    return f"""<html><head><title>{TITLE} – live</title>{times}</head><body><main><h1>{TITLE} – live</h1>
        <div class="live-blog">{entries}</div></main></body></html>"""


LIVE_SHAPES = {
    "headings": lambda clock, text: f"<div class='post'><h3>{clock}</h3><p>{text}</p></div>",
    "spans": lambda clock, text: f"<article><span class='timestamp'>{clock}</span><p>{text}</p></article>",
    "within the paragraph": lambda clock, text: f"<p><strong>{clock}</strong> – {text}</p>",
    "a list of terms": lambda clock, text: f"<dt>{clock}</dt><dd>{text}</dd>",
    "bare times": lambda clock, text: f"<li><time>{clock}</time><div><p>{text}</p></div></li>",
    "heading, then neighbours": lambda clock, text: f"<h2>{clock}</h2><p>{text}</p>",
}


@pytest.mark.parametrize("shape", LIVE_SHAPES)
@pytest.mark.parametrize("clocks", [("16:40", "14:05", "11:30", "09:10"), ("4.40pm", "2.05pm", "11.30am", "9.10am")])
def test_entries_with_a_clock_alone_are_entries_of_their_page_s_day(shape: str, clocks: tuple[str, ...]) -> None:
    entries = "".join(LIVE_SHAPES[shape](clock, text) for clock, text in zip(clocks, PARAGRAPHS, strict=True))
    paragraphs = [
        part for clock, text in zip(clocks, PARAGRAPHS, strict=True) for part in (f"3 June 2025, {clock}", text)
    ]
    assert read_page(live_page(entries)).text.split("\n\n") == paragraphs


def test_where_midnight_may_lie_between_the_clock_stands_alone() -> None:
    clocks = ("00:20", "23:50", "21:30", "20:10")
    entries = "".join(LIVE_SHAPES["headings"](clock, text) for clock, text in zip(clocks, PARAGRAPHS, strict=True))
    text = read_page(live_page(entries, "2025-06-03T20:00:00+02:00", "2025-06-03T23:59:00+02:00")).text
    assert text.split("\n\n")[::2] == list(clocks)


def test_an_article_that_names_hours_is_no_live_blog() -> None:
    assert (
        read_page(page_around("<p>16:40 was the hour at which the first boat came in, an hour late.</p>")).text.count(
            "\n\n"
        )
        == 4
    )


@pytest.mark.parametrize(
    ("line", "clock"),
    [
        ("14:05", (845, "14:05", "")),
        ("2.05pm BST The vote is over.", (845, "2.05pm BST", "The vote is over.")),
        ("12:30 a.m. – Rain.", (30, "12:30 a.m.", "Rain.")),
        ("12.30 pm", (750, "12.30 pm", "")),
        ("14.05 Uhr: Regen.", (845, "14.05 Uhr", "Regen.")),
        ("At 9:15 the doors opened.", (555, "9:15", "the doors opened.")),
        ("2.05 million people came.", None),
        ("24:05", None),
        ("3:1 for the visitors.", None),
        ("The doors opened at 9:15.", None),
    ],
)
def test_a_clock_is_told_from_other_numbers(line: str, clock: tuple[int, str, str] | None) -> None:
    assert opening_clock(line) == (clock and ClockedEntry(*clock))


def test_the_day_of_a_page_is_no_entry_s_where_the_zones_differ() -> None:
    entries = [ClockedEntry(minutes, "", "") for minutes in (10, 25, 40)]
    assert day_of_entries(entries, datetime(2025, 6, 3, 23, 5, tzinfo=UTC), None) is None
    assert day_of_entries(entries, datetime(2025, 6, 3, tzinfo=UTC), None) == datetime(2025, 6, 3).date()
    assert day_of_entries(entries, None, None) is None


# Lines before the text


@pytest.mark.parametrize(
    ("opening", "left"),
    [
        ([TITLE], []),
        (["Ines Halloran", "Jun 3", "1 min read", TITLE], []),
        (["The operator asked for more time.", "Ines Halloran", "Jun 03, 2025"], ["The operator asked for more time."]),
        (["Von Lena Brandt", "3. Juni 2025, 14:05 Uhr"], []),
        (["3 hours ago"], []),
        (["Harbour", "Tuesday, 3 June 2025"], []),
        (["On 3 June 2025 the council met in the town hall."], ["On 3 June 2025 the council met in the town hall."]),
        (["What we know", PARAGRAPHS[0]], ["What we know", PARAGRAPHS[0]]),
    ],
)
def test_lines_before_the_text_go_and_nothing_else(opening: list[str], left: list[str]) -> None:
    text = "\n\n".join([*opening, *PARAGRAPHS[1:]])
    assert without_opening(text, TITLE, "").split("\n\n") == [*left, *PARAGRAPHS[1:]]


def test_a_text_that_is_its_title_alone_stays() -> None:
    assert without_opening(TITLE, TITLE, "") == TITLE
