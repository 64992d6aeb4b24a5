"""Web pages as sites write them, made of the invented stories in tests/data/pages/: each shape another way to build a page.

Half of the shapes (`kept_apart`) were written before the extractor was looked at, and nothing was fitted to them.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from html import escape
from pathlib import Path

import yaml

STORIES = Path(__file__).parent / "data" / "pages" / "stories.yaml"


@dataclass(frozen=True, slots=True)
class Story:
    """What a page tells: times are ISO 8601 with their zone."""

    title: str
    outlet: str
    host: str
    author: str
    language: str
    published: str
    updated: str
    paragraphs: tuple[str, ...]

    @property
    def day(self) -> str:
        return self.published[:10]

    @property
    def url(self) -> str:
        return f"https://{self.host}/news/{len(''.join(self.paragraphs))}"

    def words(self, pattern: str = "%d %B %Y") -> str:
        return datetime.fromisoformat(self.published).strftime(pattern)


@dataclass(frozen=True, slots=True)
class Page:
    """A page and what is to be read of it. `published` is ISO 8601, a day alone where the page names no time, "" for
    none; `refused` is a word of the reason why nothing may be stored, "" for an article."""

    shape: str
    html: str
    title: str
    published: str
    text: str
    kept_apart: bool
    refused: str = ""
    story: Story | None = None

    @property
    def content(self) -> bytes:
        return self.html.encode()


@cache
def stories() -> dict[str, Story]:
    written = yaml.safe_load(STORIES.read_text("utf-8"))
    return {name: Story(**fields | {"paragraphs": tuple(fields["paragraphs"])}) for name, fields in written.items()}


# Parts that pages have around an article

MENU = """<nav class="main-menu"><ul><li><a href="/">Home</a></li><li><a href="/county">County</a></li>
<li><a href="/sport">Sport</a></li><li><a href="/subscribe">Subscribe</a></li></ul></nav>"""
FOOT = """<footer><p>© The publisher. All rights reserved. <a href="/imprint">Imprint</a> <a href="/privacy">Privacy policy</a></p>
<p>Follow us on the networks. Sign up for our morning letter and get the news before breakfast.</p></footer>"""
RELATED = """<aside class="related-articles"><h3>More on this subject</h3><ul>
<li><a href="/a1">Mayor of Saltmarket opens the flower show in heavy rain</a><time datetime="2022-02-01">1 February 2022</time></li>
<li><a href="/a2">Why the price of butter has doubled since the spring</a><time datetime="2022-03-05">5 March 2022</time></li>
<li><a href="/a3">Handball: Wending women reach the final for the first time</a></li></ul></aside>"""
COOKIES = """<div id="cookie-consent" class="cookie-banner" role="dialog"><h2>We value your privacy</h2><p>We and our 812 partners
store cookies on your device to measure audiences and to show advertising that suits you. You can withdraw your consent at any time.</p>
<button>Accept all</button><button>Reject</button></div>"""
COMMENTS = """<section id="comments" class="comments-area"><h2>3 comments</h2>
<ol class="comment-list"><li class="comment"><p class="author">gullwatcher</p><time datetime="2026-01-05T10:00:00Z">5 January 2026</time>
<div class="comment-content"><p>I said so years ago and was laughed at, and now look at it.</p></div></li>
<li class="comment"><p class="author">Old Penny</p><div class="comment-content"><p>My grandfather worked there, he would have been furious about this.</p></div></li>
<li class="comment"><p class="author">R. T.</p><div class="comment-content"><p>Who pays for it in the end? We do, as always.</p></div></li></ol></section>"""
SHARE = """<div class="share-buttons"><a href="#">Share</a> <a href="#">Post</a> <a href="#">Send by mail</a> <a href="#">Print</a></div>"""


def p(story: Story, tag: str = "p") -> str:
    return "\n".join(f"<{tag}>{escape(one, quote=False)}</{tag}>" for one in story.paragraphs)


def page(story: Story, head: str, body: str, html: str = "") -> str:
    return (
        f'<!DOCTYPE html>\n<html lang="{story.language}"{html}>\n<head><meta charset="utf-8">\n{head}\n</head>\n'
        f"<body>\n{body}\n</body></html>"
    )


def title_tag(story: Story, between: str = " | ") -> str:
    return f"<title>{escape(story.title)}{between}{escape(story.outlet)}</title>"


def linked(value: object) -> str:
    return f'<script type="application/ld+json">{json.dumps(value, ensure_ascii=False)}</script>'


def news_article(story: Story, **more: object) -> dict[str, object]:
    return {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": story.title,
        "datePublished": story.published,
        "dateModified": story.updated,
        "author": [{"@type": "Person", "name": story.author}],
        "publisher": {
            "@type": "NewsMediaOrganization",
            "name": story.outlet,
            "logo": {"url": "https://x.example/l.png"},
        },
        "mainEntityOfPage": {"@type": "WebPage", "@id": story.url},
    } | more


def open_graph(story: Story, date: bool = True) -> str:
    given = {"og:type": "article", "og:title": story.title, "og:site_name": story.outlet, "og:url": story.url}
    if date:
        given |= {"article:published_time": story.published, "article:modified_time": story.updated}
    return "\n".join(f'<meta property="{name}" content="{escape(value)}">' for name, value in given.items())


# Shapes: each returns HTML. The name of a function is the name of the shape.

Shape = Callable[[Story], str]


def json_ld(story: Story) -> str:
    return page(
        story,
        title_tag(story) + linked(news_article(story)),
        f"{MENU}<main><article><h1>{story.title}</h1>{SHARE}{p(story)}{RELATED}</article></main>{FOOT}",
    )


def json_ld_graph(story: Story) -> str:
    graph = [
        {"@type": "WebSite", "@id": "https://x.example/#site", "name": story.outlet},
        {"@type": "Organization", "@id": "https://x.example/#org", "name": story.outlet},
        {"@type": "BreadcrumbList", "itemListElement": [{"@type": "ListItem", "position": 1, "name": "Home"}]},
        {"@type": "Person", "@id": "https://x.example/#person", "name": story.author},
        {
            "@type": "Article",
            "headline": story.title,
            "datePublished": story.published,
            "dateModified": story.updated,
            "author": {"@id": "https://x.example/#person"},
            "publisher": {"@id": "https://x.example/#org"},
            "mainEntityOfPage": {"@id": story.url},
        },
        {
            "@type": "WebPage",
            "url": story.url,
            "name": f"{story.title} - {story.outlet}",
            "datePublished": "2001-01-01",
        },
    ]
    body = f"""{MENU}<div class="site"><div class="content-area"><header class="entry-header"><h1 class="entry-title">{story.title}</h1>
