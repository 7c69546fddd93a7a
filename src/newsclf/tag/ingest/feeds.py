"""Rows of RSS and Atom feeds, from files and from addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsclf.corpus.exchange.base import Member, Rows, SourceRow
from newsclf.errors import InputError
from newsclf.extras import require
from newsclf.tag.outputs.base import shown_path

if TYPE_CHECKING:
    from newsclf.corpus.fetch.polite import Answer

MAX_FEED_BYTES = 16 * 1024 * 1024
"""Longest feed that is read, for it has to be in memory at once."""


def read_feed(member: Member) -> Rows:
    """Yield the entries of a feed in a file, with the feed's own text as bodies."""
    require("fetch")
    from newsclf.corpus.fetch.polite import Answer

    with member.open() as file:
        body = file.read(MAX_FEED_BYTES + 1)
    if len(body) > MAX_FEED_BYTES:
        message = f"the feed has more than {MAX_FEED_BYTES:,} bytes; give its entries as JSONL"
        raise InputError(message, path=member.name)
    yield from _entries(Answer(shown_path(member.name), "application/xml", body), member.name)


def read_address(address: str) -> Rows:
    """Yield the entries of a feed on the web; addresses of private networks are refused."""
    require("fetch")
    from newsclf.corpus.fetch.polite import PoliteClient

    with PoliteClient() as client:
        answer = client.get(address)
    yield from _entries(answer, address)


def _entries(answer: Answer, name: str) -> Rows:
    from newsclf.corpus.fetch.feed import parse_feed

    for number, row in enumerate(parse_feed(answer), 1):
        yield SourceRow(name, number, row)
