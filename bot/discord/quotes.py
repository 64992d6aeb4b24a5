"""A quote as Discord shows it: one line, escaped, the words that answer in bold, no quotation mark left open. Pure."""

import re
from collections.abc import Sequence

from bot.discord.markdown import escape, one_line, units
from bot.quotation import unpaired_marks, without_markdown
from vectorstore.values import Span

MOST_BOLD = 2 / 3
"""Share of a quote from which bold stresses nothing. A guess."""
ADDED = 3
"""Units that a mark and its ellipsis add at either end."""


def set_quote(quote: str, spans: Sequence[Span], limit: int) -> str:
    """A quote for a line that begins with `> `, so that it needs no marks around it; "" where nothing fits.

    Sentences are cut out of longer speeches. A mark whose partner was left in the article gets one here, with an ellipsis:
    “We will stay. …” is speech that goes on, “… and rebuild,” she said, speech that began before. What begins within its sentence
    says so, too: … after inspectors found a crack.
    """
    bold = spans if sum(end - start for start, end in joined_spans(spans)) < MOST_BOLD * len(quote) else ()
    text = emphasised(quote, bold, limit - 2 * ADDED)
    unopened, unclosed = unpaired_marks(text)
    if unopened:
        text = f"{unopened}… {text.removeprefix('…').lstrip()}"
    elif quote.lstrip()[:1].islower() and text and not text.startswith("…"):
        text = f"… {text}"
    if unclosed:
        text = f"{text.removesuffix('…').rstrip()} …{unclosed}"
    return text


def emphasised(quote: str, spans: Sequence[Span], limit: int) -> str:
    """A quote on one line, without its markup, escaped, these spans of it in bold, cut around the first when too long."""
    quote, spans = without_markdown(quote, spans)
    start, end = 0, len(quote)
    while True:
        shown = marked(quote, spans, start, end)
        if units(shown) <= limit or end - start <= 1:
            return shown if units(shown) <= limit else ""
        excess = max(1, (end - start) * (units(shown) - limit) // (2 * units(shown)))
        first = spans[0][0] if spans else 0
        if first - start > (end - start) // 2:
            start = min(start + excess, first)
        else:
            end -= excess


def marked(quote: str, spans: Sequence[Span], start: int, end: int) -> str:
    """quote[start:end] on one line, escaped, its spans in bold, with an ellipsis where it was cut."""
    pieces: list[str] = []
    position = start
    for span_start, span_end in joined_spans(spans):
        low, high = max(span_start, position), min(span_end, end)
        if low < high:
            pieces.append(quote_piece(quote[position:low], begins=is_blank(pieces)))
            pieces.append(quote_piece(quote[low:high], "**", begins=is_blank(pieces)))
            position = high
    pieces.append(quote_piece(quote[position:end], begins=is_blank(pieces)))
    text = re.sub(r" {2,}", " ", "".join(pieces)).strip()
    return ("…" if start > 0 else "") + text + ("…" if end < len(quote) else "") if text else ""


def joined_spans(spans: Sequence[Span]) -> list[Span]:
    """The spans in order, those that touch as one: "**a****b**" would show its stars."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def is_blank(pieces: Sequence[str]) -> bool:
    """True if nothing of a line is shown yet."""
    return not "".join(pieces).strip()


def quote_piece(text: str, mark: str = "", begins: bool = False) -> str:
    """A stretch of a quote, escaped; white space at its ends stays outside the mark, or it would not become bold.

    begins: whether it begins the line, and so could begin a list or a heading. "8.50" in mid-sentence needs no escape.
    """
    # Between two bars the white space at the ends stays, and a control character leaves none.
    shown = one_line(f"|{text}|")[1:-1]
    core = escape(shown.strip()) if begins else escape(f"x{shown.strip()}")[1:]
    before = " " if shown[:1] == " " else ""
    after = " " if shown[-1:] == " " else ""
    return f"{before}{mark}{core}{mark}{after}" if core else before