</header><div class="entry-content">{p(story)}</div></div>{RELATED}</div>{FOOT}"""
    return page(story, title_tag(story, " - ") + linked({"@context": "https://schema.org", "@graph": graph}), body)


def json_ld_list_with_related_first(story: Story) -> str:
    other = stories()["whale" if story.title.startswith("Tram") else "depot"]
    things = [
        {"@type": "ItemList", "itemListElement": [{"@type": "NewsArticle", "headline": other.title, "url": other.url,
         "datePublished": other.published}]},
        news_article(other),
        news_article(story),
    ]  # fmt: skip
    return page(
        story,
        title_tag(story) + f'<link rel="canonical" href="{story.url}">' + linked(things),
        f"{MENU}<article><h1>{story.title}</h1>{p(story)}</article>{RELATED}{FOOT}",
    )


def open_graph_only(story: Story) -> str:
    return page(
        story,
        title_tag(story) + open_graph(story),
        f"""{MENU}<div class="wrapper"><h1>{story.title}</h1><p class="byline">By {story.author}</p>
<div class="article-body">{p(story)}</div>{SHARE}</div>{RELATED}{FOOT}""",
    )


def microdata(story: Story) -> str:
    body = f"""{MENU}<div itemscope itemtype="https://schema.org/NewsArticle"><h1 itemprop="headline">{story.title}</h1>
<span itemprop="author" itemscope itemtype="https://schema.org/Person"><span itemprop="name">{story.author}</span></span>
<span itemprop="publisher" itemscope itemtype="https://schema.org/Organization"><meta itemprop="name" content="{story.outlet}"></span>
<meta itemprop="datePublished" content="{story.published}"><meta itemprop="dateModified" content="{story.updated}">
<div itemprop="articleBody">{p(story)}</div>
<div class="comments"><div itemprop="comment" itemscope itemtype="https://schema.org/Comment"><meta itemprop="datePublished"
content="2026-02-02T09:00:00Z"><p itemprop="text">Somebody should write a song about this, I have always thought so.</p></div></div>
</div>{FOOT}"""
    return page(story, title_tag(story), body)


def amp(story: Story) -> str:
    head = f"""{title_tag(story)}<link rel="canonical" href="{story.url}"><script async src="https://cdn.example/v0.js"></script>
<style amp-boilerplate>body{{visibility:hidden}}</style>{linked(news_article(story))}"""
    body = f"""<amp-sidebar id="s"><ul><li>Home</li><li>Sport</li></ul></amp-sidebar><header>{story.outlet}</header><article>
