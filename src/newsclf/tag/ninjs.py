"""ninjs, the IPTC's news in JSON: articles out of items of any version, and items of version 3.

References
----------
IPTC, "ninjs: News in JSON", https://iptc.org/std/ninjs/ (versions 1.0 to 1.8, 2.0 to 2.4, 3.0).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote

from newsclf.corpus.rows import RowError
from newsclf.records import Article, Decision, Tag
from newsclf.schemes import Label
from newsclf.tag.markup import looks_marked_up, text_of_markup

MEDIA_TOPICS = "http://cv.iptc.org/newscodes/mediatopic/"
STANDARD = {
    "name": "ninjs",
    "version": "3.0",
    "schema": "http://www.iptc.org/std/ninjs/ninjs-schema_3.0.json",
}

_OURS = "urn:newsclf:article:"
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_MARKS = frozenset(("headlines", "bodies", "headline", "versioncreated", "versionCreated"))
_DATES = ("versionCreated", "versioncreated", "firstCreated", "firstcreated", "contentCreated")
_OLD_BODIES = ("body_text", "body_html", "body_xhtml")


def is_ninjs(row: Mapping[str, Any]) -> bool:
    """Return whether a JSON object is a ninjs item and no row with an id of its own."""
    if "id" in row or not ("uri" in row or "guid" in row):
        return False
    return any(key in _MARKS or key.startswith("body_") for key in row)


def row_from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Shape a ninjs item as a row of an article.

    The headline is the one whose role is ``main``, else the first. The body is the first of plain
    text, else the first there is, without its markup.

    Parameters
    ----------
    item : mapping
        Of version 1 (``headline``, ``body_text``), 2 or 3 (``headlines``, ``bodies``).

    Returns
    -------
    dict
        For `newsclf.corpus.rows.article_from_row`, which judges what was found.

    Raises
    ------
    RowError
        When a member is not of the type that ninjs gives it.
    """
    about = item.get("uri") or item.get("guid")
    article_id = _id_from_uri(about) if isinstance(about, str) else about
    known = article_id if isinstance(article_id, str) else None
    published = next((item[key] for key in _DATES if item.get(key)), None)
    return {
        "id": article_id,
        "headline": _headline(item, known),
        "body": _body(item, known),
        "published": _date(published),
        "source": _source(item),
        "language": item.get("language"),
    }


def item_from_tagged(
    article: Article,
    tags: Iterable[tuple[str, Tag]],
    decision: Decision,
    labels: Mapping[tuple[str, str], Label],
) -> dict[str, Any]:
    """Return an article and its tags as a ninjs 3 item.

    Parameters
    ----------
    article : Article
        An id that is no URI becomes one, which `row_from_item` undoes. A date of publication is
        taken for the version's: midnight UTC where it has no time.
    tags : iterable of (str, Tag)
        Each with the ``name@version`` of the bundle that gave it.
    decision : Decision
        The article's; it stands in ``edNote``, for the staff who receive it.
    labels : mapping of (str, str) to Label
        By task and id. A label is a subject for each of its IPTC Media Topics, or one with a URI
        of ours.
    """
    item: dict[str, Any] = {"uri": _uri_from_id(article.id), "type": "text", "standard": STANDARD}
    if created := _date_time(article.published):
        item["versionCreated"] = created
    if article.language is not None:
        item["language"] = article.language
    item["edNote"] = f"newsclf: {decision}"
    if article.headline:
        item["headlines"] = [_text("main", article.headline)]
    if article.body:
        item["bodies"] = [_text("main", article.body)]
    if article.source is not None:
        item["infoSources"] = [{"name": article.source}]
    item["subjects"] = [
        subject
        for creator, tag in tags
        for subject in _subjects(tag, creator, labels[tag.task, tag.label])
    ]
    return item


