"""Stories of an RSS or Atom feed, each with the text of its page."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

from newsclf.corpus.fetch.collect import FetchSummary, Progress, Terms, collect
from newsclf.corpus.fetch.html_text import govspeak_text
from newsclf.corpus.fetch.journal import Entry, Journal
from newsclf.corpus.fetch.polite import POLITE, Answer, Limits, PoliteClient
from newsclf.corpus.rows import RowError, labelled_from_row, row_from_labelled
from newsclf.errors import InputError

MAX_ENTRIES = 500
"""Stories of a feed that are fetched; the first so many."""

_PARSER_GIVES_UP = (ValueError, OverflowError, AssertionError, LookupError, RecursionError)
"""What feedparser lets through on character references and declarations that cannot be."""


def fetch_feed_corpus(
    url: str,
    into: Path,
    *,
    full_text: bool = True,
    allow_private: bool = False,
    force: bool = False,
    limits: Limits = POLITE,
    on_progress: Progress = lambda _done, _all: None,
) -> FetchSummary:
    """Fetch the stories of a feed into a corpus; started again after a stop, it goes on.

    Parameters
    ----------
    url : str
        Of an RSS or Atom feed.
    into : Path
        The corpus folder to write; the journal is ``<into>.fetch`` until then.
    full_text : bool
        Read each story's page too; else the feed's own text is the body.
    allow_private : bool
        Connect to addresses of private networks too.
    force : bool
        Replace a corpus that exists, and a journal that is of another feed.
    limits : Limits
        How fast, how long and how much.
    on_progress : callable
        See `Progress`.

    Raises
    ------
    ConfigError
        When the journal is of another feed.
    InputError
        When the feed cannot be read, or has no story.
    OutputError
        When the corpus exists or cannot be written.
    """
    asked = {"feed": url, "full_text": full_text}
    terms = Terms("not stated; the publisher's terms apply", f"the feed {url}")
    with PoliteClient(allow_private=allow_private, limits=limits) as client:

        def bring(journal: Journal) -> None:
            fetch_feed(url, journal, client, full_text=full_text, on_progress=on_progress)

        return collect(into, asked, bring, terms=terms, schemes={}, force=force)


def fetch_feed(
    url: str,
    journal: Journal,
    client: PoliteClient,
    *,
    full_text: bool = True,
    on_progress: Progress = lambda _done, _all: None,
) -> None:
    """Record the stories of a feed that a journal does not have yet.

    Parameters
    ----------
    url, full_text, on_progress
        As for `fetch_feed_corpus`.
    journal : Journal
        Has every story that an earlier run has done.
    client : PoliteClient
        What asks: neither the feed's parser nor the page's opens a connection.
    """
    by_id: dict[str, dict[str, Any]] = {}
    for row in islice(parse_feed(client.get(url)), MAX_ENTRIES):
        by_id.setdefault(row["id"], row)
    rows = list(by_id.values())
    for done, row in enumerate(rows, 1):
        if row["id"] not in journal:
            note = _read_page(row, client) if full_text else None
            journal.record(_entry(row, note))
        on_progress(done, len(rows))


def parse_feed(answer: Answer) -> Iterator[dict[str, Any]]:
    """Yield the rows of a feed's entries, with the feed's own text as bodies.

    Parameters
    ----------
    answer : Answer
        The feed. One that declares entities is refused: they can stand for a text of any length.

    Yields
    ------
    dict
        An article's fields, for every entry. Its id is a hash of what the feed calls the entry.

    Raises
    ------
    InputError
        When the answer is no feed; the message says what it is.
    """
    if b"<!entity" in answer.body.replace(b"\0", b"").lower():
        raise InputError("the feed declares entities, which are not read", path=answer.url)
    feed = _parsed(answer)
    if not feed.get("version"):
        message = f"expected an RSS or Atom feed, found {_kind_of(answer)}"
        raise InputError(message, path=answer.url)
    for entry in feed.entries:
        yield _row(entry, feed.feed)


def _parsed(answer: Answer) -> Any:
    import feedparser

    headers = {"content-type": answer.content_type, "content-location": answer.url}
    try:
        return feedparser.parse(BytesIO(answer.body), response_headers=headers)
    except _PARSER_GIVES_UP as error:
        raise InputError(f"the feed is damaged: {error}", path=answer.url) from None


def _row(entry: Mapping[str, Any], feed: Mapping[str, Any]) -> dict[str, Any]:
    link = _string(entry, "link")
    name = _string(entry, "id") or link or _string(entry, "title")
    texts = [_string(content, "value") for content in entry.get("content") or []]
    moment = entry.get("published_parsed") or entry.get("updated_parsed")
    return {
        "id": f"feed-{hashlib.sha256(name.encode()).hexdigest()[:16]}",
        "headline": govspeak_text(_string(entry, "title")),
        "body": govspeak_text(max([*texts, _string(entry, "summary")], key=len)),
        "published": time.strftime("%Y-%m-%d", moment) if moment else None,
        "source": govspeak_text(_string(feed, "title")) or None,
        "url": link or None,
        "language": _string(entry, "language") or _string(feed, "language") or None,
    }


def _string(fields: Mapping[str, Any], key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def _read_page(row: dict[str, Any], client: PoliteClient) -> str | None:
    """Put the text of a story's page in its row, or say why the feed's own text stays."""
    if row["url"] is None:
        return "it has no page; the feed's own text is kept"
    try:
        text = _page_text(client.get(row["url"]))
    except InputError as error:
        return f"its page could not be read, so the feed's own text is kept: {error}"
    if not text:
        return "its page has no text that can be told from its frame; the feed's own text is kept"
    row["body"] = text
    return None


def _page_text(page: Answer) -> str | None:
    import trafilatura

    return trafilatura.extract(
        page.body, url=page.url, include_comments=False, include_links=False, deduplicate=False
    )


def _entry(row: dict[str, Any], note: str | None) -> Entry:
    try:
        article = labelled_from_row(row, {})
    except RowError as error:
        return Entry(row["id"], left_out=error.code.replace("_", " "))
    return Entry(row["id"], row_from_labelled(article), note=note)


def _kind_of(answer: Answer) -> str:
    start = answer.body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        return "an empty answer"
    if start.startswith((b"<!doctype html", b"<html")):
        return "an HTML page; give the address of its feed"
    if start.startswith((b"{", b"[")):
        return "JSON"
    if start.startswith(b"<"):
        return "XML of another kind"
    return f"content of the type {answer.content_type!r}"
