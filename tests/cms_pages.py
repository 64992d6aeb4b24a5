"""One article as a dozen publishing systems put it on a page, from what each is known to write; the words are invented."""

import html
import json
from collections.abc import Callable, Sequence

TITLE = "Harbour council puts off the vote on the night ferry"
PARAGRAPHS = (
    "The harbour council of Millbrenn has put off its vote on the night ferry until September, after the operator asked for more time.",
    "“We would rather decide late than wrongly,” said the mayor, Ada Holm, on Tuesday evening.",
    "The ferry carries some 340 people a night in summer, and 60 in winter, the council’s own figures say.",
    "A new timetable is to be shown to residents in the town hall on 14 September.",
)
OTHER = "Museum finds a lost lighthouse lamp in its own cellar"
TEASER = "Lighthouse keepers had looked for it for decades before it turned up behind a door."
ADDRESS = "https://post.example/2025/06/night-ferry-vote"


def head(*tags: str, title: str = f"{TITLE} - The Millbrenn Post") -> str:
    return f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{html.escape(title)}</title>{''.join(tags)}</head>"


def data(**fields: object) -> str:
    return f'<script type="application/ld+json">{json.dumps({"@context": "https://schema.org"} | fields)}</script>'


def meta(**named: str) -> str:
    return "".join(
        f'<meta property="{name.replace("__", ":")}" content="{html.escape(value)}">' for name, value in named.items()
    )


def paragraphs(tag: str = "p", name: str = "", texts: Sequence[str] = PARAGRAPHS) -> list[str]:
    attribute = f' class="{name}"' if name else ""
    return [f"<{tag}{attribute}>{text}</{tag}>" for text in texts]


def wordpress_blocks() -> str:
    body = paragraphs(name="wp-block-paragraph")
    related = f"""<div class="wp-block-query"><h2 class="wp-block-heading">More stories</h2><ul class="wp-block-post-template"><li class="wp-block-post">
        <h3 class="wp-block-post-title"><a href="/lamp">{OTHER}</a></h3><div class="wp-block-post-excerpt"><p class="wp-block-post-excerpt__excerpt">{TEASER}</p></div></li></ul></div>"""
    return f"""{head(meta(og__title=TITLE, og__type="article", article__published_time="2025-06-03T18:05:00+00:00"))}
        <body class="wp-site-blocks"><header class="wp-block-template-part"><nav><ul class="wp-block-navigation__container"><li>News</li></ul></nav></header>
        <main class="wp-block-group"><h1 class="wp-block-post-title">{TITLE}</h1><div class="wp-block-post-date"><time datetime="2025-06-03T18:05:00+00:00">June 3, 2025</time></div>
        <figure class="wp-block-post-featured-image"><img src="a.jpg"><figcaption class="wp-element-caption">The ferry in May.</figcaption></figure>
        <div class="entry-content wp-block-post-content">{body[0]}<blockquote class="wp-block-quote">{body[1]}</blockquote>
        <figure class="wp-block-embed is-type-rich is-provider-twitter"><div class="wp-block-embed__wrapper"><blockquote class="twitter-tweet"><p>No ferry, no votes!</p>&mdash; Tom (@tom) <a href="https://twitter.com/tom/status/1929">June 3, 2025</a></blockquote></div></figure>
        {body[2]}{body[3]}<div class="wp-block-buttons"><a class="wp-block-button__link">Subscribe</a></div></div>
        <div class="wp-block-post-terms taxonomy-post_tag"><span>Tags:</span> <a rel="tag">Ferry</a>, <a rel="tag">Harbour</a></div>{related}
        <section class="wp-block-comments"><h2>2 responses</h2><div class="wp-block-comment-template"><p>First comment, which says that the ferry is late every night.</p></div></section></main>
        <footer class="wp-block-template-part"><p>Proudly powered by WordPress</p></footer></body></html>"""


