"""Drawing splits and folds: by labels or by time, with whatever belongs together kept together."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import date, datetime
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Annotated, Literal, NamedTuple, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from newsclf.corpus.rows import SPLITS
from newsclf.corpus.store import Corpus, Method, SplitRecord
from newsclf.errors import ConfigError, InputError, did_you_mean, explain_validation
from newsclf.files import atomic_file
from newsclf.records import Article, LabelledArticle

METHODS: tuple[Method, ...] = get_args(Method)
DEFAULT_SHARES: Mapping[str, float] = {"train": 0.7, "valid": 0.15, "test": 0.15}
MAX_FOLDS = 100
MAX_FOLDS_BYTES = 256 * 1024 * 1024
"""Largest ``folds.json`` that is read."""


def draw_splits(
    corpus: Corpus,
    *,
    method: str = "stratified",
    shares: Mapping[str, float] = DEFAULT_SHARES,
    seed: int = 0,
    groups: Sequence[int] | None = None,
    unit: str = "article",
) -> Corpus:
    """Put every article of a corpus into a split.

    Parameters
    ----------
    corpus : Corpus
        What to split; the order of its articles has no effect, nor have the splits it has.
    method : 'stratified' or 'time'
        ``stratified`` gives every split its share of each label of each task, and of the articles
        without a label, by iterative stratification [1]_. ``time`` puts the oldest articles into
        train and the newest into test, and never separates two of the same day.
    shares : mapping of str to float
        By split, above 0, adding up to 1.
    seed : int
        The same corpus, method, shares, seed and groups give the same splits.
    groups : sequence of int, shape (n_articles,), optional
        Articles with the same number stay in the same split: see `field_groups` and `joined`.
    unit : str
        What a group is, for the record.

    Returns
    -------
    Corpus
        The same articles with their splits, and how they were drawn in its ``info``. Sizes are
        the shares' to the article, or to less than the largest group.

    Raises
    ------
    ConfigError
        When the method or the shares are not valid, or a split would be empty.
    InputError
        When the method is ``time`` and an article has no date.

    References
    ----------
    .. [1] K. Sechidis, G. Tsoumakas and I. Vlahavas, "On the Stratification of Multi-label Data",
       ECML PKDD 2011.
    """
    if method not in METHODS:
        raise ConfigError(f"unknown method {method!r}{did_you_mean(method, METHODS)}")
    shares = _checked_shares(shares)
    groups = _checked_groups(corpus, groups)
    if method == "time":
        parts = _by_time(corpus.articles, list(shares.values()), groups)
    else:
        parts = _stratified(corpus, list(shares.values()), groups, seed)
    _refuse_empty(parts, list(shares), groups, unit)
    names = list(shares)
    articles = tuple(
        replace(article, split=names[part])
        for article, part in zip(corpus.articles, parts, strict=True)
    )
    drawn = SplitRecord(
        method=method, seed=seed, shares=shares, unit=unit, sha256=corpus.content_sha256
    )
    info = corpus.info.model_copy(update={"drawn": drawn, "splits": drawn.sentence})
    return replace(corpus, info=info, articles=articles)


def field_groups(corpus: Corpus, field: str) -> list[int]:
    """Give articles with the same value of a field the same number.

    Parameters
    ----------
    corpus : Corpus
        What is going to be split.
    field : str
        Of `Article`: ``source``, ``genre``, ``country`` and so on. An article that has none is a
        group of its own.

    Returns
    -------
    list of int
        One number an article.

    Raises
    ------
    ConfigError
        When articles have no such field.

    Examples
    --------
    >>> from newsclf.corpus import CorpusInfo
    >>> info = CorpusInfo(name="a", version="1", licence="CC0-1.0", provenance="", schemes=())
    >>> sources = ("Home Office", None, "Home Office", None)
    >>> stories = (LabelledArticle(str(n), "A", "", source=s) for n, s in enumerate(sources))
    >>> field_groups(Corpus(info, {}, tuple(stories)), "source")
    [0, 1, 0, 3]
    """
    known = [each.name for each in fields(Article)]
    if field not in known:
        raise ConfigError(f"articles have no field {field!r}{did_you_mean(field, known)}")
    first: dict[str, int] = {}
    values = (getattr(article, field) for article in corpus.articles)
    return [
        first.setdefault(value, number) if value else number for number, value in enumerate(values)
    ]


def joined(first: Sequence[int], second: Sequence[int]) -> list[int]:
    """Combine two groupings, so that what either keeps together stays together.

    Parameters
    ----------
    first, second : sequence of int, shape (n_articles,)
        Two groupings of the same articles.

    Returns
    -------
    list of int
        One number an article: the connected components.

    Examples
    --------
    >>> joined([0, 0, 1, 2], [7, 8, 8, 9])
    [0, 0, 0, 1]
    """
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    _, rows = np.unique(first, return_inverse=True)
    _, columns = np.unique(second, return_inverse=True)
    size = len(rows) + len(columns)
    links = (np.ones(len(rows)), (rows, columns + len(rows)))
    _, component = connected_components(coo_array(links, shape=(size, size)), directed=False)
    found: list[int] = component[rows].tolist()
    return found


def draw_folds(
    corpus: Corpus, k: int, *, seed: int = 0, groups: Sequence[int] | None = None
) -> list[int]:
    """Put every article of a corpus into one of `k` folds, stratified as in `draw_splits`.

    Parameters
    ----------
    corpus : Corpus
        What to fold.
    k : int
        From 2 to `MAX_FOLDS`.
    seed : int
        The same corpus, `k`, seed and groups give the same folds.
    groups : sequence of int, shape (n_articles,), optional
        Articles with the same number stay in the same fold.

    Returns
    -------
    list of int
        Each article's fold, from 0 to ``k - 1``.

    Raises
    ------
    ConfigError
        When `k` is out of bounds or a fold would be empty.
    """
    if not 2 <= k <= MAX_FOLDS:
        raise ConfigError(f"{k} folds were asked for; allowed are 2 to {MAX_FOLDS}")
    groups = _checked_groups(corpus, groups)
    parts = _stratified(corpus, [1 / k] * k, groups, seed)
    _refuse_empty(parts, [f"fold {number}" for number in range(k)], groups, "group")
    return parts


def write_folds(
    corpus: Corpus,
    folds: Sequence[int],
    folder: Path,
    *,
    k: int,
    seed: int,
    unit: str = "article",
) -> None:
    """Keep folds in a corpus folder's ``folds.json``.

    Parameters
    ----------
    corpus : Corpus
        What the folds are of.
    folds : sequence of int, shape (n_articles,)
        From `draw_folds`.
    folder : Path
        The corpus's.
    k, seed : int
        What they were drawn with.
    unit : str
        What was kept in one fold, for the record.

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    ids = (article.id for article in corpus.articles)
    record = _FoldRecord(
        method="stratified",
        k=k,
        seed=seed,
        unit=unit,
        sha256=corpus.content_sha256,
        folds=dict(zip(ids, folds, strict=True)),
    )
    with atomic_file(folder / "folds.json") as file:
        file.write(record.model_dump_json().encode() + b"\n")