<h1>{story.title}</h1><amp-img src="a.jpg" width="600" height="400" layout="responsive"></amp-img>{p(story)}
<amp-ad width="300" height="250"><div fallback>Advertisement</div></amp-ad></article>
<amp-list src="/more.json" layout="fixed-height" height="90"><template type="amp-mustache"><div>{{{{title}}}} read more</div></template>
</amp-list>{FOOT}"""
    return page(story, head, body, " amp")


def time_element_only(story: Story) -> str:
    body = f"""{MENU}<article><header><h1>{story.title}</h1><p>By {story.author},
<time datetime="{story.published}">{story.words()}</time></p></header>{p(story)}</article>
<aside>{RELATED}</aside>{FOOT}"""
    return page(story, title_tag(story), body)


def date_in_words_only(story: Story) -> str:
    body = f"""{MENU}<div id="content"><h1>{story.title}</h1><p class="meta">{story.author} | {story.words()}</p>{p(story)}</div>{FOOT}"""
    return page(story, title_tag(story), body)


def nothing_said(story: Story) -> str:
    return f"<html><body><h1>{story.title}</h1>{p(story)}</body></html>"


def several_dates(story: Story) -> str:
    """The event, the update, the copyright and the related articles all have dates; one is that of publication."""
    body = f"""{MENU}<article><h1>{story.title}</h1><div class="event-date">Event: <time datetime="2027-06-01">1 June 2027</time></div>
<div class="dates">Updated <time class="updated" datetime="{story.updated}">later</time>, published
<time class="published" datetime="{story.published}">{story.words()}</time></div>{p(story)}</article>{RELATED}{FOOT}"""
    return page(story, title_tag(story) + open_graph(story), body)


def related_in_the_middle(story: Story) -> str:
    first, rest = story.paragraphs[0], replace(story, paragraphs=story.paragraphs[1:])
    box = """<div class="inline-related"><span class="label">Read more</span> <a href="/b">The ten best walks along the estuary, chosen
by readers</a></div>"""
    body = f"""{MENU}<article><h1>{story.title}</h1><p>{first}</p>{box}<p><strong><a href="/c">Read also: Who owns the islands, and
since when</a></strong></p>{p(rest)}</article>{RELATED}{FOOT}"""
    return page(story, title_tag(story) + linked(news_article(story)), body)


def comments_longer_than_text(story: Story) -> str:
    return page(
        story,
        title_tag(story) + open_graph(story),
        f'{MENU}<article class="post"><h1>{story.title}</h1><div class="post-body">{p(story)}</div></article>{COMMENTS * 4}{FOOT}',
    )


def cookie_wall_before(story: Story) -> str:
    return page(
        story,
        title_tag(story) + linked(news_article(story)),
        f"{COOKIES}{MENU}<main><article><h1>{story.title}</h1>{p(story)}</article></main>{FOOT}",
    )


def captions(story: Story) -> str:
    figure = """<figure><img src="x.jpg" alt="A picture"><figcaption>A view of the place on a day in March. Photo: D. Ostrom /
Picture desk</figcaption></figure>"""
    middle = replace(story, paragraphs=story.paragraphs[2:])
    body = f"""{MENU}<article><h1>{story.title}</h1>{figure}<p>{story.paragraphs[0]}</p><p>{story.paragraphs[1]}</p>{figure}
<p class="image-caption">File photo: the same place last year. Credit: Ostrom</p>{p(middle)}</article>{FOOT}"""
    return page(story, title_tag(story) + open_graph(story), body)


def paywall_stub(story: Story) -> str:
    data = news_article(story, isAccessibleForFree=False, hasPart={"@type": "WebPageElement", "isAccessibleForFree": False,
                        "cssSelector": ".paid"})  # fmt: skip
    body = f"""{MENU}<article><h1>{story.title}</h1><p>{story.paragraphs[0]}</p><div class="paid paywall"><h2>Subscribe to continue
reading</h2><p>Already a subscriber? <a href="/login">Log in</a></p></div></article>{FOOT}"""
    return page(story, title_tag(story) + linked(data), body)


def paywall_stub_without_data(story: Story) -> str:
    body = f"""{MENU}<article><h1>{story.title}</h1><p>{story.paragraphs[0]}</p><p>{story.paragraphs[1]}</p></article>