def arc() -> str:
    body = paragraphs(name="c-paragraph b-article-body__text")
    promo = f'<div class="c-interstitial-link"><p>[<a href="/lamp">{OTHER}</a>]</p></div>'
    return f"""{head(data(**{"@type": "NewsArticle", "headline": TITLE, "datePublished": "2025-06-03T18:05:00.512Z", "dateModified": "2025-06-03T19:40:11Z"}))}
        <body><div id="fusion-app"><nav class="b-header-nav-chain">Sections</nav><main class="b-right-rail__main"><h1 class="c-headline b-headline">{TITLE}</h1>
        <div class="b-byline"><span class="b-byline__names">By Ines Halloran</span></div><time class="c-date b-date">June 3, 2025 at 7:05 p.m. EDT</time>
        <article class="b-article-body">{body[0]}{body[1]}{promo}<div class="c-ad arcad-feature">Advertisement</div>{body[2]}{body[3]}</article>
        <div class="b-author-bio"><p class="b-author-bio__description">Ines Halloran covers the harbour and has won two awards for it.</p></div></main>
        <aside class="b-right-rail__rail"><section class="b-results-list"><h2>{OTHER}</h2><p>{TEASER}</p></section></aside></div></body></html>"""


def brightspot() -> str:
    body = paragraphs()
    return f"""{head(meta(og__title=TITLE, article__published_time="2025-06-03T18:05:00Z"), data(**{"@type": "NewsArticle", "headline": TITLE, "datePublished": "2025-06-03T14:05:00-04:00"}))}
        <body class="Page-body"><ps-header class="PH"><div class="Navigation">Watch live</div></ps-header><main class="Page-main">
        <h1 class="Page-headline">{TITLE}</h1><div class="Page-byline"><div class="Page-authors">By <a class="Link">Ines Halloran</a></div>
        <div class="Page-dateModified"><bsp-timestamp data-timestamp="1748973900000">2:05 PM EDT, June 3, 2025</bsp-timestamp></div></div>
        <div class="Page-actions"><button>Share</button><a>Copy link copied</a></div>
        <div class="RichTextStoryBody RichTextBody">{body[0]}{body[1]}<div class="Enhancement" data-align-floatleft><ps-promo class="PagePromo"><div class="PagePromo-title"><a href="/lamp">{OTHER}</a></div></ps-promo></div>
        <div class="HtmlModule"><a class="AnchorLink"></a></div>{body[2]}{body[3]}</div>
        <bsp-list-loadmore class="PageListStandardB"><div class="PageList-header-title">Most read</div><h3 class="PagePromo-title">{OTHER}</h3></bsp-list-loadmore></main></body></html>"""


def ghost() -> str:
    body = paragraphs()
    return f"""{head(meta(og__title=TITLE, article__published_time="2025-06-03T18:05:00.000Z"), data(**{"@type": "Article", "headline": TITLE, "datePublished": "2025-06-03T18:05:00.000Z", "publisher": {"@type": "Organization", "name": "The Millbrenn Post"}}))}
        <body class="post-template"><div class="gh-viewport"><header id="gh-navigation" class="gh-navigation">Home About</header>
        <main class="gh-main"><article class="gh-article post"><header class="gh-article-header gh-canvas"><a class="gh-article-tag">News</a><h1 class="gh-article-title is-title">{TITLE}</h1>
        <div class="gh-article-meta"><h4 class="gh-article-author-name">Ines Halloran</h4><time class="gh-article-meta-date" datetime="2025-06-03">03 Jun 2025</time><span class="gh-article-meta-length">1 min read</span></div></header>
        <section class="gh-content gh-canvas is-body">{body[0]}{body[1]}<figure class="kg-card kg-bookmark-card"><a class="kg-bookmark-container" href="/lamp"><div class="kg-bookmark-content"><div class="kg-bookmark-title">{OTHER}</div><div class="kg-bookmark-description">{TEASER}</div></div></a></figure>
        {body[2]}{body[3]}<div class="kg-card kg-signup-card"><h2 class="kg-signup-card-heading">Sign up for the Post</h2><p class="kg-signup-card-subheading">News of the harbour, every morning at six.</p></div></section></article>
        <section class="gh-container is-grid gh-outer"><h2>Read more</h2><article class="gh-card post"><h3 class="gh-card-title">{OTHER}</h3><p class="gh-card-excerpt">{TEASER}</p></article></section></main></div></body></html>"""


