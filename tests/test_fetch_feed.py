from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govuk_server import GovukServer, serving
from newsclf.corpus import read_corpus
from newsclf.corpus.fetch.collect import FetchSummary
from newsclf.corpus.fetch.feed import MAX_ENTRIES, fetch_feed_corpus, parse_feed
from newsclf.corpus.fetch.polite import Answer, FetchError, Limits
from newsclf.errors import InputError

FAST = Limits(rate=100_000, timeout=1, attempts=1)

RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0"><channel><title>Harbour News</title><language>en-gb</language>
<item><title>Quay &amp;amp; crane</title><link>{base}/quay</link><guid>tag:quay</guid>
  <pubDate>Tue, 03 Mar 2020 23:30:00 GMT</pubDate>
  <description>&lt;p&gt;The quay &lt;b&gt;opens&lt;/b&gt;.&lt;/p&gt;</description></item>
<item><title>Second</title><link>{base}/missing</link><description>Short.</description></item>
<item><title>Quay again</title><guid>tag:quay</guid></item>
</channel></rss>"""

ATOM = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom" xml:lang="cy">
<title>Porthladd</title><entry><id>urn:1</id><title>Cei newydd</title>
<updated>2021-04-05T06:07:08Z</updated><summary>Byr.</summary>
<content type="html">&lt;p&gt;Mae'r cei ar agor.&lt;/p&gt;</content></entry></feed>"""

SENTENCE = "The new quay of the harbour opened this morning to ferries from both islands. "
PAGE = f"""<html><head><title>Quay</title></head><body><nav><a href="/">Home</a></nav>
<main><article><h1>Quay</h1><p>{SENTENCE * 4}</p><p>{SENTENCE * 3}</p></article></main>
<footer>All rights kept by the harbour</footer></body></html>"""


@pytest.fixture
def server() -> Iterator[GovukServer]:
    with serving([]) as made:
        made.special["/feed"] = lambda _: as_xml(RSS.format(base=made.base))
        made.special["/quay"] = lambda _: (200, {"Content-Type": "text/html"}, PAGE.encode())
        yield made


def as_xml(text: str) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/xml"}, text.encode()


def fetch(server: GovukServer, into: Path, **more: Any) -> FetchSummary:
    return fetch_feed_corpus(f"{server.base}/feed", into, allow_private=True, limits=FAST, **more)


def parsed(text: str | bytes, content_type: str = "application/xml") -> list[dict[str, Any]]:
    body = text.encode() if isinstance(text, str) else text
    return list(parse_feed(Answer("https://news.example/feed", content_type, body)))


def test_entries_of_a_feed_become_articles_with_the_text_of_their_pages(
    server: GovukServer, tmp_path: Path
) -> None:
    summary = fetch(server, tmp_path / "c")
    corpus = read_corpus(tmp_path / "c")
    second, first = corpus.articles
    assert first.headline == "Quay & crane"
    assert first.body.count("both islands") == 7
    assert "rights kept" not in first.body
    assert (first.published, first.source, first.language) == (
        "2020-03-03",
        "Harbour News",
        "en-gb",
    )
    assert first.url == f"{server.base}/quay"
    assert second.body == "Short."
    assert corpus.info.licence.startswith("not stated")
    assert [change.id for change in summary.changed] == [second.id]
    assert "the feed's own text is kept: " in summary.changed[0].what
    assert "status 404" in summary.changed[0].what


def test_pages_are_left_alone_when_not_wanted(server: GovukServer, tmp_path: Path) -> None:
    fetch(server, tmp_path / "c", full_text=False)
    bodies = {article.body for article in read_corpus(tmp_path / "c").articles}
    assert bodies == {"The quay opens.", "Short."}
    assert not server.asked["/quay"]


def test_a_page_at_a_private_address_is_not_read(
    server: GovukServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = "<item><title>a</title><link>http://10.0.0.1/secret</link></item>"
    text = f"<rss version='2.0'><channel><title>t</title>{item}</channel></rss>"
    server.special["/feed"] = lambda _: as_xml(text)
    monkeypatch.setattr("newsclf.corpus.fetch.guard.is_public", lambda ip: ip != "10.0.0.1")
    url = f"{server.base}/feed"
    summary = fetch_feed_corpus(url, tmp_path / "c", limits=FAST)
    assert "10.0.0.1, which is not a public address" in summary.changed[0].what


def test_an_atom_feed_is_read() -> None:
    [row] = parsed(ATOM)
    assert (row["headline"], row["body"]) == ("Cei newydd", "Mae'r cei ar agor.")
    assert (row["published"], row["language"]) == ("2021-04-05", "cy")


@pytest.mark.parametrize("reference", ["&#xD800;", "&#99999999999999999999;", "&#x110000;"])
def test_a_character_that_cannot_be_is_a_damaged_feed(reference: str) -> None:
    with pytest.raises(InputError, match="the feed is damaged: "):
        parsed(f"<rss version='2.0'><channel><item><title>{reference}</title></item></channel>")


def test_an_entry_keeps_its_id_when_its_words_change() -> None:
    before, after = parsed(ATOM), parsed(ATOM.replace("newydd", "hen"))
    assert before[0]["id"] == after[0]["id"]
    assert before[0]["headline"] != after[0]["headline"]


def test_every_entry_of_a_feed_gives_a_row() -> None:
    items = "".join(f"<item><title>t{n % 600}</title></item>" for n in range(MAX_ENTRIES + 200))
    rows = parsed(f"<rss version='2.0'><channel>{items}</channel></rss>")
    assert len(rows) == MAX_ENTRIES + 200


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (PAGE, "an HTML page; give the address of its feed"),
        ('{"version": "https://jsonfeed.org"}', "JSON"),
        ("", "an empty answer"),
        ("<notes><note/></notes>", "XML of another kind"),
        ("plain words", "content of the type"),
    ],
)
def test_what_is_no_feed_is_refused_with_what_it_is(text: str, found: str) -> None:
    with pytest.raises(InputError, match=f"expected an RSS or Atom feed, found {found}"):
        parsed(text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_feed_with_entities_is_refused(encoding: str) -> None:
    bomb = """<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>
    <rss version="2.0"><channel><item><title>&b;</title></item></channel></rss>"""
    with pytest.raises(InputError, match="declares entities"):
        parsed(bomb.encode(encoding))


def test_a_feed_that_is_not_there_says_so(server: GovukServer, tmp_path: Path) -> None:
    del server.special["/feed"]
    with pytest.raises(FetchError, match="status 404"):
        fetch(server, tmp_path / "c")
    assert not (tmp_path / "c").exists()


@given(
    st.binary(max_size=60)
    | st.text(st.sampled_from("<>![]&#x9dDOCTYPE/?-' a;"), max_size=40).map(str.encode)
)
def test_any_bytes_are_a_feed_or_refused(tail: bytes) -> None:
    with suppress(InputError):
        rows = parsed(b"<rss version='2.0'><channel><item><title>a" + tail)
        assert all(row["id"].startswith("feed-") for row in rows)
