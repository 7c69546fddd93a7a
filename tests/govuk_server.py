"""A small GOV.UK on this machine: both APIs over invented stories, and misbehaviour."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Item = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]


def story(number: int, day: str, **changes: Any) -> Item:
    """An invented content item."""
    path = f"/government/news/story-{number}"
    organisation = {
        "title": "Harbour Office",
        "base_path": "/government/organisations/harbour-office",
        "content_id": "org-1",
    }
    item: Item = {
        "base_path": path,
        "content_id": f"c-{number:04}",
        "locale": "en",
        "document_type": "news_story",
        "title": f"Harbour report {number}",
        "description": "What the harbour did.",
        "first_published_at": f"{day}T09:30:00Z",
        "withdrawn_notice": {},
        "details": {"body": f"<div class='govspeak'><p>Boat {number} left the quay.</p></div>"},
        "links": {
            "primary_publishing_organisation": [organisation],
            "organisations": [organisation],
            "taxons": [
                {
                    "title": "Ferries",
                    "base_path": "/transport/ferries",
                    "content_id": "t-2",
                    "links": {"parent_taxons": [{"title": "Transport", "base_path": "/transport"}]},
                }
            ],
        },
    }
    return item | changes


class GovukServer:
    """Stories by path, and special answers by path; counts what was asked."""

    def __init__(self, items: list[Item]) -> None:
        self.items = {item["base_path"]: item for item in items}
        self.special: dict[str, Callable[[int], Answer]] = {}
        self.asked: Counter[str] = Counter()
        self.times: list[float] = []
        self.searches: list[dict[str, list[str]]] = []
        self.delay = 0.0
        self.deepest = 10_000
        self.base = ""

    def answer(self, target: str) -> Answer:
        path = urlsplit(target).path
        self.asked[path] += 1
        self.times.append(time.monotonic())
        time.sleep(self.delay)
        if path in self.special:
            return self.special[path](self.asked[path])
        if path == "/api/search.json":
            return self._search(parse_qs(urlsplit(target).query))
        item = self.items.get(path.removeprefix("/api/content"))
        if item is None:
            return as_json({"message": "no such page"}, 404)
        return as_json(item, 410 if item["document_type"] == "gone" else 200)

    def _search(self, query: dict[str, list[str]]) -> Answer:
        self.searches.append(query)
        start, count = int(query["start"][0]), int(query["count"][0])
        if count > 1500 or start + count > self.deepest:
            return as_json({"message": "Maximum result set size exceeded"}, 422)
        dates = dict(part.split(":") for part in query["filter_public_timestamp"][0].split(","))
        found = [
            item
            for item in self.items.values()
            if dates["from"] <= item["first_published_at"][:10] <= dates["to"]
            and item["document_type"]
            in query.get("filter_content_store_document_type", [item["document_type"]])
        ]
        found.sort(key=lambda item: item["first_published_at"], reverse=True)
        results = [{"link": item["base_path"]} for item in found[start : start + count]]
        return as_json({"total": len(found), "start": start, "results": results})


def as_json(document: object, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(document).encode()


def gzipped(body: bytes) -> Answer:
    headers = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    return 200, headers, gzip.compress(body)


@contextmanager
def serving(items: list[Item]) -> Iterator[GovukServer]:
    """Serve items on a free port of this machine."""
    govuk = GovukServer(items)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            status, headers, body = govuk.answer(self.path)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True
            if int(headers.get("Content-Length", len(body))) > len(body):
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    govuk.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield govuk
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