<div class="gate"><p>This article is for subscribers only. To continue reading, choose a plan: one month for the price of a coffee.</p>
<a href="/plans">See plans</a></div>{FOOT}"""
    return page(story, title_tag(story) + open_graph(story), body)


def paid_but_whole(story: Story) -> str:
    """Said not to be free, and the reader was signed in: the whole text is there."""
    return page(
        story,
        title_tag(story) + linked(news_article(story, isAccessibleForFree="False")),
        f"{MENU}<article><h1>{story.title}</h1>{p(story)}</article>{FOOT}",
    )


def table(story: Story) -> str:
    rows = "".join(f"<tr><td>{town}</td><td>{number}</td></tr>" for town, number in (("Oxmere", 14), ("Velden", 9)))
    body = f"""{MENU}<article><h1>{story.title}</h1>{p(story)}<table><tr><th>Town</th><th>Cases</th></tr>{rows}</table></article>{FOOT}"""
    return page(story, title_tag(story) + linked(news_article(story)), body)


def divs_with_breaks(story: Story) -> str:
    text = "<br><br>\n".join(story.paragraphs)
    body = f'<div id="nav"><a href="/">Home</a></div><div class="headline">{story.title}</div><div class="story">{text}</div>{FOOT}'
    return page(story, title_tag(story) + open_graph(story), body)


def wordpress(story: Story) -> str:
    body = f"""<div id="page" class="hfeed site">{MENU}<div id="primary"><main id="main"><article id="post-77" class="post-77 post type-post
status-publish hentry category-news"><header class="entry-header"><h1 class="entry-title">{story.title}</h1><div class="entry-meta">
<span class="posted-on"><a href="#"><time class="entry-date published" datetime="{story.published}">{story.words("%B %d, %Y")}</time>
<time class="updated" datetime="{story.updated}">x</time></a></span><span class="byline"> by <a href="/author/x">{story.author}</a></span>
</div></header><div class="entry-content">{p(story)}<div class="sharedaddy sd-sharing-enabled"><h3 class="sd-title">Share this:</h3><ul>
<li>Mail</li><li>Print</li></ul></div><div id="jp-relatedposts" class="jp-relatedposts"><h3>Related</h3><a href="/x">An older post about
something else entirely</a></div></div><footer class="entry-footer">Posted in <a href="/c">News</a> Tagged <a href="/t">town</a></footer>
</article><nav class="post-navigation"><a href="/prev">Previous: The flower show</a></nav>{COMMENTS}</main></div>
<aside id="secondary" class="widget-area"><section class="widget"><h2>Recent posts</h2><ul><li><a href="/r">A recent post</a></li></ul>
</section></aside></div>{FOOT}"""
    return page(story, title_tag(story, " – ") + '<meta name="generator" content="WordPress 6.6">', body)


def old_table_layout(story: Story) -> str:
    text = "".join(f'<p align="justify"><font face="Verdana" size="2">{one}</font></p>' for one in story.paragraphs)
    return f"""<HTML><HEAD><TITLE>{story.outlet}: {story.title}</TITLE><META NAME="date" CONTENT="{story.day}"></HEAD><BODY BGCOLOR=white>
<TABLE WIDTH=760><TR><TD WIDTH=140 VALIGN=top><A HREF="/">Front page</A><BR><A HREF="/c">County</A><BR><A HREF="/s">Sport</A></TD>
<TD><TABLE><TR><TD><FONT SIZE=5><B>{story.title}</B></FONT></TD></TR><TR><TD>{text}</TD></TR></TABLE></TD>
<TD WIDTH=120><B>Weather</B><BR>Rain, 9 degrees<BR><B>Tides</B><BR>High 11:20</TD></TR></TABLE></BODY></HTML>"""


def lazy_loaded(story: Story) -> str:
    body = f"""{MENU}<article><h1>{story.title}</h1><img class="lazy" data-src="a.jpg" src="data:image/gif;base64,R0lGOD">
<noscript><img src="a.jpg" alt="A picture"></noscript><div class="body" data-component="text-block">{p(story)}</div>
<div class="infinite-scroll" data-next="/next" aria-hidden="true"><div class="placeholder">Loading more stories…</div></div></article>{FOOT}"""
    return page(story, title_tag(story) + linked(news_article(story)), body)


def noscript_warning(story: Story) -> str:
    body = f"""<noscript><div class="warning">Please enable JavaScript to use all of this site.</div></noscript>{MENU}<main>