def substack() -> str:
    body = paragraphs()
    widget = """<div class="subscription-widget-wrap-editor"><div class="subscription-widget show-subscribe"><div class="preamble"><p class="cta-caption">The Millbrenn Post is a reader-supported publication. To receive new posts and support my work, consider becoming a free or paid subscriber.</p></div></div></div>"""
    tweet = """<div class="tweet" data-attrs="{}"><div class="tweet-header"><span>Tom</span><span>@tom</span></div>No ferry, no votes!<div class="tweet-footer"><a href="https://x.com/tom/status/19299">6:01 PM ∙ Jun 3, 2025</a></div></div>"""
    return f"""{head(data(**{"@type": "NewsArticle", "headline": TITLE, "datePublished": "2025-06-03T18:05:00+00:00", "isAccessibleForFree": True}))}
        <body><div id="entry"><div class="main-menu">Subscribe Sign in</div><div class="single-post"><article class="typography newsletter-post post"><div class="post-header"><h1 class="post-title published">{TITLE}</h1>
        <h3 class="subtitle">The operator asked for more time.</h3><div class="pencraft">Ines Halloran</div><div class="pencraft">Jun 03, 2025</div></div>
        <div class="available-content"><div class="body markup">{body[0]}{body[1]}{widget}{tweet}{body[2]}{body[3]}<p class="button-wrapper" data-component-name="ButtonCreateButton"><a class="button primary" href="/s"><span>Share</span></a></p></div></div></article>
        <div class="comments-section"><h4>Discussion about this post</h4><p>Why always September, and never the month in which we are asked?</p></div></div></div></body></html>"""


def drupal() -> str:
    body = paragraphs()
    return f"""{head(meta(og__title=TITLE), '<meta name="dcterms.date" content="2025-06-03T20:05+02:00">', title=f"{TITLE} | The Millbrenn Post")}
        <body class="path-node page-node-type-article"><div class="dialog-off-canvas-main-canvas"><div class="region region-header"><nav class="menu--main">Home</nav></div>
        <div class="region region-content"><h1 class="page-header"><span class="field field--name-title">{TITLE}</span></h1><article class="node node--type-article" about="/n">
        <footer class="node__meta"><div class="node__submitted">Submitted by <span>ihalloran</span> on <span>3 June 2025</span></div></footer>
        <div class="node__content"><div class="field field--name-body field--type-text-with-summary field__item">{body[0]}{body[1]}
        <div class="paragraph paragraph--type--tweet"><blockquote class="twitter-tweet"><p>No ferry, no votes!</p></blockquote></div>{body[2]}{body[3]}</div>
        <div class="field field--name-field-tags field--label-inline"><div class="field__label">Tags</div><div class="field__item"><a>Ferry</a></div></div></div></article>
        <div class="views-element-container block block-views"><h2>Related content</h2><div class="views-row"><h3><a href="/lamp">{OTHER}</a></h3><p>{TEASER}</p></div></div></div></div></body></html>"""


def squarespace() -> str:
    texts = "".join(paragraphs(name='" style="white-space:pre-wrap'))
    return f"""{head('<meta itemprop="datePublished" content="2025-06-03T14:05:00-0400">', '<meta itemprop="headline" content="' + TITLE + '">', meta(og__title=f"{TITLE} — The Millbrenn Post", og__site_name="The Millbrenn Post"), title=f"{TITLE} — The Millbrenn Post")}
        <body class="collection-type-blog-basic-grid view-item"><header id="header">Cart 0</header><main id="page"><article class="entry blog-item-wrapper">
        <div class="blog-item-top-wrapper"><div class="blog-item-meta-wrapper"><time class="dt-published blog-meta-item blog-meta-item--date">Jun 3</time><span class="blog-meta-item">Written By Ines Halloran</span></div><h1 class="entry-title" itemprop="headline">{TITLE}</h1></div>
        <div class="blog-item-content e-content"><div class="sqs-layout sqs-grid-12"><div class="sqs-block html-block sqs-block-html"><div class="sqs-block-content"><div class="sqs-html-content">{texts}</div></div></div>
        <div class="sqs-block newsletter-block"><p>Sign up with your email address to receive news and updates.</p></div></div></div>
        <section class="blog-item-pagination item-pagination"><a><h2>{OTHER}</h2></a></section></article></main></body></html>"""


