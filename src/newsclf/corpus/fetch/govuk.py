"""Stories that the GOV.UK Search API lists, by organisation, kind, taxon and date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from newsclf.corpus.fetch.collect import FetchSummary, Progress, Terms, collect
from newsclf.corpus.fetch.content import (
    ATTRIBUTION,
    GOVUK,
    OGL,
    LeftOutError,
    content_item,
    page_path,
    story_id,
    story_row,
)
from newsclf.corpus.fetch.journal import Entry, Journal
from newsclf.corpus.fetch.polite import POLITE, FetchError, Limits, PoliteClient
from newsclf.corpus.fetch.weak import WeakRules, read_weak_rules, weak_labels
from newsclf.errors import ConfigError, InputError
from newsclf.files import sha256_of
from newsclf.schemes import LabelScheme

PAGE = 1_000
"""Stories that one answer lists; the API allows 1,500."""

DEEPEST = 10_000
"""Stories of one window that the API lists; it refuses to go on from there."""

_EARLIEST = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class GovukQuery:
    """Which stories are wanted; those that match every part.

    Parameters
    ----------
    organisations : tuple of str
        Slugs, as ``home-office``; any of them.
    document_types : tuple of str
        Content types, as ``news_story``, ``press_release``, ``speech``; any of them.
    taxons : tuple of str
        Content ids of taxons; pages below any of them.
    since, until : date, optional
        Days, both included, of the last change that was announced: the Search API's
        ``public_timestamp``.
    limit : int, optional
        The newest so many.
    """

    organisations: tuple[str, ...] = ()
    document_types: tuple[str, ...] = ("news_story", "press_release")
    taxons: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    limit: int | None = None


class Window(NamedTuple):
    """Days, the first and the last included."""

    first: date
    last: date

    @property
    def key(self) -> str:
        """What the journal calls it."""
        return f"{self.first}..{self.last}"

    def halves(self) -> tuple[Window, Window]:
        """Split a window of several days in two, the later days first."""
        middle = self.first + (self.last - self.first) // 2
        return Window(middle + timedelta(days=1), self.last), Window(self.first, middle)


def fetch_govuk_corpus(
    query: GovukQuery,
    into: Path,
    *,
    base: str = GOVUK,
    allow_private: bool = False,
    weak: Path | None = None,
    schemes: Mapping[str, LabelScheme] | None = None,
    force: bool = False,
    limits: Limits = POLITE,
    on_progress: Progress = lambda _done, _all: None,
) -> FetchSummary:
    """Fetch stories of GOV.UK into a corpus; started again after a stop, it goes on.

    Parameters
    ----------
    query : GovukQuery
        Which stories.
    into : Path
        The corpus folder to write; the journal is ``<into>.fetch`` until then.
    base : str
        Where the APIs are.
    allow_private : bool
        Connect to addresses of private networks too.
    weak : Path, optional
        Rules that give weak labels, as `read_weak_rules` reads them.
    schemes : mapping of str to LabelScheme, optional
        By task; the one that the rules are for has to be there.
    force : bool
        Replace a corpus that exists, and a journal that is of another query.
    limits : Limits
        How fast, how long and how much.
    on_progress : callable
        See `Progress`.

    Raises
    ------
    ConfigError
        When the query or the rules are not valid, or the journal is of another query.
    InputError
        When the APIs cannot be read, or no story was found.
    OutputError
        When the corpus exists or cannot be written.
    """
    rules = read_weak_rules(weak, schemes or {}) if weak else None
    base = base.rstrip("/")
    asked = {"base": base, **asdict(query), "weak": sha256_of(weak) if weak else None}
    used = {rules.scheme.name: rules.scheme} if rules else {}
    terms = Terms(OGL, "the GOV.UK Search and Content APIs", ATTRIBUTION)
    with PoliteClient(allow_private=allow_private, limits=limits) as client:

        def bring(journal: Journal) -> None:
            fetch_govuk(query, journal, client, base=base, rules=rules, on_progress=on_progress)

        return collect(into, asked, bring, terms=terms, schemes=used, force=force)


def fetch_govuk(
    query: GovukQuery,
    journal: Journal,
    client: PoliteClient,
    *,
    base: str = GOVUK,
    rules: WeakRules | None = None,
    on_progress: Progress = lambda _done, _all: None,
) -> None:
    """Record the stories of a query that a journal does not have yet, the newest first.

    A story's id is its content id and its locale, so that a page which is listed under two
    addresses is one story, and a translation is another.

    Parameters
    ----------
    query, base, on_progress
        As for `fetch_govuk_corpus`.
    journal : Journal
        Has every window and every story that an earlier run has done.
    client : PoliteClient
        What asks.
    rules : WeakRules, optional
        For weak labels.
    """
    ids = {entry.article["id"] for entry in journal.entries if entry.article}
    for link, total in _listed(query, journal, client, base):
        if query.limit is not None and len(ids) >= query.limit:
            return
        if link in journal:
            continue
        try:
            entry = _story(link, client, base, ids, rules)
        except LeftOutError as reason:
            entry = Entry(link, left_out=str(reason))
        journal.record(entry)
        if entry.article:
            ids.add(entry.article["id"])
        on_progress(len(ids), total)


def _listed(
    query: GovukQuery, journal: Journal, client: PoliteClient, base: str
) -> Iterator[tuple[str, int]]:
    """Yield the links of a query's stories, and the number of all of them.

    The Search API does not go on from 10,000 results, so days are asked for in windows; one that
    has more results than an answer holds is halved, down to single days. A window is recorded as
    done once the caller has come for what follows its last link.
    """
    last = query.until or date.fromisoformat(journal.began)
    pending = [Window(query.since or _EARLIEST, last)]
    if last < pending[0].first:
        raise ConfigError(f"there is no day from {pending[0].first} to {last}; swap the two")
    total = 0
    while pending:
        window = pending.pop()
        if window.key in journal:
            continue
        page = _search(query, window, 0, client, base)
        total = total or page.total
        if page.total > PAGE and window.first < window.last:
            later, earlier = window.halves()
            pending += [earlier, later]
            continue
        for link in _links(page, query, window, client, base):
            yield link, total
        journal.record(Entry(window.key))


class _Page(NamedTuple):
    total: int
    links: list[str]


def _links(
    page: _Page, query: GovukQuery, window: Window, client: PoliteClient, base: str
) -> Iterator[str]:
    if page.total > DEEPEST:
        raise InputError(
            f"{page.total:,} stories are dated {window.first}, and the Search API lists "
            f"{DEEPEST:,} at most; narrow the query by organisation or document type"
        )
    yield from page.links
    seen = len(page.links)
    while page.links and seen < page.total:
        page = _search(query, window, seen, client, base)
        yield from page.links
        seen += len(page.links)


def _search(
    query: GovukQuery, window: Window, start: int, client: PoliteClient, base: str
) -> _Page:
    filters = {
        "filter_organisations": query.organisations,
        "filter_content_store_document_type": query.document_types,
        "filter_part_of_taxonomy_tree": query.taxons,
        "filter_public_timestamp": (f"from:{window.first},to:{window.last}",),
        "fields": ("link",),
        "order": ("-public_timestamp",),
        "start": (str(start),),
        "count": (str(PAGE),),
    }
    params = [(name, value) for name, values in filters.items() for value in values]
    url = f"{base}/api/search.json"
    answer = client.get_json(url, params)
    try:
        return _Page(int(answer["total"]), [str(result["link"]) for result in answer["results"]])
    except (KeyError, TypeError, ValueError):
        raise FetchError("the answer is not a list of search results", url=url) from None


def _story(
    link: str, client: PoliteClient, base: str, ids: set[str], rules: WeakRules | None
) -> Entry:
    if not link.startswith("/"):
        raise LeftOutError("not a page")
    item = content_item(client, base, page_path(link))
    identifier = story_id(item)
    if identifier in ids:
        raise LeftOutError("listed twice")
    row = story_row(item, base, identifier)
    labels = weak_labels(item, rules) if rules else ()
    if not (rules and labels):
        return Entry(link, row)
    given = {rules.scheme.name: list(labels)}
    said = {"id": identifier, "annotator": rules.annotator, "labels": given}
    return Entry(link, row | {"labels": given}, said)
