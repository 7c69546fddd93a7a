from __future__ import annotations

import html
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govuk_server import GovukServer, as_json, gzipped, serving
from newsclf.corpus.fetch.guard import check_url, is_public
from newsclf.corpus.fetch.html_text import MAX_TAGS, govspeak_text
from newsclf.corpus.fetch.journal import Entry, Journal
from newsclf.corpus.fetch.polite import FetchError, Limits, PoliteClient
from newsclf.errors import InputError, OutputError

FAST = Limits(rate=10_000, timeout=0.3, deadline=2, attempts=3, backoff=0.0, max_bytes=100_000)


@pytest.fixture(scope="module")
def shared() -> Iterator[GovukServer]:
    with serving([]) as server:
        yield server


@pytest.fixture
def server(shared: GovukServer) -> GovukServer:
    shared.special.clear()
    shared.asked.clear()
    shared.delay = 0.0
    return shared


@pytest.fixture
def client() -> Iterator[PoliteClient]:
    with PoliteClient(allow_private=True, limits=FAST) as made:
        yield made


def resolving(monkeypatch: pytest.MonkeyPatch, **names: list[str]) -> list[str]:
    """Replace the resolver; names that were asked for gather in the list."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in names:
            return real(host, port, *args, **kwargs)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in names[host]]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


NOT_PUBLIC = """
    127.0.0.1 10.1.2.3 192.168.0.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 240.0.0.1
    ::1 ff02::1 fe80::1 fd00::1 ::7f00:1
    ::ffff:127.0.0.1 2002:7f00:1:: 64:ff9b::7f00:1 64:ff9b:1::a00:1
