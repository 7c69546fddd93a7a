from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsclf.corpus.rows import RowError, article_from_row
from newsclf.records import Article, Decision, Tag
from newsclf.schemes import Label, LabelScheme
from newsclf.tag.markup import looks_marked_up, text_of_markup
from newsclf.tag.ninjs import is_ninjs, item_from_error, item_from_tagged, row_from_item
from strategies import articles

URI = r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`\x00-\x20\x7f-\U0010ffff]+"
DATE_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
TEXT = {"role": str, "contentType": str, "value": str}
SUBJECT = {
    "name": str,
    "rel": str,
    "uri": URI,
    "literal": str,
    "creator": str,
    "relevance": range(101),
    "confidence": range(101),
}
NINJS_3 = {
    "uri": URI,
    "type": "text|audio|video|picture|graphic|composite|component|event|planning",
    "representationType": "full|partial",
    "versionCreated": DATE_TIME,
    "language": str,
    "edNote": str,
    "headlines": [TEXT],
    "bodies": [TEXT | {"charCount": int, "wordCount": int}],
    "infoSources": [{"name": str, "role": str, "uri": URI, "literal": str}],
    "subjects": [SUBJECT],
    "standard": {"name": str, "version": str, "schema": URI},
}
"""What the schema of ninjs 3.0 says of the members that are written; no other is allowed."""

SCHEME = LabelScheme(
    name="topic",
    title="Topic",
    version="1",
    kind="multi",
    question="What?",
    labels=(
        Label(id="police", title="Police", definition=".", iptc=("medtop:20000129",)),
        Label(id="aid", title="Aid", definition=".", iptc=("medtop:20000001", "medtop:20000002")),
        Label(id="odd", title="Odd things", definition="."),
    ),
)
LABELS = {("topic", label.id): label for label in SCHEME.labels}
STORY = Article("s1", "Police & courts", "First.\nSecond.", published="2025-05-15", language="en")
FULL = {
    "uri": "http://example.org/1",
    "versioncreated": "2024-02-07T10:00:00Z",
    "language": "en-GB",
    "headline": "Police numbers rise",
    "body_text": "More officers.",
    "body_html": "<p>More officers.</p>",
}


def conforms(value: object, schema: Any) -> bool:
    if isinstance(schema, dict):
        return isinstance(value, dict) and all(
            key in schema and conforms(member, schema[key]) for key, member in value.items()
        )
    if isinstance(schema, list):
        return isinstance(value, list) and all(conforms(one, schema[0]) for one in value)
    if isinstance(schema, range):
        return type(value) is int and value in schema
    if isinstance(schema, str):
        return isinstance(value, str) and re.fullmatch(schema, value) is not None
    return type(value) is schema


def tagged(article: Article, *given: tuple[str, float]) -> dict[str, Any]:
    tags = [("a@1", Tag("topic", label, p, Decision.AUTO)) for label, p in given]
    return item_from_tagged(article, tags, Decision.AUTO, LABELS)


def read(item: Mapping[str, Any]) -> Article:
    return article_from_row(row_from_item(item))


def test_a_label_is_a_subject_for_each_of_its_media_topics() -> None:
    item = tagged(STORY, ("police", 0.936), ("aid", 0.5), ("odd", 1.0))
    assert conforms(item, NINJS_3)
    assert item["subjects"][0] == {
        "name": "Police",
        "rel": "about",
        "uri": "http://cv.iptc.org/newscodes/mediatopic/20000129",
        "literal": "topic:police",
        "creator": "a@1",
        "confidence": 94,
    }
    assert [subject["uri"].rpartition("/")[2] for subject in item["subjects"]] == [
        "20000129",
        "20000001",
        "20000002",
        "urn:newsclf:topic:odd",
    ]


def test_an_item_says_what_is_known_and_nothing_else() -> None:
    item = tagged(STORY)
    assert (item["uri"], item["versionCreated"]) == (
        "urn:newsclf:article:s1",
        "2025-05-15T00:00:00Z",
    )
    assert item["edNote"] == "newsclf: auto"
    assert item["headlines"][0]["value"] == "Police & courts"
    bare = tagged(Article("urn:x:1", "", "Body"))
    assert bare["uri"] == "urn:x:1"
    assert not bare.keys() & {"versionCreated", "language", "headlines", "infoSources"}


@pytest.mark.parametrize(
    ("published", "written"),
    [
        ("2025-05-15T10:30:00+01:00", "2025-05-15T10:30:00+01:00"),
        ("2025-05-15T10:30:00", "2025-05-15T10:30:00Z"),
        ("yesterday", None),
        ("2025-13-01", None),
        ("2025-05-15T10:30:00+01:00:07", None),
    ],
)
def test_a_time_is_written_only_as_the_standard_has_it(published: str, written: str | None) -> None:
    assert tagged(Article("a", "b", "", published=published)).get("versionCreated") == written


def test_an_error_is_an_item_that_conforms() -> None:
    for article_id in ("a b", None):
        error = RowError("empty_text", "no text", article_id)
        item = item_from_error(error, "in put\ufffd.jsonl", 17)
        assert conforms(item, NINJS_3)
        assert item["edNote"].startswith("newsclf: error empty_text: no text (in put")
        assert not is_ninjs(item) or "bodies" not in item


@given(article=articles, probability=st.floats(0, 1))
@example(Article("urn:newsclf:article:a%41", "-", ""), 0.5)
@example(Article("http://a/%zz", "<p>-</p>", "a<br>b"), 0.5)
def test_what_is_written_conforms_and_is_read_again(article: Article, probability: float) -> None:
    item = orjson.loads(orjson.dumps(tagged(article, ("police", probability))))
    assert conforms(item, NINJS_3)
    assert is_ninjs(item)
    found = read(item)
    assert (found.id, found.headline, found.body) == (article.id, article.headline, article.body)
    assert (found.language, found.source) == (article.language, article.source)


def test_the_date_of_publication_is_read_again() -> None:
    assert read(tagged(STORY)).published == "2025-05-15"


def test_an_item_of_version_1_is_read() -> None:
    expected = Article(
        "http://example.org/1",
        "Police numbers rise",
        "More officers.",
        published="2024-02-07",
        language="en-GB",
    )
    assert is_ninjs(FULL)
    assert read(FULL) == expected
    assert read({key: FULL[key] for key in FULL if key != "body_text"}) == expected


@pytest.mark.parametrize("key", ["contenttype", "contentType"])
def test_an_item_of_version_2_or_3_is_read(key: str) -> None:
    item = {
        "guid": "g1",
        "firstcreated": "2024-02-07T10:00:00Z",
        "headlines": [{"role": "short", "value": "Rise"}, {"role": "main", "value": "Police rise"}],
        "bodies": [
            {key: "text/html; charset=utf-8", "value": "<h1>No</h1>"},
            {key: "text/plain", "value": "a < b"},
        ],
    }
    assert is_ninjs(item)
    assert read(item) == Article("g1", "Police rise", "a < b", published="2024-02-07")
    del item["bodies"][1]  # type: ignore[attr-defined]
    assert read(item).body == "No"


def test_a_body_of_no_stated_type_loses_its_markup_only_where_it_has_some() -> None:
    for body, text in (("<p>One</p><p>Two</p>", "One\nTwo"), ("a <b and c", "a <b and c")):
        assert read({"uri": "a:b", "bodies": [{"value": body}]}).body == text


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"uri": 1.5}, "wrong_type"),
        ({"uri": None}, "missing_id"),
        ({"headlines": "Police"}, "wrong_type"),
        ({"bodies": ["Police"]}, "wrong_type"),
        ({"bodies": [{"value": 3}]}, "wrong_type"),
        ({"language": ["en"]}, "wrong_type"),
        ({"headline": None, "body_text": "", "body_html": "<p> </p>"}, "empty_text"),
    ],
)
def test_an_item_that_is_no_article_is_refused(members: dict[str, Any], code: str) -> None:
    with pytest.raises(RowError, match=r"\w") as caught:
        read(FULL | members)
    assert caught.value.code == code


def test_a_row_with_an_id_is_no_item() -> None:
    assert not is_ninjs({"id": "1", "uri": "a:b", "headline": "Police"})
    assert not is_ninjs({"headline": "Police", "body": "Police"})
    assert not is_ninjs({"uri": "a:b", "body": "Police"})


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One <i>t</i>wo</p>\n<p>Three</p>", "One two\nThree"),
        ("a<!-- <p>no</p> -->b<script>if (a<b) {}</script>c", "abc"),
        ("<style/>a <SCRIPT x='y'>no</Script >b", "a b"),
        ("&lt;p&gt; &amp; &eacute; &#x41; &nope;", "<p> & é A &nope;"),
        ("<!DOCTYPE html><?xml version='1'?>1 < 2 <3", "1 < 2 <3"),
        ("kept <p dropped", "kept"),
        ("kept <script>dropped", "kept"),
        ("line\nbreaks are  spaces<br/>but not this", "line breaks are spaces\nbut not this"),
    ],
)
def test_markup_becomes_text(markup: str, text: str) -> None:
    assert text_of_markup(markup) == text


@pytest.mark.parametrize(
    "piece", ["<", "<!--", "<script>", "<p ", "</", "<svg><", "&#", "<!", '<a"', "<p>", "&#9" * 9]
)
def test_markup_of_any_kind_takes_a_time_that_grows_with_its_length(piece: str) -> None:
    markup = piece * (2_000_000 // len(piece))
    text_of_markup(markup)
    looks_marked_up(markup)


def test_a_character_reference_of_any_length_is_read() -> None:
    assert text_of_markup(f"&#{'1' * 5000};") == f"&#{'1' * 5000};"


@given(st.text())
def test_text_of_any_markup_can_be_written(markup: str) -> None:
    assert text_of_markup(markup).encode() is not None
