"""The text of marked-up bodies, in time that grows with their length and no faster."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]*)")
_DROPPED = re.compile("head|iframe|noscript|script|style|svg|template", re.IGNORECASE)
_INLINE = re.compile(
    "a|abbr|acronym|b|bdi|bdo|big|cite|code|data|del|dfn|em|font|i|img|ins|kbd|mark|q|s|samp"
    f"|small|span|strike|strong|sub|sup|time|tt|u|var|wbr|{_DROPPED.pattern}",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"</?(?:p|div|br|hr|h[1-6]|ul|ol|li|table|blockquote)(?:\s[^<>]*)?/?>", re.I)


def text_of_markup(markup: str) -> str:
    r"""Return the text of HTML, XHTML or NITF: a line for each block, white space as one space.

    Comments, scripts and styles are dropped. What looks like a tag and is not closed is dropped
    with all that follows.

    Parameters
    ----------
    markup : str
        Of any quality.

    Examples
    --------
    >>> text_of_markup("<p>Police &amp; <b>border</b> force<br>rise</p><script>x()</script>")
    'Police & border force\nrise'
    """
    text = "".join(_pieces(markup))
    lines = (" ".join(_unescaped(line).split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def looks_marked_up(text: str) -> bool:
    """Return whether a text of an unknown type has the tags of blocks in it."""
    return _MARKUP.search(text) is not None


def _pieces(markup: str) -> Iterator[str]:
    """Yield the text between tags, with a line feed for each tag that is not within a line."""
    position = 0
    while (start := markup.find("<", position)) >= 0:
        yield markup[position:start].replace("\n", " ")
        tag = _TAG.match(markup, start)
        if tag is None and markup[start + 1 : start + 2] not in ("!", "?"):
            yield "<"
            position = start + 1
            continue
        end = _end_of(markup, start, tag)
        if end < 0:
            return
        position = end
        if tag is not None and not _INLINE.fullmatch(tag[2]):
            yield "\n"
    yield markup[position:].replace("\n", " ")


def _end_of(markup: str, start: int, tag: re.Match[str] | None) -> int:
    """Return where a tag or a comment ends, or an element that is dropped; -1 where it does not."""
    if markup.startswith("<!--", start):
        return _after(markup.find("-->", start + 4), 3)
    end = _after(markup.find(">", start), 1)
    if end < 0 or tag is None or tag[1] or markup[end - 2] == "/":
        return end
    if not _DROPPED.fullmatch(tag[2]):
        return end
    close = re.compile(rf"</{tag[2]}\s*>", re.IGNORECASE).search(markup, end)
    return close.end() if close else -1


def _after(position: int, length: int) -> int:
    return position + length if position >= 0 else -1


def _unescaped(text: str) -> str:
    try:
        return html.unescape(text)
    except ValueError:  # a character reference of more digits than Python reads
        return text