def wix() -> str:
    texts = "".join(
        f'<div type="paragraph" data-hook="rcv-block{n}"><p class="oF2qM KkK2c" dir="auto"><span class="zKzl5">{text}</span></p></div><div type="empty-line"><p><span><br></span></p></div>'
        for n, text in enumerate(PARAGRAPHS)
    )
    return f"""{head(meta(og__title=TITLE, article__published_time="2025-06-03T18:05:00.123Z"), title=TITLE)}
        <body><div id="SITE_CONTAINER"><header id="SITE_HEADER"><p>Log In</p></header><main id="PAGES_CONTAINER"><article class="HQZZr8" data-hook="post"><div class="post-header"><ul><li><span data-hook="user-name">Ines Halloran</span></li><li><span data-hook="time-ago">Jun 3</span></li><li><span data-hook="time-to-read">1 min read</span></li></ul></div>
        <h1 data-hook="post-title" class="PEcv3q blog-post-title-font">{TITLE}</h1><section data-hook="post-description"><div class="moaVf"><div data-rce-version="10">{texts}</div></div></section></article>
        <div data-hook="recent-posts"><h2>Recent Posts</h2><article><div data-hook="post-title">{OTHER}</div></article></div><section data-hook="comments-root"><h2>Comments</h2><p>Write a comment...</p></section></main></div></body></html>"""


def blogger() -> str:
    texts = "<br /><br />".join(PARAGRAPHS)
    return f"""{head(data(**{"@type": "BlogPosting", "headline": TITLE, "datePublished": "2025-06-03T11:05:00-07:00", "publisher": {"@type": "Organization", "name": "Blogger"}}), title=f"The Millbrenn Post: {TITLE}")}
        <body class="item-view"><div class="content-outer"><h2 class="date-header"><span>Tuesday, June 3, 2025</span></h2><div class="post hentry uncustomized-post-template"><h3 class="post-title entry-title">{TITLE}</h3>
        <div class="post-body entry-content" id="post-body-1">{texts}<div style="clear: both;"></div></div><div class="post-footer"><span class="post-author vcard">Posted by <span class="fn">Ines</span></span> at <a class="timestamp-link"><abbr class="published" title="2025-06-03T11:05:00-07:00">11:05 AM</abbr></a><div class="post-labels">Labels: <a rel="tag">ferry</a></div></div></div>
        <div class="comments" id="comments"><h4>1 comment:</h4><p class="comment-content">And who pays for the empty boats until then, may one ask?</p></div>
        <div class="column-right-inner"><div class="widget PopularPosts"><h2>Popular Posts</h2><div class="item-title"><a>{OTHER}</a></div><div class="item-snippet">{TEASER}</div></div></div></div></body></html>"""


def medium() -> str:
    body = paragraphs(name="pw-post-body-paragraph mj mk")
    return f"""{head(meta(og__title=TITLE, article__published_time="2025-06-03T18:05:00.000Z", og__site_name="Medium"), title=f"{TITLE} | by Ines Halloran | The Millbrenn Post | Jun, 2025 | Medium")}
        <body><div id="root"><div class="a b">Sign up Sign in</div><article class="meteredContent"><div><h1 class="pw-post-title" data-testid="storyTitle">{TITLE}</h1><div class="speechify-ignore"><a data-testid="authorName">Ines Halloran</a><button>Follow</button><span data-testid="storyReadTime">2 min read</span><span data-testid="storyPublishDate">Jun 3, 2025</span><div>Listen</div><div>Share</div></div></div>
        <section><div>{body[0]}<blockquote class="nb">{body[1]}</blockquote><figure class="ni"><figcaption>Photo by the harbour office</figcaption></figure>{body[2]}{body[3]}</div></section></article>
        <div class="kicker"><h2>More from Ines Halloran and The Millbrenn Post</h2><div role="link"><h2>{OTHER}</h2><p>{TEASER}</p></div></div></div></body></html>"""