<h1>{story.title}</h1><div class="rich-text">{p(story)}</div></main>{FOOT}"""
    return page(story, title_tag(story) + open_graph(story), body)


def script_only(story: Story) -> str:
    state = json.dumps({"article": {"title": story.title, "body": list(story.paragraphs)}})
    return page(
        story,
        title_tag(story),
        f'<div id="root"></div><noscript>You need to enable JavaScript to run this app.</noscript><script>window.S={state}</script>',
    )


def headings_and_lists(story: Story) -> str:
    parts = [f"<p>{story.paragraphs[0]}</p>", "<h2>What is known so far</h2>", f"<p>{story.paragraphs[1]}</p>"]
    parts += ["<ul>", *(f"<li>{one}</li>" for one in story.paragraphs[2:]), "</ul>"]
    body = f"{MENU}<article><h1>{story.title}</h1>{''.join(parts)}</article>{FOOT}"
    return page(story, title_tag(story) + linked(news_article(story)), body)


def blockquotes(story: Story) -> str:
    first, second, *rest = story.paragraphs
    body = f"""{MENU}<article><h1>{story.title}</h1><p>{first}</p><blockquote><p>{second}</p></blockquote>
{p(replace(story, paragraphs=tuple(rest)))}</article>{FOOT}"""
    return page(story, title_tag(story) + open_graph(story), body)


def links_in_the_text(story: Story) -> str:
    linked_words = tuple(
        " ".join(f'<a href="/t/{n}">{word}</a>' if n % 6 == 2 else word for n, word in enumerate(one.split(" ")))
        for one in story.paragraphs
    )
    text = "".join(f"<p>{one}</p>" for one in linked_words)
    body = f"{MENU}<article><h1>{story.title}</h1>{text}</article>{RELATED}{FOOT}"
    return page(story, title_tag(story) + linked(news_article(story)), body)


def newsletter_boxes(story: Story) -> str:
    box = """<div class="newsletter-signup"><h4>The morning letter</h4><p>All that matters in the county, every day at six. Enter your
address and we will send it.</p><form><input type="email"><button>Sign up</button></form></div>"""
    first, second, *rest = story.paragraphs
    body = f"""{MENU}<article><h1>{story.title}</h1><p>{first}</p><p>{second}</p>{box}
{p(replace(story, paragraphs=tuple(rest)))}</article>{FOOT}"""
    return page(story, title_tag(story) + open_graph(story), body)


def teaser_front(story: Story) -> str:
    """The article, then ten teasers of other articles with a sentence each, all in <article> elements."""
    teasers = "".join(
        f'<article class="teaser"><h3><a href="/x{n}">{other.title}</a></h3><time datetime="{other.published}">x</time>'
        f"<p>{other.paragraphs[0]}</p></article>"
        for n, other in enumerate(stories().values())
        if other.language == "en" and other.title != story.title
    )
    body = f"""{MENU}<article class="full"><h1>{story.title}</h1>{p(story)}</article><section class="more-stories"><h2>More
stories</h2>{teasers}</section>{FOOT}"""
    return page(story, title_tag(story) + linked(news_article(story)), body)


def live_updates(story: Story) -> list[dict[str, object]]:
    hours = ("16:40", "15:05", "13:30", "12:10", "11:00", "10:20")
    zone = story.published[19:]
    return [
        {
            "@type": "BlogPosting",
            "headline": " ".join(one.split()[:6]),
            "datePublished": f"{story.day}T{hour}:00{zone}",
            "articleBody": one,
        }
        for hour, one in zip(hours, story.paragraphs, strict=False)
    ]


def live_blog_data(story: Story) -> str:
    data = news_article(story) | {"@type": "LiveBlogPosting", "liveBlogUpdate": live_updates(story)}
    posts = "".join(
        f'<div class="live-post"><time datetime="{one["datePublished"]}">{str(one["datePublished"])[11:16]}</time>'
        f"<h3>{one['headline']}</h3><p>{one['articleBody']}</p></div>"
        for one in live_updates(story)
    )
    body = f'{MENU}<main><h1>{story.title}</h1><div class="live-blog">{posts}</div></main>{FOOT}'
    return page(story, title_tag(story) + linked(data), body)


def live_blog_markup(story: Story) -> str:
    posts = "".join(
        f'<article class="liveblog-entry" id="e{n}"><time datetime="{one["datePublished"]}">x</time><p>{one["articleBody"]}</p></article>'
        for n, one in enumerate(live_updates(story))
    )
    body = f"""{MENU}<main><header><h1>{story.title} – live</h1></header><section class="liveblog">{posts}</section></main>{FOOT}"""
    return page(story, f"<title>{story.title} – live | {story.outlet}</title>" + open_graph(story), body)


def hidden_date_zone(story: Story) -> str:
    """The visible date is that of the reader's zone, a day later than in the paper's own; the data has the zone."""
    body = f"""{MENU}<article><h1>{story.title}</h1><span class="date">{story.updated[:10]}</span>{p(story)}</article>{FOOT}"""
    return page(story, title_tag(story) + linked(news_article(story)), body)


def dublin_core(story: Story) -> str:
    head = f"""{title_tag(story, " :: ")}<meta name="DC.title" content="{story.title}"><meta name="DC.date.issued" content="{story.published}">
