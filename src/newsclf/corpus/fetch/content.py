"""Stories out of the GOV.UK Content API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from newsclf.corpus.fetch.html_text import govspeak_text
from newsclf.corpus.fetch.polite import FetchError, PoliteClient
from newsclf.corpus.rows import RowError, labelled_from_row, row_from_labelled
from newsclf.errors import NewsclfError

GOVUK = "https://www.gov.uk"
OGL = "OGL-UK-3.0"
ATTRIBUTION = "Contains public sector information licensed under the Open Government Licence v3.0."

_GONE = frozenset({404, 410})


class LeftOutError(NewsclfError):
    """A story that cannot be had; the message is the reason in a word or two."""


def content_item(client: PoliteClient, base: str, path: str) -> Mapping[str, Any]:
    """Fetch a page's content item, through one redirect of the Content API.

    Parameters
    ----------
    client : PoliteClient
        What asks.
    base : str
        Where the API is, as `GOVUK`.
    path : str
        The page's, as ``/government/news/...``.

    Raises
    ------
    LeftOutError
        When the page is ``gone``, ``withdrawn``, has ``moved elsewhere``, or is ``not a page``.
    FetchError
        When the API cannot be read.

    References
    ----------
    https://content-api.publishing.service.gov.uk/
    """
    item = _item_at(client, base, path)
    if item.get("document_type") == "redirect":
        item = _item_at(client, base, _destination(item))
    kind = item.get("document_type")
    if kind == "redirect":
        raise LeftOutError("moved elsewhere")
    if kind == "gone":
        raise LeftOutError("gone")
    if item.get("withdrawn_notice"):
        raise LeftOutError("withdrawn")
    return item


def page_path(url: str) -> str:
    """Return the path of a page's address, without query string and fragment.

    Raises
    ------
    LeftOutError
        When there is none.

    Examples
    --------
    >>> page_path("https://www.gov.uk/government/news/a-story?utm_source=mail")
    '/government/news/a-story'
    """
    try:
        path = urlsplit(url).path.rstrip("/")
    except ValueError:
        path = ""
    if not path.startswith("/") or path.startswith("//"):
        raise LeftOutError("not a page")
    return path


def story_id(item: Mapping[str, Any]) -> str:
    """Return what a story is called: its content id, which its translations share, and locale.

    Raises
    ------
    LeftOutError
        When the item has no content id.

    Examples
    --------
    >>> story_id({"content_id": "0a1b", "locale": "cy"})
    '0a1b-cy'
    """
    content_id, locale = item.get("content_id"), item.get("locale")
    if not isinstance(content_id, str) or not content_id:
        raise LeftOutError("not a page")
    return f"{content_id}-{locale if isinstance(locale, str) else 'en'}"


def story_row(item: Mapping[str, Any], base: str, identifier: str) -> dict[str, Any]:
    """Make a row of ``articles.jsonl`` of a content item.

    Parameters
    ----------
    item : mapping
        As `content_item` returned it. The body is the text of its HTML; the description stands in
        where there is none.
    base : str
        Where the page is.
    identifier : str
        The article's id.

    Raises
    ------
    LeftOutError
        When the item has no text, or too much.
    """
    details = _mapping(item.get("details"))
    row = {
        "id": identifier,
        "headline": _line(item.get("title")),
        "body": govspeak_text(_markup(details.get("body"))) or _line(item.get("description")),
        "published": _date(details.get("first_public_at")) or _date(item.get("first_published_at")),
        "source": "; ".join(dict.fromkeys(_organisations(item))) or None,
        "genre": _line(item.get("document_type")) or None,
        "country": "GB",
        "url": f"{base}{_line(item.get('base_path'))}",
        "language": _line(item.get("locale")) or None,
    }
    try:
        return row_from_labelled(labelled_from_row(row, {}))
    except RowError as error:
        raise LeftOutError(error.code.replace("_", " ")) from None


def links_of(item: Mapping[str, Any], *kinds: str) -> Iterator[Mapping[str, Any]]:
    """Yield what an item links to, under each of the kinds in turn."""
    links = _mapping(item.get("links"))
    for kind in kinds:
        found = links.get(kind)
        yield from (
            (link for link in found if isinstance(link, dict)) if isinstance(found, list) else ()
        )


def _item_at(client: PoliteClient, base: str, path: str) -> Mapping[str, Any]:
    try:
        item = client.get_json(f"{base}/api/content{path}")
    except FetchError as error:
        if error.status in _GONE:
            raise LeftOutError("gone") from None
        raise
    if not isinstance(item, dict):
        raise LeftOutError("not a page")
    return item


def _destination(item: Mapping[str, Any]) -> str:
    redirects = item.get("redirects")
    first = _mapping(redirects[0]) if isinstance(redirects, list) and redirects else {}
    destination = first.get("destination")
    if not isinstance(destination, str) or urlsplit(destination).netloc:
        raise LeftOutError("moved elsewhere")
    return page_path(destination)


def _organisations(item: Mapping[str, Any]) -> Iterator[str]:
    kinds = ("primary_publishing_organisation", "organisations", "worldwide_organisations")
    for organisation in links_of(item, *kinds):
        if title := _line(organisation.get("title")):
            yield title


def _markup(body: object) -> str:
    """Return the HTML of a body, which may be a list of the same in several content types."""
    if isinstance(body, list):
        versions = [version for version in body if isinstance(version, dict)]
        html = [each for each in versions if each.get("content_type") == "text/html"]
        body = html[0].get("content") if html else None
    return body if isinstance(body, str) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _line(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _date(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        return date.fromisoformat(value[:10]).isoformat()
    except ValueError:
        return None