"""


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_addresses_that_are_not_public_are_told(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_are_told(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("url", ["ftp://example.org/a", "file:///etc/passwd", "no-scheme"])
def test_only_addresses_of_the_web_are_asked(url: str) -> None:
    with pytest.raises(InputError, match="not an address of the web"):
        check_url(httpx.URL(url))


def test_credentials_in_an_address_are_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match="user name or a password") as refused:
        check_url(httpx.URL("http://someone:secret@example.org/"))
    assert "secret" not in str(refused.value)


def test_a_private_address_is_refused_unless_allowed(server: GovukServer) -> None:
    with PoliteClient(limits=FAST) as client, pytest.raises(InputError, match="--allow-private"):
        client.get(server.base)
    assert not server.asked


def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, mixed=["8.8.8.8", "10.0.0.1"])
    with PoliteClient(limits=FAST) as client, pytest.raises(InputError, match=r"at 10\.0\.0\.1"):
        client.get("http://mixed/")


def test_a_name_is_resolved_once_a_request_and_the_checked_address_is_used(
    server: GovukServer, client: PoliteClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = resolving(monkeypatch, quay=["127.0.0.1"])
    server.special["/a"] = lambda _: as_json({"ok": 1})
    port = server.base.rpartition(":")[2]
    answer = client.get(f"http://quay:{port}/a")
    assert asked == ["quay"]
    assert answer.url == f"http://quay:{port}/a"


def test_a_redirect_to_a_private_address_is_refused(
    server: GovukServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsclf.corpus.fetch.guard.is_public", lambda ip: ip != "10.9.9.9")
    resolving(monkeypatch, inside=["10.9.9.9"])
    server.special["/a"] = lambda _: (302, {"Location": "http://inside/secret"}, b"")
    with PoliteClient(limits=FAST) as client, pytest.raises(InputError, match="http://inside"):
        client.get(f"{server.base}/a")


def test_proxies_of_the_environment_are_not_used(
    server: GovukServer, client: PoliteClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    server.special["/a"] = lambda _: as_json([7])
    with PoliteClient(allow_private=True, limits=FAST) as fresh:
        assert fresh.get_json(f"{server.base}/a") == [7]


def test_redirects_are_followed_up_to_a_bound(server: GovukServer, client: PoliteClient) -> None:
    server.special["/a"] = lambda _: (301, {"Location": "/b"}, b"")
    server.special["/b"] = lambda _: as_json("here")
    assert client.get_json(f"{server.base}/a") == "here"
    server.special["/b"] = lambda _: (302, {"Location": "/a"}, b"")
    with pytest.raises(FetchError, match="after 5 redirects"):
        client.get(f"{server.base}/a")


def failing_first(answer: Callable[[], Any]) -> Callable[[int], Any]:
    return lambda times: answer() if times == 1 else as_json({"good": True})


@pytest.mark.parametrize(
    "bad",
    [
        as_json({}, 500),
        as_json({}, 503),
        (200, {"Content-Length": "900"}, b'{"good":'),
        (200, {"Content-Type": "application/json"}, b'{"good": tr'),
        (200, {"Content-Encoding": "gzip"}, gzipped(b"{}" * 500)[2][:-9]),
        (200, {"Content-Encoding": "gzip"}, b"not gzip"),
    ],
    ids=["500", "503", "truncated", "half of a JSON", "half of a gzip", "damaged gzip"],
)
def test_a_passing_failure_is_tried_again(
    server: GovukServer, client: PoliteClient, bad: Any
) -> None:
    server.special["/a"] = failing_first(lambda: bad)
    assert client.get_json(f"{server.base}/a") == {"good": True}
    assert server.asked["/a"] == 2


def test_a_slow_answer_is_given_up_and_tried_again(
    server: GovukServer, client: PoliteClient
) -> None:
    import time

    server.special["/a"] = failing_first(lambda: time.sleep(0.6) or as_json({}))
    assert client.get_json(f"{server.base}/a") == {"good": True}


def test_attempts_run_out(server: GovukServer, client: PoliteClient) -> None:
    server.special["/a"] = lambda _: as_json({}, 500)
    with pytest.raises(FetchError, match="status 500; gave up after 3 attempts"):
        client.get(f"{server.base}/a")


def test_a_refusal_is_not_tried_again_and_says_what_the_server_said(
    server: GovukServer, client: PoliteClient
) -> None:
    server.special["/a"] = lambda _: as_json({"message": "count is too large"}, 422)
    with pytest.raises(FetchError, match="status 422: count is too large") as refused:
        client.get(f"{server.base}/a")
    assert refused.value.status == 422
    assert server.asked["/a"] == 1


@pytest.mark.parametrize(
    ("header", "waited"),
    [("7", 7.0), ("100000", 120.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", 0.0)],
)
def test_retry_after_is_honoured_and_capped(
    server: GovukServer, header: str, waited: float
) -> None:
    busy = (429, {"Retry-After": header}, b"")
    server.special["/a"] = failing_first(lambda: busy)
    pauses: list[float] = []
    limits = Limits(rate=1e9, backoff=0)
    with PoliteClient(allow_private=True, limits=limits, sleep=pauses.append) as client:
        client.get(f"{server.base}/a")
    assert [pause for pause in pauses if pause > 0.001 or waited == 0] == [waited]


def test_requests_are_spaced_out(server: GovukServer) -> None:
    server.special["/a"] = lambda _: as_json({})
    now = [0.0]
    starts: list[float] = []

    def sleep(seconds: float) -> None:
        now[0] += seconds

    server.special["/a"] = lambda _: starts.append(now[0]) or as_json({})  # type: ignore[func-returns-value]
    limits = Limits(rate=4)
    with PoliteClient(
        allow_private=True, limits=limits, clock=lambda: now[0], sleep=sleep
    ) as client:
        for _ in range(4):
            client.get(f"{server.base}/a")
    assert starts == [0.0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize(
    "answer",
    [(200, {}, b"x" * 100_001), gzipped(b"x" * 50_000_000)],
    ids=["long", "gzip bomb"],
)
def test_an_answer_that_is_too_long_is_refused(
    server: GovukServer, client: PoliteClient, answer: Any
) -> None:
    server.special["/a"] = lambda _: answer
    with pytest.raises(FetchError, match="more than 100,000 bytes"):
        client.get(f"{server.base}/a")
    assert server.asked["/a"] == 1


def test_an_encoding_that_was_not_asked_for_is_refused(
    server: GovukServer, client: PoliteClient
) -> None:
    server.special["/a"] = lambda _: (200, {"Content-Encoding": "gzip, gzip"}, b"")
    with pytest.raises(FetchError, match="gzip was asked for"):
        client.get(f"{server.base}/a")


def test_a_name_that_is_not_known_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with PoliteClient(limits=FAST) as client, pytest.raises(FetchError, match="cannot be resolved"):
        client.get("http://nowhere.example/")


def test_blocks_of_a_page_become_lines_of_text() -> None:
    markup = """<div class="govspeak"><h2 id="a">Next  steps</h2>
      <p>See <a href="/x">the <b>plan</b></a> of the <abbr title="Harbour Office">HO</abbr>.</p>
      <ul><li>Read</li><li><p>Sign</p></li></ul><ol><li>One</li><li>Two</li></ol>
      <blockquote><p>It floats.</p></blockquote>
      <table><tr><th>Boat</th><th>Crew</th></tr><tr><td><p>Gull</p></td><td>3</td></tr></table>
      <p>End<sup id="fnref:1"><a class="footnote" href="#fn:1">[footnote 1]</a></sup>.</p>
      <img alt="a quay" src="q.png"><script>alert(1)</script><style>p {}</style></div>"""
    assert govspeak_text(markup).split("\n") == [
        *("Next steps", "", "See the plan of the HO.", "", "- Read", "- Sign", "1. One", "2. Two"),
        *("", "It floats.", "", "Boat | Crew", "Gull | 3", "", "End."),
    ]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200))
def test_the_text_of_a_paragraph_comes_back(text: str) -> None:
    found = govspeak_text(f"<p>{html.escape(text)}</p>")
    assert found.split() == text.split()


@given(st.text(st.sampled_from("<>/ abpultdr&;\"'=!-"), max_size=200))
def test_any_markup_is_read(markup: str) -> None:
    govspeak_text(markup)


@pytest.mark.parametrize("tag", ["div", "b", "ul><li", "table><tr><td", "b a=1"])
@pytest.mark.parametrize("times", [MAX_TAGS // 2, 100_000])
def test_nesting_without_end_is_read(tag: str, times: int) -> None:
    assert govspeak_text(f"<{tag}>" * times + "deep").endswith("deep")


def test_formatting_left_open_does_not_multiply() -> None:
    opened = "".join(f"<b class={number}>" for number in range(MAX_TAGS // 2))
    assert govspeak_text(opened + "<p>x</p>" * (MAX_TAGS // 2 - 1)).count("x") == 9_999


def test_another_fetch_cannot_take_a_journal_that_is_in_use(tmp_path: Path) -> None:
    with Journal.begin(tmp_path / "c", {"q": 1}) as journal:
        journal.record(Entry("x", article={"id": "1"}))
        for query in ({"q": 1}, {"q": 2}):
            with pytest.raises(OutputError, match="another fetch is writing"):
                Journal.begin(tmp_path / "c", query, force=True)
    with Journal.begin(tmp_path / "c", {"q": 1}) as again:
        assert [entry.key for entry in again.entries] == ["x"]


@pytest.mark.parametrize("address", ["fec0::1", "192.88.99.1", "192.0.0.8"])
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)
