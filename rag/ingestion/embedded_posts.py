"""Posts of other networks that a page embeds. They are words of somebody else, and no text of the article.

What is quoted is the outlet's: a stranger's post quoted with the outlet's name would be a lie, whatever the article says of it.
"""

import re

from lxml.html import HtmlElement

from rag.text import word_set

EMBEDDED_TAGS = word_set("""
    amp-twitter amp-instagram amp-facebook amp-tiktok amp-reddit amp-youtube bsky-embed shreddit-embed ps-tweet-embed
    ps-twitter-embed ps-instagram-embed ps-facebook-embed
""")
EMBEDDED_CLASSES = word_set("""
    twitter-tweet twitter-video twitter-tweet-rendered tweet tweet-embed tweetembed element-tweet embed-twitter embed-tweet
    instagram-media instagram-embed tiktok-embed bluesky-embed bluesky-wrap reddit-embed reddit-embed-bq reddit-card fb-post
    fb-video facebook-embed mastodon-embed text-post-media threads-embed imgur-embed-pub telegram-post social-embed socialembed
    embed-social wp-block-embed kg-embed-card media--type-tweet media--type-twitter media--type-instagram c-embed oembed
    paragraph--type--social-embed paragraph--type--tweet
""")
POST_ADDRESS = re.compile(
    r"https?://(?:[\w-]+\.)*(?:"
    r"(?:twitter|x)\.com/\w+/status(?:es)?/\d|instagram\.com/(?:[\w.]+/)?(?:p|reel|tv)/|tiktok\.com/@[\w.]+/video/"
    r"|bsky\.app/profile/[\w.:-]+/post/|(?:facebook|fb)\.com/(?:[\w.]+/(?:posts|videos)/|permalink\.php|share/)"
    r"|threads\.(?:net|com)/@[\w.]+/post/|reddit\.com/r/\w+/comments/|truthsocial\.com/@\w+/(?:posts/)?\d|t\.me/\w+/\d"
    r"|linkedin\.com/(?:posts|feed/update)/|(?:vk\.com|weibo\.com)/\w+\?w=wall|[\w.-]+/@\w+/\d{15,})",
    re.IGNORECASE,
)
"""A post by its address; a server of Mastodon has any name, and its posts have numbers of 18 digits."""
BOXES_OF_POSTS = word_set("blockquote figure")
POST_WORDS = 400
"""A longer quotation with such a link in it is a document, or the article."""


def is_embedded_post(element: HtmlElement) -> bool:
    """True for a post with what stands around it, by its class or because it is a quotation that leads to the post."""
    if element.tag in EMBEDDED_TAGS:
        return True
    if not EMBEDDED_CLASSES.isdisjoint((element.get("class") or "").lower().split()):
        return True
    if element.tag not in BOXES_OF_POSTS or len(element.text_content().split()) > POST_WORDS:
        return False
    addresses = [element.get("cite"), *(link.get("href") for link in element.iter("a"))]
    return any(POST_ADDRESS.match(address.strip()) for address in addresses if address)