<meta name="DC.publisher" content="{story.outlet}"><meta name="DC.creator" content="{story.author}">"""
    return page(story, head, f'{MENU}<div class="c"><h2>{story.title}</h2>{p(story)}</div>{FOOT}')


def broken_json_ld(story: Story) -> str:
    """The data has a comma too many, the tags have the same."""
    broken = linked(news_article(story)).replace('"@type": "NewsArticle",', '"@type": "NewsArticle",,')
    body = f"{MENU}<article><h1>{story.title}</h1>{p(story)}</article>{FOOT}"
    return page(story, title_tag(story) + broken + open_graph(story), body)


def windows_line_breaks_in_tags(story: Story) -> str:
    """Source lines broken at 60 characters within paragraphs, capitals in tags, no closing </p>."""
    wrapped = []
    for one in story.paragraphs:
        lines, line = [], ""
        for word in one.split():
            line, lines = (word, [*lines, line]) if len(line) + len(word) > 60 else (f"{line} {word}".strip(), lines)
        wrapped.append("<P>" + "\r\n".join([*lines, line]).strip())
    body = f'<DIV CLASS="article"><H1>{story.title}</H1>' + "\r\n".join(wrapped) + "</DIV>"
    return page(story, title_tag(story) + open_graph(story), MENU + body + FOOT)


def drop_cap_and_pull_quote(story: Story) -> str:
    first = story.paragraphs[0]
    capital = f'<p><span class="dropcap">{first[0]}</span>{first[1:]}</p>'
    quote = f'<aside class="pullquote"><p>{story.paragraphs[1][:60]}</p></aside>'
    rest = p(replace(story, paragraphs=story.paragraphs[1:]))
    body = f"{MENU}<article><h1>{story.title}</h1>{capital}{quote}{rest}</article>{FOOT}"
    return page(story, title_tag(story) + linked(news_article(story)), body)


def advertisements_between(story: Story) -> str:
    ad = '<div class="ad-slot" id="ad-3"><span>Advertisement</span><p>Winter tyres, now at a third off. Only this week.</p></div>'
    text = ad.join(f"<p>{one}</p>" for one in story.paragraphs)
    body = f"{MENU}<article><h1>{story.title}</h1>{text}</article>{FOOT}"
    return page(story, title_tag(story) + linked(news_article(story)), body)


def hashed_classes(story: Story) -> str:
    """A site built by a framework: <div>s with meaningless class names, <p> for paragraphs."""
    text = "".join(f'<div class="css-1fanzo5"><p class="css-at9mc1 e1">{one}</p></div>' for one in story.paragraphs)
    body = f"""<div id="__next"><div class="css-8xz"><div class="css-1"><a href="/">Home</a><a href="/s">Sport</a></div>
<h1 class="css-88yj9x">{story.title}</h1><div class="css-233int">By <span>{story.author}</span></div>{text}
<div class="css-k3"><div>More in News</div><a href="/1">Flower show opens in the rain</a><a href="/2">Butter prices double</a></div></div></div>
<script id="__NEXT_DATA__" type="application/json">{{"props":{{"pageProps":{{"datePublished":"1999-01-01"}}}}}}</script>"""
    return page(story, title_tag(story) + open_graph(story), body)


def relative_dates(story: Story) -> str:
    """A reader sees "3 hours ago"; the day is only in the data."""
    body = f"""{MENU}<article><h1>{story.title}</h1><span class="timestamp" data-ts="{story.published}">3 hours ago</span>{p(story)}
</article>{FOOT}"""
    return page(story, title_tag(story) + linked(news_article(story)), body)


def date_in_address_only(story: Story) -> str:
    address = f"https://{story.host}/{story.day.replace('-', '/')}/story.html"
    head = title_tag(story) + f'<link rel="canonical" href="{address}">'
    return page(story, head, f"{MENU}<article><h1>{story.title}</h1>{p(story)}</article>{FOOT}")


def not_found(story: Story) -> str:
    return page(
        story,
        f"<title>Page not found | {story.outlet}</title>",
        f"{MENU}<main><h1>404</h1><p>Page not found. The page you are looking for has moved or never was.</p></main>{FOOT}",
    )


def robot_check(story: Story) -> str:
    return page(
        story,
        "<title>Just a moment...</title>",
        "<h1>Checking your browser</h1><p>Please verify that you are human. This may take a few seconds.</p>",
    )


def cookie_wall_only(story: Story) -> str:
    return page(story, title_tag(story), COOKIES.replace("<button>Reject</button>", ""))


def section_front(story: Story) -> str:
    """A front page: teasers, and no article."""
    teasers = "".join(
        f'<div class="teaser"><h3><a href="{one.url}">{one.title}</a></h3></div>' for one in stories().values()
    )
    return page(story, f"<title>News | {story.outlet}</title>", f"{MENU}<main>{teasers}</main>{FOOT}")


def facts_box(story: Story) -> str:
    box = '<aside class="factbox"><h4>In numbers</h4><p>Three hundred years of harbour history in five figures.</p></aside>'
    first, *rest = story.paragraphs
    body = f"{MENU}<article><h1>{story.title}</h1><p>{first}</p>{box}{p(replace(story, paragraphs=tuple(rest)))}</article>{FOOT}"
    return page(story, title_tag(story) + linked(news_article(story)), body)


def author_box(story: Story) -> str:
    bio = f"""<div class="author-bio"><img src="a.jpg"><p>{story.author} has written about the county since 2009 and likes cold lakes.</p>