def broadcaster() -> str:
    blocks = "".join(
        f'<div data-component="text-block" class="sc-18fde0d6-0"><p class="sc-eb7bd5f6-0">{text}</p></div>'
        for text in PARAGRAPHS[:2]
    )
    later = "".join(
        f'<div data-component="text-block" class="sc-18fde0d6-0"><p class="sc-eb7bd5f6-0">{text}</p></div>'
        for text in PARAGRAPHS[2:]
    )
    return f"""{head(data(**{"@graph": [{"@type": "ReportageNewsArticle", "headline": TITLE, "datePublished": "2025-06-03T18:05:00.000Z"}]}), title=f"{TITLE} - Coast News")}
        <body><div id="__next"><header><nav>Skip to content</nav></header><main id="main-content"><article class="sc-cdf3c2b3-0"><div data-component="headline-block"><h1 class="sc-f98b1ad2-0">{TITLE}</h1></div>
        <div data-component="byline-block"><time datetime="2025-06-03T18:05:00.000Z">3 hours ago</time><div><span>Ines Halloran</span><span>Harbour correspondent</span></div><button>Share</button><button>Save</button></div>
        <figure><div data-component="image-block"><span>Harbour office</span></div><div data-component="caption-block"><figcaption>The ferry leaves at eleven</figcaption></div></figure>{blocks}
        <div data-component="links-block"><div><h2>More on this story</h2></div><ul><li><a href="/lamp">{OTHER}</a></li></ul></div>
        <div data-component="social-embed" class="social-embed"><blockquote cite="https://x.com/tom/status/192999">No ferry, no votes! Posted by Tom.</blockquote></div>{later}
        <div data-component="topic-list"><ul><li><a>Ferries</a></li><li><a>Millbrenn</a></li></ul></div></article><div data-component="nevada-grid"><h2>Related</h2><h3>{OTHER}</h3><p>{TEASER}</p></div></main></div></body></html>"""


def amp_only() -> str:
    body = paragraphs()
    return f"""<!doctype html><html amp lang="en"><head><meta charset="utf-8"><script async src="https://cdn.ampproject.example/v0.js"></script><title>{TITLE}</title><link rel="canonical" href="{ADDRESS}">
        {data(**{"@type": "NewsArticle", "headline": TITLE, "datePublished": "2025-06-03T20:05:00+02:00", "mainEntityOfPage": ADDRESS})}</head>
        <body><amp-sidebar id="menu"><ul><li>News</li></ul></amp-sidebar><amp-consent id="c"><div>We and our partners use cookies.</div></amp-consent><main><h1>{TITLE}</h1><p class="amp-wp-meta">By Ines Halloran</p>
        <amp-img src="a.jpg"></amp-img>{body[0]}<amp-ad type="x"><div>Advertisement</div></amp-ad>{body[1]}<amp-twitter data-tweetid="19"><blockquote placeholder>No ferry, no votes!</blockquote></amp-twitter>
        {body[2]}{body[3]}<amp-social-share type="x"></amp-social-share><amp-list src="r"><template><h3>{OTHER}</h3></template></amp-list></main><footer><p>All rights reserved</p></footer></body></html>"""


CMS_PAGES: dict[str, Callable[[], str]] = {
    made.__name__: made
    for made in (
        wordpress_blocks,
        arc,
        brightspot,
        ghost,
        substack,
        drupal,
        squarespace,
        wix,
        blogger,
        medium,
        broadcaster,
        amp_only,
    )
}