def read_folds(folder: Path, corpus: Corpus) -> list[int]:
    """Read the folds that `write_folds` kept.

    Parameters
    ----------
    folder : Path
        Holds ``folds.json``.
    corpus : Corpus
        What the folds are of.

    Returns
    -------
    list of int
        Each article's fold.

    Raises
    ------
    InputError
        When the file is missing or not valid, or the folds are of another corpus.
    """
    path = folder / "folds.json"
    record = _read_fold_record(path)
    ids = [article.id for article in corpus.articles]
    if record.sha256 != corpus.content_sha256 or record.folds.keys() != set(ids):
        raise InputError(
            f"the folds are not of corpus {corpus.info.name} as it is now; draw them again",
            path=path,
        )
    return [record.folds[article_id] for article_id in ids]


def day_of(published: str | None) -> date | None:
    """Return the day of an ISO 8601 date or time, as it is written; nothing where it is neither.

    Examples
    --------
    >>> day_of("2025-05-15T23:30:00Z")
    datetime.date(2025, 5, 15)
    >>> day_of("last Tuesday") is None
    True
    """
    try:
        return datetime.fromisoformat(published).date() if published else None
    except ValueError:
        return None


class _FoldRecord(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["stratified"]
    k: Annotated[int, Field(ge=2, le=MAX_FOLDS)]
    seed: int
    unit: str
    sha256: str
    folds: dict[str, Annotated[int, Field(ge=0)]]

    @model_validator(mode="after")
    def _folds_are_numbered_below_k(self) -> Self:
        if any(number >= self.k for number in self.folds.values()):
            raise ValueError(f"a fold's number is {self.k} or more; {self.k} folds start at 0")
        return self


class _Mark(NamedTuple):
    """A label of a task, or that a task's label is none (an empty string)."""

    task: str
    label: str


def _checked_shares(shares: Mapping[str, float]) -> dict[str, float]:
    for name, share in shares.items():
        if name not in SPLITS:
            raise ConfigError(f"unknown split {name!r}{did_you_mean(name, SPLITS)}")
        if not share > 0:
            raise ConfigError(f"the share of {name} is {share}; shares are above 0")
    if not math.isclose(total := sum(shares.values()), 1, abs_tol=1e-6):
        raise ConfigError(f"the shares add up to {total:.6g}; they must add up to 1")
    return {name: shares[name] for name in SPLITS if name in shares}


def _checked_groups(corpus: Corpus, groups: Sequence[int] | None) -> Sequence[int]:
    if groups is None:
        return range(len(corpus.articles))
    if len(groups) != len(corpus.articles):
        raise ConfigError(
            f"{len(groups)} group numbers for {len(corpus.articles)} articles; give one an article"
        )
    return groups


def _refuse_empty(
    parts: Sequence[int], names: Sequence[str], groups: Sequence[int], unit: str
) -> None:
    filled = set(parts)
    for number, name in enumerate(names):
        if number not in filled:
            raise ConfigError(
                f"{name} would get none of {len(parts)} articles, for what stays together "
                f"({unit}) makes {len(set(groups))} units; ask for fewer or larger parts, or keep "
                "less together"
            )


def _stratified(
    corpus: Corpus, shares: Sequence[float], groups: Sequence[int], seed: int
) -> list[int]:
    units = _units(corpus.articles, groups)
    marks = [_marks(article) for article in corpus.articles]
    held = [Counter(mark for position in unit for mark in marks[position]) for unit in units]
    sizes = [len(unit) for unit in units]
    parts = [0] * len(corpus.articles)
    for unit, part in zip(units, _iterative(sizes, held, shares, Random(seed)), strict=True):
        for position in unit:
            parts[position] = part
    return parts


def _units(articles: Sequence[Article], groups: Sequence[int]) -> list[list[int]]:
    members: dict[int, list[int]] = {}
    for position in sorted(range(len(articles)), key=lambda position: articles[position].id):
        members.setdefault(groups[position], []).append(position)
    return list(members.values())


def _marks(article: LabelledArticle) -> list[_Mark]:
    return [
        _Mark(task, label) for task, labels in article.labels.items() for label in labels or ("",)
    ]


def _iterative(
    sizes: Sequence[int], held: Sequence[Counter[_Mark]], shares: Sequence[float], random: Random
) -> list[int]:
    """Share out units: the rarest mark first, each unit to the part that lacks the mark most.

    A part that has room for the unit goes before one that has not, which keeps sizes to the
    shares; ties go to the part with the most room, then by chance.
    """
    left: Counter[_Mark] = Counter()
    for counts in held:
        left.update(counts)
    lacking = [{mark: share * count for mark, count in left.items()} for share in shares]
    room = _quotas(sum(sizes), shares)
    order = list(range(len(sizes)))
    random.shuffle(order)
    order.sort(key=lambda unit: -sizes[unit])
    holders: dict[_Mark, list[int]] = {mark: [] for mark in left}
    for unit in order:
        for mark in held[unit]:
            holders[mark].append(unit)
    chosen: dict[int, int] = {}

    def place(unit: int, lack: Sequence[float]) -> None:
        size = sizes[unit]
        part = max(
            range(len(room)),
            key=lambda part: (min(0, room[part] - size), lack[part], room[part], random.random()),
        )
        chosen[unit] = part
        room[part] -= size
        for mark, count in held[unit].items():
            lacking[part][mark] -= count
            left[mark] -= count

    while left:
        rarest = min(left, key=lambda mark: (left[mark], mark))
        for unit in holders[rarest]:
            if unit not in chosen:
                place(unit, [each[rarest] for each in lacking])
        del left[rarest]
    for unit in order:
        if unit not in chosen:
            place(unit, room)
    return [chosen[unit] for unit in range(len(sizes))]


def _by_time(
    articles: Sequence[Article], shares: Sequence[float], groups: Sequence[int]
) -> list[int]:
    days = [_required_day(article) for article in articles]
    order = sorted(range(len(articles)), key=days.__getitem__)
    kept = joined(groups, days)
    cuts = _cuts([kept[position] for position in order])
    if len(cuts) <= len(shares):
        raise ConfigError(
            f"what must stay together leaves {len(cuts) - 1} stretches of time for "
            f"{len(shares)} splits; keep less together, or draw with the method 'stratified'"
        )
    parts = [0] * len(articles)
    at = 0
    for part, ideal in enumerate(accumulate(_quotas(len(articles), shares))):
        there = range(at + 1, len(cuts) - (len(shares) - 1 - part))
        end = min(there, key=lambda cut: abs(cuts[cut] - ideal))
        for position in order[cuts[at] : cuts[end]]:
            parts[position] = part
        at = end
    return parts


def _cuts(kept: Sequence[int]) -> list[int]:
    """Return where a row of numbers can be cut with no number on both sides, both ends included."""
    last = {number: position for position, number in enumerate(kept)}
    cuts, reach = [0], 0
    for position, number in enumerate(kept):
        reach = max(reach, last[number])
        if reach == position:
            cuts.append(position + 1)
    return cuts


def _required_day(article: Article) -> int:
    day = day_of(article.published)
    if day is None:
        raise InputError(
            f"article {article.id!r} has no date to be split by ({article.published!r}); give it "
            "one like 2025-05-15 in 'published', or draw with the method 'stratified'"
        )
    return day.toordinal()


def _quotas(total: int, shares: Sequence[float]) -> list[int]:
    """Share out a total in whole numbers, by largest remainder."""
    exact = [share * total for share in shares]
    quotas = [math.floor(value) for value in exact]
    by_remainder = sorted(range(len(shares)), key=lambda part: quotas[part] - exact[part])
    for part in by_remainder[: total - sum(quotas)]:
        quotas[part] += 1
    return quotas


def _read_fold_record(path: Path) -> _FoldRecord:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FOLDS_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from None
    if len(content) > MAX_FOLDS_BYTES:
        raise InputError(f"the file has more than {MAX_FOLDS_BYTES:,} bytes", path=path)
    try:
        return _FoldRecord.model_validate_json(content)
    except ValidationError as error:
        message = explain_validation(error.errors(), _FoldRecord.model_fields)
        raise InputError(message, path=path) from None
