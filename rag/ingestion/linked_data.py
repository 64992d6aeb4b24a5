"""The article that a page's JSON-LD describes, by schema.org's vocabulary: which of several, its names, its live entries."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

ARTICLE_TYPES = ("Article", "Posting")
"""Endings: NewsArticle, ReportageNewsArticle, BlogPosting, LiveBlogPosting, SocialMediaPosting, ..."""
LIVE_BLOG = "LiveBlogPosting"
WEB_PAGE_TYPES = ("WebPage", "ItemPage")
INSIDE = ("@graph", "mainEntity", "mainEntityOfPage")
"""Where a page's own article may stand within another thing; an ItemList or hasPart holds other articles."""
DEEPEST_THING = 6
WRAPPERS = ("<!--", "-->", "//", "/*", "*/", "<![CDATA[", "]]>", ";")
"""What was once written around scripts, to hide them from old browsers."""
NEEDLESS_COMMA = re.compile(r",(?=\s*[,}\]])")

Thing = Mapping[str, object]


class LinkedData:
    """All things of a page, with the references between them."""

    def __init__(self, scripts: list[str]) -> None:
        self.things = [thing for script in scripts for thing in things_in(parsed_json(script))]
        self.by_id = {
            thing["@id"]: thing for thing in self.things if isinstance(thing.get("@id"), str) and len(thing) > 1
        }

    def article(self, addresses: set[str], titles: set[str]) -> Thing:
        """The page's own article: that with its address, else with its title, else the first; {} where there is none."""
        articles = [thing for thing in self.things if has_type(thing, ARTICLE_TYPES)]
        for thing in articles:
            if not addresses.isdisjoint(map(same_address, self.addresses_of(thing))):
                return thing
        for thing in articles:
            if same_words(self.words(thing.get("headline"))) in titles:
                return thing
        pages = [thing for thing in self.things if has_type(thing, WEB_PAGE_TYPES) and thing.get("datePublished")]
        return next(iter(articles + pages), {})

    def addresses_of(self, thing: Thing) -> list[str]:
        """What a thing gives as its own address, as it is written, the plainest first."""
        found = [thing.get("url"), thing.get("mainEntityOfPage"), thing.get("@id")]
        found += [one.get(name) for one in found if isinstance(one, dict) for name in ("@id", "url")]
        return [one for one in found if isinstance(one, str)]

    def words(self, value: object, depth: int = 0) -> str:
        """A value's name as text: of a thing its name, of a list all of them; references are followed, addresses dropped."""
        if depth > DEEPEST_THING:
            return ""
        if isinstance(value, str):
            return "" if value.lower().startswith(("http://", "https://")) else value.strip()
        if isinstance(value, list):
            return ", ".join(dict.fromkeys(filter(None, (self.words(one, depth + 1) for one in value))))
        if isinstance(value, dict):
            thing = value if "name" in value or "headline" in value else self.by_id.get(str(value.get("@id")), {})
            return self.words(thing.get("name") or thing.get("headline"), depth + 1)
        return ""

    def live_entries(self, article: Thing) -> Iterator[Thing]:
        """The entries of a live blog in the order they are given."""
        entries = article.get("liveBlogUpdate")
        for entry in entries if isinstance(entries, list) else [entries]:
            if isinstance(entry, dict):
                yield self.by_id.get(entry.get("@id"), entry) if len(entry) == 1 else entry


def parsed_json(script: str) -> object:
    """A script's value, None where it is none. A comma too many and a wrapper for old browsers are forgiven."""
    text = unwrapped_script(script)
    for written in (text, NEEDLESS_COMMA.sub("", text)):
        with suppress(ValueError, RecursionError):
            return json.loads(written, strict=False)
    return None


def unwrapped_script(script: str) -> str:
    before, text = "", script.strip()
    while text != before:
        before = text
        for wrapper in WRAPPERS:
            text = text.removeprefix(wrapper).removesuffix(wrapper).strip()
    return text


def things_in(value: object, depth: int = 0) -> Iterator[Thing]:
    """A value's things, outer ones first."""
    if depth > DEEPEST_THING:
        return
    if isinstance(value, list):
        for one in value:
            yield from things_in(one, depth + 1)
    elif isinstance(value, dict):
        yield value
        for name in INSIDE:
            if isinstance(value.get(name), list | dict):
                yield from things_in(value[name], depth + 1)


def has_type(thing: Thing, endings: tuple[str, ...]) -> bool:
    kinds = thing.get("@type")
    return any(
        isinstance(kind, str) and kind.endswith(endings) for kind in (kinds if isinstance(kinds, list) else [kinds])
    )


def is_free(thing: Thing) -> bool:
    """False where the publisher says that the article is not for everybody."""
    return str(thing.get("isAccessibleForFree", True)).strip().lower() not in ("false", "no", "0")


def same_address(address: str) -> str:
    """What two addresses of one page have in common."""
    return re.sub(r"\Ahttps?://(?:www\.)?", "", re.split(r"[?#]", address.strip())[0]).rstrip("/").lower()


def same_words(title: str) -> str:
    """What two writings of one title have in common."""
    return " ".join(re.findall(r"\w+", title.lower()))