</div>"""
    body = f"{MENU}<article><h1>{story.title}</h1>{p(story)}{bio}</article>{FOOT}"
    return page(story, title_tag(story) + linked(news_article(story)), body)


def tag_list(story: Story) -> str:
    tags = '<ul class="tags"><li><a href="/t/1">Transport</a></li><li><a href="/t/2">Council</a></li></ul>'
    correction = "<p><em>Correction: an earlier version gave a wrong first name.</em></p>"
    body = f"{MENU}<article><h1>{story.title}</h1>{p(story)}{correction}{tags}</article>{FOOT}"
    return page(story, title_tag(story) + open_graph(story), body)


def video_page(story: Story) -> str:
    data = [{"@type": "VideoObject", "name": "A film of the place", "uploadDate": "2020-02-02"}, news_article(story)]
    body = f"""{MENU}<article><h1>{story.title}</h1><div class="player"><video src="a.mp4"></video><p class="video-caption">Watch: the
place from above</p></div>{p(story)}</article>{FOOT}"""
    return page(story, title_tag(story) + linked(data), body)


def short_report(story: Story) -> str:
    short = replace(story, paragraphs=story.paragraphs[:1])
    return page(
        story,
        title_tag(story) + linked(news_article(story)),
        f"{MENU}<article><h1>{story.title}</h1>{p(short)}</article>{RELATED}{FOOT}",
    )


def liquid_list(story: Story) -> str:
    """Paragraphs in <section>s with <span>s inside, as editors of magazines export them."""
    text = "".join(
        f'<section data-kind="p"><span style="font-family:serif">{one}</span></section>' for one in story.paragraphs
    )
    body = f'{MENU}<div class="longread"><h1>{story.title}</h1>{text}</div>{FOOT}'
    return page(story, title_tag(story) + open_graph(story), body)


def links_under_labels(story: Story) -> str:
    """Labels and invitations among the paragraphs, in boxes of any name."""
    among = (
        '<p><strong>RELATED: <a href="/a">Why the lighthouse keeper quit after forty years</a></strong></p>',
        '<div class="x9k"><span>Read next</span><h4><a href="/b">Seven gardens that open this Sunday</a></h4>'
        "<p>From roses to cabbages, our picks for the weekend in the hills.</p></div>",
        '<p>Lesen Sie auch: <a href="/c">Warum die Mühle stillsteht</a></p>',
        "<p><em>Click here to read more news from the county.</em></p>",
        '<div class="inline-recirc"><a href="/d">A bakery for a village of nine</a></div>',
    )
    parts = [p(replace(story, paragraphs=(one,))) for one in story.paragraphs]
    body = "".join(part + (among[number] if number < len(among) else "") for number, part in enumerate(parts))
    return page(story, title_tag(story) + open_graph(story), f"<article><h1>{story.title}</h1>{body}</article>")


def byline_of_no_class(story: Story) -> str:
    """A script's page: nothing has a name, and the line below the title is like the paragraphs."""
    body = "".join(f'<div data-testid="p">{escape(one, quote=False)}</div>' for one in story.paragraphs)
    meta = f'<div data-testid="m">By <a href="/p">{story.author}</a> · 4 min read · Listen</div>'
    data = linked(news_article(story, author=f"By {story.author}"))
    return page(story, title_tag(story) + data, f"<main><h1>{story.title}</h1>{meta}<div>{body}</div></main>")


def japanese_date_in_words(story: Story) -> str:
    """The day in a line called date; another one, today's, in the site's own header."""
    day = story.words("%Y年%m月%d日 %H時%M分")
    head = '<header class="site"><p class="date">2026年1月5日</p></header>'
    return page(
        story, title_tag(story), f'{head}<article><h1>{story.title}</h1><p class="date">{day}</p>{p(story)}</article>'
    )


