from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from govuk_server import GovukServer, Item, as_json, serving, story
from newsclf.corpus import read_corpus
from newsclf.corpus.fetch import govuk
from newsclf.corpus.fetch.collect import FetchSummary
from newsclf.corpus.fetch.content import LeftOutError, page_path, story_row
from newsclf.corpus.fetch.govuk import GovukQuery, Window, fetch_govuk_corpus
from newsclf.corpus.fetch.journal import Entry, Journal
from newsclf.corpus.fetch.polite import FetchError, Limits
from newsclf.corpus.fetch.standoff import fetch_standoff_corpus, read_standoff
from newsclf.corpus.fetch.weak import read_weak_rules, weak_labels
from newsclf.errors import ConfigError, InputError, OutputError
from newsclf.files import shipped_data
from newsclf.schemes import read_scheme
from strategies import SCHEMES

FAST = Limits(rate=100_000, timeout=1, attempts=2, backoff=0.0)
FIRST = date(2020, 1, 1)
QUERY = GovukQuery(since=FIRST, until=date(2020, 3, 31))


def stories(count: int) -> list[Item]:
    return [story(n, (FIRST + timedelta(days=n % 80)).isoformat()) for n in range(count)]


@pytest.fixture
def server() -> Iterator[GovukServer]:
    with serving(stories(40)) as made:
        yield made


def fetch(server: GovukServer, into: Path, query: GovukQuery = QUERY, **more: Any) -> FetchSummary:
    more = {"allow_private": True, "limits": FAST} | more
    return fetch_govuk_corpus(query, into, base=server.base, **more)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_stories_become_articles(server: GovukServer, tmp_path: Path) -> None:
    summary = fetch(server, tmp_path / "c")
    corpus = read_corpus(tmp_path / "c")
    assert summary.kept == len(corpus.articles) == 40
    first = corpus.articles[0]
    assert (first.id, first.headline, first.published) == (
        "c-0000-en",
        "Harbour report 0",
        "2020-01-01",
    )
    assert first.body == "Boat 0 left the quay."
    assert (first.source, first.genre, first.language) == ("Harbour Office", "news_story", "en")
    assert first.url == f"{server.base}/government/news/story-0"
    assert corpus.info.licence == "OGL-UK-3.0"
    assert "Open Government Licence v3.0." in corpus.info.provenance
    assert not (tmp_path / "c.fetch").exists()


def test_articles_are_in_the_order_of_date_and_id(server: GovukServer, tmp_path: Path) -> None:
    fetch(server, tmp_path / "c")
    order = [(a.published, a.id) for a in read_corpus(tmp_path / "c").articles]
    assert order == sorted(order)