def item_from_error(error: RowError, path: str, line: int) -> dict[str, Any]:
    """Return a row that could not be tagged as a ninjs 3 item without content.

    Parameters
    ----------
    error : RowError
        What was wrong; it stands in ``edNote``, for ninjs allows no member of ours.
    path : str
        The row's file, in characters that can be written.
    line : int
        One-based.
    """
    row_uri = f"urn:newsclf:row:{quote(path, safe='')}:{line}"
    return {
        "uri": _uri_from_id(error.article_id) if error.article_id else row_uri,
        "type": "text",
        "representationType": "partial",
        "standard": STANDARD,
        "edNote": f"newsclf: error {error.code}: {error} ({path}, line {line})",
    }


def _subjects(tag: Tag, creator: str, label: Label) -> list[dict[str, Any]]:
    topics = [MEDIA_TOPICS + code.removeprefix("medtop:") for code in label.iptc]
    return [
        {
            "name": label.title,
            "rel": "about",
            "uri": uri,
            "literal": f"{tag.task}:{tag.label}",
            "creator": creator,
            "confidence": round(100 * tag.probability),
        }
        for uri in topics or [f"urn:newsclf:{tag.task}:{tag.label}"]
    ]


def _text(role: str, value: str) -> dict[str, str]:
    return {"role": role, "contentType": "text/plain", "value": value}


def _uri_from_id(article_id: str) -> str:
    if _URI.fullmatch(article_id) and not article_id.startswith(_OURS):
        return article_id
    return _OURS + quote(article_id, safe="")


def _id_from_uri(uri: str) -> str:
    return unquote(uri.removeprefix(_OURS)) if uri.startswith(_OURS) else uri


def _date_time(published: str | None) -> str | None:
    try:
        moment = datetime.fromisoformat(published or "")
    except ValueError:
        return None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    written = zoned.isoformat().replace("+00:00", "Z")
    return written if _DATE_TIME.fullmatch(written) else None


def _date(created: Any) -> Any:
    is_moment = isinstance(created, str) and _DATE_TIME.fullmatch(created)
    return created[:10] if is_moment else created


def _headline(item: Mapping[str, Any], article_id: str | None) -> Any:
    given = _objects(item, "headlines", article_id)
    if not given:
        return item.get("headline")
    chosen = next((one for one in given if one.get("role") == "main"), given[0])
    return _plain(chosen.get("value"), _type_of(chosen))


def _body(item: Mapping[str, Any], article_id: str | None) -> Any:
    given = [one for one in _objects(item, "bodies", article_id) if one.get("value")]
    if given:
        chosen = next((one for one in given if _type_of(one) == "text/plain"), given[0])
        return _plain(chosen.get("value"), _type_of(chosen))
    names = [*_OLD_BODIES, *sorted(key for key in item if key.startswith("body_"))]
    name = next((name for name in names if item.get(name)), None)
    if name is None:
        return None
    return _plain(item[name], "text/plain" if name == "body_text" else "text/html")


def _source(item: Mapping[str, Any]) -> Any:
    given = item.get("infoSources") or item.get("infosource")
    first = given[0] if isinstance(given, list) and given else None
    return first.get("name") if isinstance(first, dict) else None


def _objects(item: Mapping[str, Any], key: str, article_id: str | None) -> list[Mapping[str, Any]]:
    given = item.get(key) or []
    if isinstance(given, list) and all(isinstance(one, dict) for one in given):
        return given
    raise RowError("wrong_type", f"{key} must be a list of objects", article_id)


def _type_of(text: Mapping[str, Any]) -> str:
    given = text.get("contentType") or text.get("contenttype")
    return given.partition(";")[0].strip().lower() if isinstance(given, str) else ""


def _plain(value: Any, content_type: str) -> Any:
    if not isinstance(value, str) or content_type == "text/plain":
        return value
    marked_up = "html" in content_type or "xml" in content_type or looks_marked_up(value)
    return text_of_markup(value) if marked_up else value