def not_available(story: Story) -> str:
    """An error page without its number, and with a title that says nothing."""
    body = (
        "<main><h1>Sorry, this page isn’t available</h1><p>The link you followed may be broken, or the page may have been removed."
        " Go back to the home page or try our search.</p></main>"
    )
    return page(story, f"<title>{story.outlet}</title>", MENU + body + FOOT)


@dataclass(frozen=True, slots=True)
class Expected:
    """Where a page says less, or something else, than its story: "" and None stand for the story's own."""

    title: str = ""
    published: str | None = None
    paragraphs: int | None = None
    extra: tuple[str, ...] = ()
    refused: str = ""


Case = tuple[Shape, str, Expected]
AS_TOLD = Expected()

FITTED: tuple[Case, ...] = (
    (json_ld, "depot", AS_TOLD),
    (json_ld_list_with_related_first, "orchard", AS_TOLD),
    (open_graph_only, "budget", AS_TOLD),
    (microdata, "archive", AS_TOLD),
    (time_element_only, "glass", AS_TOLD),
    (date_in_words_only, "ferry", Expected(published="2024-11-02")),
    (nothing_said, "whale", Expected(published="")),
    (related_in_the_middle, "signal", AS_TOLD),
    (comments_longer_than_text, "library", AS_TOLD),
    (cookie_wall_before, "haushalt", AS_TOLD),
    (paywall_stub, "depot", Expected(refused="paywall")),
    (table, "ferry", Expected(extra=("Town Cases", "Oxmere 14", "Velden 9"))),
    (wordpress, "glass", AS_TOLD),
    (old_table_layout, "archive", Expected(published="2023-09-21")),
    (script_only, "budget", Expected(refused="script")),
    (blockquotes, "whale", AS_TOLD),
    (newsletter_boxes, "depot", AS_TOLD),
    (live_blog_data, "budget", AS_TOLD),
    (hidden_date_zone, "signal", AS_TOLD),
    (broken_json_ld, "puerto", AS_TOLD),
    (advertisements_between, "library", AS_TOLD),
    (hashed_classes, "orchard", AS_TOLD),
    (date_in_address_only, "glass", Expected(published="2024-09-02")),
    (not_found, "depot", Expected(refused="no article")),
    (facts_box, "ferry", AS_TOLD),
    (short_report, "library", Expected(paragraphs=1)),
    (links_under_labels, "library", AS_TOLD),
    (byline_of_no_class, "depot", AS_TOLD),
    (japanese_date_in_words, "minato", Expected(published="2025-04-20")),
    (not_available, "depot", Expected(refused="no article")),
)
APART: tuple[Case, ...] = (
    (json_ld_graph, "whale", AS_TOLD),
    (amp, "library", AS_TOLD),
    (several_dates, "archive", AS_TOLD),
    (captions, "depot", AS_TOLD),
    (paywall_stub_without_data, "glass", Expected(refused="paywall")),
    (paid_but_whole, "orchard", AS_TOLD),
    (divs_with_breaks, "greve", AS_TOLD),
    (lazy_loaded, "minato", AS_TOLD),
    (noscript_warning, "puerto", AS_TOLD),
    (headings_and_lists, "signal", Expected(extra=("What is known so far",))),
    (links_in_the_text, "haushalt", AS_TOLD),
    (teaser_front, "ferry", AS_TOLD),
    (live_blog_markup, "depot", Expected(title="{title} – live")),
    (dublin_core, "greve", AS_TOLD),
    (windows_line_breaks_in_tags, "haushalt", AS_TOLD),
    (drop_cap_and_pull_quote, "orchard", AS_TOLD),
    (relative_dates, "glass", AS_TOLD),
    (robot_check, "whale", Expected(refused="no article")),
    (cookie_wall_only, "ferry", Expected(refused="no article")),
    (section_front, "depot", Expected(refused="no article")),
    (author_box, "budget", AS_TOLD),
    (tag_list, "archive", Expected(extra=("Correction: an earlier version gave a wrong first name.",))),
    (video_page, "signal", AS_TOLD),
    (liquid_list, "whale", AS_TOLD),
)


def made_pages() -> Iterator[Page]:
    """Every page, always the same."""
    for kept_apart, cases in ((False, FITTED), (True, APART)):
        for shape, name, expected in cases:
            yield made_page(shape, stories()[name], expected, kept_apart)


def made_page(shape: Shape, story: Story, expected: Expected, kept_apart: bool) -> Page:
    paragraphs = story.paragraphs[: expected.paragraphs]
    return Page(
        shape=shape.__name__,
        html=shape(story),
        title=expected.title.format(title=story.title) or story.title,
        published=story.published if expected.published is None else expected.published,
        text="\n\n".join((*paragraphs, *expected.extra)),
        kept_apart=kept_apart,
        refused=expected.refused,
        story=story,
    )