def test_windows_are_halved_until_an_answer_holds_them(
    server: GovukServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(govuk, "PAGE", 5)
    server.deepest = 10
    assert fetch(server, tmp_path / "c").kept == 40
    assert len(server.searches) > 8


def test_a_full_day_is_paged_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(govuk, "PAGE", 4)
    with serving([story(n, "2020-02-02") for n in range(11)]) as server:
        assert fetch(server, tmp_path / "c").kept == 11
        assert {query["start"][0] for query in server.searches} >= {"0", "4", "8"}


def test_a_day_deeper_than_the_api_lists_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(govuk, "PAGE", 4)
    monkeypatch.setattr(govuk, "DEEPEST", 10)
    with (
        serving([story(n, "2020-02-02") for n in range(11)]) as server,
        pytest.raises(InputError, match=r"11 stories are dated 2020-02-02.*narrow the query"),
    ):
        fetch(server, tmp_path / "c")


def test_a_refused_search_says_what_the_api_said(server: GovukServer, tmp_path: Path) -> None:
    server.deepest = 0
    with pytest.raises(FetchError, match="status 422: Maximum result set size exceeded"):
        fetch(server, tmp_path / "c")


def test_every_filter_is_sent(server: GovukServer, tmp_path: Path) -> None:
    query = GovukQuery(("a-office", "b-office"), ("news_story", "speech"), ("t-1",), FIRST, FIRST)
    fetch(server, tmp_path / "c", query)
    sent = server.searches[0]
    assert sent["filter_organisations"] == ["a-office", "b-office"]
    assert sent["filter_content_store_document_type"] == ["news_story", "speech"]
    assert sent["filter_part_of_taxonomy_tree"] == ["t-1"]
    assert sent["filter_public_timestamp"] == ["from:2020-01-01,to:2020-01-01"]


def test_a_limit_takes_the_newest(server: GovukServer, tmp_path: Path) -> None:
    fetch(server, tmp_path / "c", GovukQuery(limit=3, since=FIRST))
    dates = [article.published for article in read_corpus(tmp_path / "c").articles]
    assert dates == ["2020-02-07", "2020-02-08", "2020-02-09"]


def test_days_the_wrong_way_round_are_refused(server: GovukServer, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no day from 2020-03-31 to 2020-01-01"):
        fetch(server, tmp_path / "c", GovukQuery(since=QUERY.until, until=FIRST))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"withdrawn_notice": {"explanation": "old"}}, "withdrawn"),
        ({"document_type": "gone"}, "gone"),
        ({"document_type": "redirect", "redirects": []}, "moved elsewhere"),
        ({"title": "", "description": None, "details": {}}, "empty text"),
        ({"content_id": None}, "not a page"),
        ({"content_id": "c-0001"}, "listed twice"),
    ],
)
def test_a_story_that_cannot_be_had_is_counted(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    with serving([story(1, "2020-01-02"), story(2, "2020-01-01", **changes)]) as server:
        summary = fetch(server, tmp_path / "c", GovukQuery((), (), (), FIRST, QUERY.until))
        assert (summary.kept, summary.left_out) == (1, {reason: 1})


def test_a_moved_story_is_followed_to_its_new_place(tmp_path: Path) -> None:
    moved = {"document_type": "redirect", "redirects": [{"destination": "/new-place"}]}
    new = story(3, "2020-01-02", base_path="/new-place", first_published_at="1999-01-01")
    with serving([story(2, "2020-01-01", **moved), new]) as server:
        fetch(server, tmp_path / "c", GovukQuery((), (), (), FIRST, QUERY.until))
    assert [article.id for article in read_corpus(tmp_path / "c").articles] == ["c-0003-en"]


def test_nothing_found_is_an_error_and_leaves_nothing(server: GovukServer, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no story was found"):
        fetch(server, tmp_path / "c", GovukQuery(since=date(2021, 1, 1), until=date(2021, 1, 2)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "details",
    [
        {
            "body": [
                {"content_type": "text/govspeak"},
                {"content_type": "text/html", "content": "x"},
            ]
        },
        {"body": None},
        {"body": 7},
        None,
        [],
    ],
)
def test_bodies_of_any_shape_are_read(details: Any) -> None:
    item = story(1, "2020-01-01", details=details)
    assert story_row(item, "https://www.gov.uk", "a")["body"] in ("x", "What the harbour did.")


@pytest.mark.parametrize("url", ["", "no-slash", "https://www.gov.uk", "http://[bad"])
def test_an_address_without_a_path_is_no_page(url: str) -> None:
    with pytest.raises(LeftOutError, match="not a page"):
        page_path(url)


def test_halves_make_up_the_window() -> None:
    later, earlier = Window(FIRST, FIRST + timedelta(days=1)).halves()
    assert (earlier, later) == (
        Window(FIRST, FIRST),
        Window(FIRST + timedelta(days=1), FIRST + timedelta(days=1)),
    )


RUN = """
import sys
from datetime import date
from pathlib import Path
from newsclf.corpus.fetch import govuk
from newsclf.corpus.fetch.polite import Limits
govuk.PAGE = 7
query = govuk.GovukQuery(since=date(2020, 1, 1), until=date(2020, 3, 31))
govuk.fetch_govuk_corpus(query, Path(sys.argv[2]), base=sys.argv[1], allow_private=True,
                         limits=Limits(rate=100_000))
"""


def test_a_killed_fetch_goes_on_to_the_same_corpus(
    server: GovukServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(server, tmp_path / "whole" / "c")
    server.asked.clear()
    server.delay = 0.01
    into = tmp_path / "killed" / "c"
    stories_file = into.with_name("c.fetch") / "stories.jsonl"
    for lines in (1, 6, 15, 27):
        process = subprocess.Popen([sys.executable, "-c", RUN, server.base, str(into)])
        while not (stories_file.exists() and stories_file.read_bytes().count(b"\n") >= lines):
            assert process.poll() is None
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert not into.exists()
    with stories_file.open("ab") as file:
        file.write(b'{"key": "/government/news/st')
    summary = fetch(server, into)
    assert files_of(into) == files_of(tmp_path / "whole" / "c")
    assert (summary.kept, summary.resumed >= 20) == (40, True)
    asked = [times for path, times in server.asked.items() if "story" in path]
    assert sum(asked) <= 40 + 4


def test_a_fetch_killed_after_its_corpus_was_written_still_ends_well(
    server: GovukServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "remove", lambda _: None)
        fetch(server, tmp_path / "c")
    before = files_of(tmp_path / "c")
    assert fetch(server, tmp_path / "c").resumed == 40
    assert files_of(tmp_path / "c") == before
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_a_journal_of_another_query_is_not_gone_on_with(
    server: GovukServer, tmp_path: Path
) -> None:
    server.special["/api/content/government/news/story-7"] = lambda _: as_json({}, 500)
    with pytest.raises(FetchError, match="status 500"):
        fetch(server, tmp_path / "c")
    other = GovukQuery(since=FIRST, until=FIRST + timedelta(days=3))
    with pytest.raises(ConfigError, match="another query; --force starts again"):
        fetch(server, tmp_path / "c", other)
    assert fetch(server, tmp_path / "c", other, force=True).kept == 4


def test_a_corpus_that_exists_is_not_replaced(server: GovukServer, tmp_path: Path) -> None:
    fetch(server, tmp_path / "c")
    with pytest.raises(OutputError, match="exists already"):
        fetch(server, tmp_path / "c")
    assert fetch(server, tmp_path / "c", force=True).kept == 40


def test_two_fetches_do_not_share_a_journal(tmp_path: Path) -> None:
    with Journal.begin(tmp_path / "c", {}) as journal:
        journal.record(Entry("/a"))
        with pytest.raises(OutputError, match="another fetch is writing"):
            Journal.begin(tmp_path / "c", {})


def test_a_damaged_journal_says_where(tmp_path: Path) -> None:
    with Journal.begin(tmp_path / "c", {}) as journal:
        journal.record(Entry("/a"))
    path = tmp_path / "c.fetch" / "stories.jsonl"
    path.write_bytes(b"{}\n" + path.read_bytes())
    with pytest.raises(InputError, match=r"stories\.jsonl, line 1: .*damaged"):
        Journal.begin(tmp_path / "c", {})
    path.with_name("query.json").write_text("[]")
    with pytest.raises(InputError, match=r"query\.json: .*remove its folder"):
        Journal.begin(tmp_path / "c", {})


RULES = """
scheme = "beat"
[[rule]]
label = "court"
organisations = ["harbour-office"]
[[rule]]
label = "border"
taxons = ["/TRANSPORT"]
[[rule]]
label = "budget"
taxons = ["taxes"]
"""


def rules_file(folder: Path, text: str = RULES) -> Path:
    path = folder / "harbour.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["Ferries", "/transport/ferries", "ferries", "t-2", "transport"])
def test_a_taxon_goes_by_any_of_its_names_and_its_parents(tmp_path: Path, name: str) -> None:
    text = f'scheme = "beat"\n[[rule]]\nlabel = "border"\ntaxons = ["{name}"]'
    rules = read_weak_rules(rules_file(tmp_path, text), SCHEMES)
    assert weak_labels(story(1, "2020-01-01"), rules) == ("border",)
    assert weak_labels({}, rules) == ()


def test_a_single_label_is_the_first_rule_that_holds(tmp_path: Path) -> None:
    text = 'scheme = "tone"\n' + "".join(
        f'[[rule]]\nlabel = "{label}"\ntaxons = ["ferries"]\n' for label in ("cold", "warm")
    )
    rules = read_weak_rules(rules_file(tmp_path, text), SCHEMES)
    assert weak_labels(story(1, "2020-01-01"), rules) == ("cold",)


def test_weak_labels_stay_told_from_peoples(server: GovukServer, tmp_path: Path) -> None:
    fetch(server, tmp_path / "c", weak=rules_file(tmp_path), schemes=SCHEMES)
    corpus = read_corpus(tmp_path / "c")
    assert corpus.articles[0].labels == {"beat": ("border", "court")}
    assert {said.annotator for said in corpus.annotations} == {"weak:harbour"}
    assert len(corpus.annotations) == 40
    assert list(corpus.schemes) == ["beat"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"beat"', '"beet"', "no scheme 'beet'; did you mean 'beat'"),
        ('"court"', '"cort"', "unknown beat label 'cort'; did you mean 'court'"),
        ("taxons", "taxon", "unknown key 'rule.1.taxon'; did you mean 'taxons'"),
    ],
)
def test_rules_with_a_mistake_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = rules_file(tmp_path, RULES.replace(old, new, 1))
    with pytest.raises(ConfigError, match=message):
        read_weak_rules(path, SCHEMES)


def standoff_row(number: int, **changes: Any) -> dict[str, Any]:
    headline = f"harbour report {number}"
    return {
        "id": f"mine-{number}",
        "url": f"https://www.gov.uk/government/news/story-{number}?utm_source=mail#top",
        "published": "2020-01-05",
        "headline_sha256": hashlib.sha256(headline.encode()).hexdigest(),
        "words": 5,
        "labels": {"beat": ["court"], "tone": []},
        "target": "the new quay",
        "split": "test",
    } | changes


def standoff_file(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "labels.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def fetch_labels(server: GovukServer, labels: Path, into: Path) -> FetchSummary:
    return fetch_standoff_corpus(
        labels, into, schemes=SCHEMES, base=server.base, allow_private=True, limits=FAST
    )


def test_standoff_labels_find_their_text(server: GovukServer, tmp_path: Path) -> None:
    labels = standoff_file(tmp_path, standoff_row(1), standoff_row(2), standoff_row(99))
    summary = fetch_labels(server, labels, tmp_path / "c")
    corpus = read_corpus(tmp_path / "c")
    assert [article.id for article in corpus.articles] == ["mine-1", "mine-2"]
    first = corpus.articles[0]
    assert first.body == "Boat 1 left the quay."
    assert first.labels == {"beat": ("court",), "tone": ()}
    assert (first.published, first.split, first.target) == ("2020-01-05", "test", "the new quay")
    assert (summary.left_out, summary.changed) == ({"gone": 1}, ())


def test_a_story_that_changed_is_kept_and_said(server: GovukServer, tmp_path: Path) -> None:
    labels = standoff_file(
        tmp_path, standoff_row(1, headline_sha256="0" * 64), standoff_row(2, words=50)
    )
    summary = fetch_labels(server, labels, tmp_path / "c")
    assert summary.kept == 2
    assert [(change.id, change.what) for change in summary.changed] == [
        ("mine-1", "the headline is another"),
        ("mine-2", "the body has 5 words and had 50"),
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": {"beat": ["cort"]}}, "unknown beat label 'cort'"),
        ({"labels": {"beet": []}}, "no scheme for the task 'beet'"),
        ({"headline_sha256": "A"}, "headline_sha256"),
        ({"id": "mine-1"}, "the id 'mine-1' was used already"),
        ({"more": 1}, "unknown key 'more'"),
    ],
)
def test_labels_with_a_mistake_are_refused_with_their_line(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = standoff_file(tmp_path, standoff_row(1), standoff_row(2, **changes))
    with pytest.raises(InputError, match=rf"labels\.jsonl, line 2: .*{message}"):
        read_standoff(path, SCHEMES)


def test_the_labels_that_ship_are_read_and_have_no_text() -> None:
    data = shipped_data()
    schemes = {path.stem: read_scheme(path) for path in (data / "schemes").glob("*.toml")}
    found = read_standoff(data / "govuk" / "labels.jsonl", schemes)
    assert len(found) == 720
    assert max(len(label.target or "") for label in found) < 80
