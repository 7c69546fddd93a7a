"""The text of a page's body, as the HTML of GOV.UK has it (Govspeak)."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

MAX_TAGS = 20_000
"""Most tags that are read as a tree; parsing is quadratic in their nesting at worst."""

_FORMATTING = re.compile(
    r"<(/?)(?:a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])", re.IGNORECASE
)
_DROPPED = re.compile(
    "audio|button|canvas|embed|form|head|iframe|img|math|noscript|object|picture|script"
    "|select|style|svg|template|textarea|title|video"
)
_BLOCKS = re.compile(
    "address|article|aside|blockquote|body|caption|dd|details|div|dl|dt|fieldset|figcaption"
    "|figure|footer|h1|h2|h3|h4|h5|h6|header|hr|li|main|nav|ol|p|pre|section|summary|table"
    "|tbody|td|tfoot|th|thead|tr|ul"
)


def govspeak_text(markup: str) -> str:
    """Return the text of an HTML fragment.

    Paragraphs and headings are separated by blank lines; list items begin with ``-`` or their
    number, and table rows have ``|`` between their cells, a line each. Links and abbreviations are
    their text. Images, scripts and the marks of footnotes are dropped.

    Parameters
    ----------
    markup : str
        HTML, of any quality. What has more than `MAX_TAGS` tags is read as one paragraph.

    Examples
    --------
    >>> print(govspeak_text("<h2>Next</h2><ul><li>Read <a href='/a'>it</a></li><li>Sign</li></ul>"))
    Next
    <BLANKLINE>
    - Read it
    - Sign
    """
    from selectolax.lexbor import LexborHTMLParser

    if len(re.findall("<[a-zA-Z]", markup)) > MAX_TAGS:
        return " ".join(html.unescape(re.sub(r"<[^<>]*>", " ", markup)).split())
    # Elements for formatting become spans: HTML has unclosed ones reopened in every later
    # paragraph, which multiplies them.
    body = LexborHTMLParser(_FORMATTING.sub(r"<\1span", markup)).body
    writer = _Writer()
    if body is not None:
        _walk(body, writer)
    return writer.text()


def _walk(root: LexborNode, writer: _Writer) -> None:
    """Visit nodes in document order without recursion, which nesting could exhaust."""
    pending: list[tuple[LexborNode, bool]] = [(root, True)]
    while pending:
        node, entering = pending.pop()
        if not entering:
            writer.leave(node.tag or "")
        elif node.is_text_node:
            writer.write(node.text_content or "")
        elif node.is_element_node and not _is_dropped(node):
            writer.enter(node.tag or "")
            pending.append((node, False))
            pending.extend((child, True) for child in reversed(_children(node)))


def _children(node: LexborNode) -> list[LexborNode]:
    return list(node.iter(include_text=True, skip_empty=False))


def _is_dropped(node: LexborNode) -> bool:
    if _DROPPED.fullmatch(node.tag or ""):
        return True
    if node.tag not in ("sup", "span"):
        return False
    name = f"{node.attributes.get('id') or ''} {node.attributes.get('class') or ''}"
    return any(
        word.startswith("fnref") or word in ("footnote", "reversefootnote") for word in name.split()
    )


class _Writer:
    """Gathers pieces of text into blocks; list items and table rows are lines of one block."""

    def __init__(self) -> None:
        self._blocks: list[tuple[str, bool]] = []
        self._pieces: list[str] = []
        self._lists: list[int | None] = []
        self._rows = 0
        self._mark = ""

    def enter(self, tag: str) -> None:
        if tag in ("td", "th") and self._rows and "".join(self._pieces).strip():
            self._pieces.append(" | ")
        elif tag == "br":
            self._pieces.append(" ")
        elif _BLOCKS.fullmatch(tag):
            self._end_block()
        if tag in ("ul", "ol"):
            self._lists.append(0 if tag == "ol" else None)
        elif tag == "li":
            self._mark = self._next_mark()
        elif tag == "tr":
            self._rows += 1

    def leave(self, tag: str) -> None:
        if tag == "tr":
            self._rows -= 1
        if _BLOCKS.fullmatch(tag):
            self._end_block(is_row=tag == "tr")
        if tag in ("ul", "ol"):
            self._lists.pop()
        elif tag == "li":
            self._mark = ""

    def write(self, text: str) -> None:
        self._pieces.append(text)

    def text(self) -> str:
        self._end_block()
        parts: list[str] = []
        after_line = False
        for block, is_line in self._blocks:
            if parts:
                parts.append("\n" if is_line and after_line else "\n\n")
            parts.append(block)
            after_line = is_line
        return "".join(parts)

    def _next_mark(self) -> str:
        number = self._lists[-1] if self._lists else None
        if number is None:
            return "- "
        self._lists[-1] = number + 1
        return f"{number + 1}. "

    def _end_block(self, *, is_row: bool = False) -> None:
        if self._rows:
            self._pieces.append(" ")
            return
        text = " ".join("".join(self._pieces).split())
        self._pieces.clear()
        if text:
            is_line = is_row or bool(self._lists or self._mark)
            self._blocks.append((self._mark + text, is_line))
            self._mark = ""
