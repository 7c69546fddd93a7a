"""What is wrong with texts: length, language, encoding, boilerplate."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, overload

import numpy as np
from joblib import Parallel, cpu_count, delayed
from numpy.typing import NDArray

from newsclf.corpus.quality.findings import Finding, Severity, Table
from newsclf.records import LabelledArticle

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

FEWEST_WORDS = 40
"""A headline and a lead paragraph have about as many; with fewer the body is often lost."""

MOST_WORDS = 5000
"""A story of more is often several pages run together, or a whole report."""

CONFIDENCE = 0.9
"""Smallest probability at which a window's language is believed."""

_READ_CHARACTERS = 20_000
_WINDOW = 200
_MOST_WINDOWS = 4
_CHUNK = 500
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_CONTROLS = re.compile("[\x80-\x9f]")
_UNCOMMON = re.compile("[^\x00-\x7f\u2018\u2019\u201c\u201d\u2013\u2014\u2026\xa3\u20ac]")
_NO_LANGUAGE = "zxx"


class Texts(Sequence[str]):
    """Headline and body of articles, joined when asked for, so that no text is held twice.

    Parameters
    ----------
    articles : sequence of LabelledArticle
        One text each.
    """

    def __init__(self, articles: Sequence[LabelledArticle]) -> None:
        self._articles = articles

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [_joined(article) for article in self._articles[index]]
        return _joined(self._articles[index])

    def __len__(self) -> int:
        return len(self._articles)


@dataclass(frozen=True, slots=True)
class TextFacts:
    """What a look at one article showed.

    Parameters
    ----------
    words : int
        Parts between white space.
    lost : bool
        Whether it has U+FFFD, which stands for a character that could not be decoded.
    controls : bool
        Whether it has C1 control characters, which are Windows-1252 read as Latin-1.
    garbled : str
        A piece that was decoded with the wrong encoding, and what it should be; else empty.
    languages : tuple of str
        ISO 639 codes of the languages that its parts are in with confidence, the most
        frequent first.
    sentences : ndarray of uint64, shape (n_sentences,)
        Hashes of its sentences and lines of more than five words.
    lengths : ndarray of int64, shape (n_sentences,)
        Their words.
    """

    words: int
    lost: bool
    controls: bool
    garbled: str
    languages: tuple[str, ...]
    sentences: NDArray[np.uint64]
    lengths: NDArray[np.int64]


def look_at(articles: Sequence[LabelledArticle]) -> list[TextFacts]:
    """Look at the text of every article, on all processor cores.

    Language, encoding and sentences are read off the first 20,000 characters.
    """
    texts = Texts(articles)
    starts = range(0, len(texts), _CHUNK)
    run = Parallel(n_jobs=min(cpu_count(), max(len(starts), 1)))
    looked = run(delayed(_facts_of_all)(texts[start : start + _CHUNK]) for start in starts)
    return [facts for chunk in looked for facts in chunk]


def check_texts(
    articles: Sequence[LabelledArticle], facts: Sequence[TextFacts]
) -> Iterator[Finding | Table]:
    """Report texts that are too short or long, in another language, or wrongly decoded."""
    yield from _lengths(articles, facts)
    yield from _encodings(articles, facts)
    yield from _languages(articles, facts)


def check_boilerplate(
    articles: Sequence[LabelledArticle],
    facts: Sequence[TextFacts],
    cluster: NDArray[np.int64],
) -> Iterator[Finding | Table]:
    """Report sentences that very many articles have, and articles that are mostly such sentences.

    A sentence is boilerplate when it has more than five words and occurs in five articles and in
    1 % of them or more. Near duplicates count as one article.

    Parameters
    ----------
    articles : sequence of LabelledArticle
        The corpus.
    facts : sequence of TextFacts
        What `look_at` returned for them.
    cluster : ndarray of int64, shape (n_articles,)
        Articles with the same number are near duplicates.
    """
    sentences = np.concatenate([each.sentences for each in facts])
    owner = np.repeat(np.arange(len(facts)), [len(each.sentences) for each in facts])
    known, which, counts = _clusters_having(sentences, cluster[owner])
    common = counts >= max(5, len(np.unique(cluster)) / 100)
    if not common.any():
        return
    lengths = np.concatenate([each.lengths for each in facts])
    repeated = np.bincount(owner, lengths * common[which], minlength=len(facts))
    words = np.array([each.words for each in facts])
    mostly = np.flatnonzero(repeated > 0.5 * words)
    chosen = np.flatnonzero(common)
    chosen = chosen[np.argsort(-counts[chosen], kind="stable")]
    yield Finding(
        Severity.WARNING,
        "boilerplate",
        f"{len(chosen):,} sentences occur in very many articles, the commonest in "
        f"{counts[chosen[0]]:,}; a model may learn from them who published a story, not what it "
        "says, so cut what is not part of the story",
        count=len(chosen),
    )
    if len(mostly):
        yield Finding.about(
            [articles[row].id for row in mostly.tolist()],
            Severity.WARNING,
            "mostly_boilerplate",
            f"{len(mostly):,} articles are mostly sentences that very many articles have",
        )
    _, first = np.unique(which, return_index=True)
    rows = [
        (_sentence(articles[owner[first[number]]], known[number]), int(counts[number]))
        for number in chosen[:100]
    ]
    yield Table.of("boilerplate", "Repeated sentences", ("sentence", "articles"), rows)


def _joined(article: LabelledArticle) -> str:
    return f"{article.headline}\n{article.body}"


def _facts_of_all(texts: Sequence[str]) -> list[TextFacts]:
    return [_facts(text) for text in texts]


def _facts(text: str) -> TextFacts:
    part = text[:_READ_CHARACTERS]
    sentences = list(_sentences(part))
    return TextFacts(
        words=len(text.split()),
        lost="\ufffd" in text,
        controls=_CONTROLS.search(text) is not None,
        garbled=_garbled(part),
        languages=_spoken(part),
        sentences=np.array([_hash(sentence) for sentence in sentences], dtype=np.uint64),
        lengths=np.array([len(sentence.split()) for sentence in sentences], dtype=np.int64),
    )


def _sentences(text: str) -> Iterator[str]:
    """Yield each distinct sentence or line of more than five words, with single spaces."""
    split = (" ".join(sentence.split()) for sentence in _SENTENCE_END.split(text))
    return (sentence for sentence in dict.fromkeys(split) if sentence.count(" ") >= 5)


def _hash(sentence: str) -> int:
    digest = hashlib.blake2b(sentence.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _garbled(text: str) -> str:
    from ftfy import fix_encoding
    from ftfy.badness import is_bad

    for line in text.splitlines():
        if not (_UNCOMMON.search(line) and is_bad(line)):
            continue
        if (fixed := fix_encoding(line)) != line:
            pairs = enumerate(zip(line, fixed, strict=False))
            place = next((at for at, (was, now) in pairs if was != now), 0)
            start = max(place - 20, 0)
            return f"{line[start : place + 20]!r} should be {fixed[start : place + 20]!r}"
    return ""


def _spoken(text: str) -> tuple[str, ...]:
    windows = _windows(text)
    step = -(-len(windows) // _MOST_WINDOWS)
    votes: dict[str, int] = {}
    for window in windows[:: max(step, 1)]:
        language, confidence = _identifier().classify(window)
        if confidence >= CONFIDENCE and language != _NO_LANGUAGE:
            votes[language] = votes.get(language, 0) + 1
    return tuple(sorted(votes, key=lambda language: (-votes[language], language)))


def _windows(text: str) -> list[str]:
    """Cut a text, at line ends where it can be, into windows of one length."""
    windows = []
    gathered = ""
    for line in text.splitlines():
        gathered = f"{gathered} {line.strip()}".strip()
        if len(gathered) >= _WINDOW:
            whole = len(gathered) - _WINDOW + 1
            windows += [gathered[at : at + _WINDOW] for at in range(0, whole, _WINDOW)]
            gathered = ""
    return windows


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _lengths(
    articles: Sequence[LabelledArticle], facts: Sequence[TextFacts]
) -> Iterator[Finding | Table]:
    if short := _ids(articles, facts, lambda each: each.words < FEWEST_WORDS):
        message = (
            f"{len(short):,} articles have fewer than {FEWEST_WORDS} words; check that their "
            "bodies were read"
        )
        yield Finding.about(short, Severity.WARNING, "very_short", message)
    if long := _ids(articles, facts, lambda each: each.words > MOST_WORDS):
        message = (
            f"{len(long):,} articles have more than {MOST_WORDS:,} words; check that each is one "
            "story"
        )
        yield Finding.about(long, Severity.WARNING, "very_long", message)
    bounds = [0, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120]
    words = [each.words for each in facts]
    counts = np.bincount(np.digitize(words, bounds) - 1, minlength=len(bounds)).tolist()
    rows = list(zip(bounds, counts, strict=True))
    yield Table.of("lengths", "Text lengths", ("words from", "articles"), rows)


def _encodings(
    articles: Sequence[LabelledArticle], facts: Sequence[TextFacts]
) -> Iterator[Finding]:
    advice = "read the source again with the right encoding"
    if lost := _ids(articles, facts, lambda each: each.lost):
        message = f"{len(lost):,} articles have lost characters (U+FFFD); {advice}"
        yield Finding.about(lost, Severity.WARNING, "lost_characters", message)
    if controls := _ids(articles, facts, lambda each: each.controls):
        message = f"{len(controls):,} articles have C1 control characters; {advice}"
        yield Finding.about(controls, Severity.WARNING, "control_characters", message)
    if garbled := _ids(articles, facts, lambda each: bool(each.garbled)):
        example = next(each.garbled for each in facts if each.garbled)
        message = f"{len(garbled):,} articles were decoded wrongly: {example}; {advice}"
        yield Finding.about(garbled, Severity.WARNING, "wrong_encoding", message)


def _languages(
    articles: Sequence[LabelledArticle], facts: Sequence[TextFacts]
) -> Iterator[Finding]:
    other: dict[tuple[str, str], list[str]] = {}
    mixed = []
    known = set(_identifier().labels)
    for article, each in zip(articles, facts, strict=True):
        expected = re.split("[-_]", (article.language or "en").lower())[0]
        if len(each.languages) > 1:
            mixed.append(article.id)
        elif each.languages and expected in known and each.languages[0] != expected:
            other.setdefault((expected, each.languages[0]), []).append(article.id)
    for (expected, found), ids in sorted(other.items()):
        message = f"{len(ids):,} articles should be in {expected!r} and are in {found!r}"
        yield Finding.about(ids, Severity.WARNING, "other_language", message, language=found)
    if mixed:
        message = f"{len(mixed):,} articles are in several languages, part by part"
        yield Finding.about(mixed, Severity.WARNING, "mixed_languages", message)


def _ids(
    articles: Sequence[LabelledArticle],
    facts: Sequence[TextFacts],
    wanted: Callable[[TextFacts], bool],
) -> list[str]:
    return [article.id for article, each in zip(articles, facts, strict=True) if wanted(each)]


def _clusters_having(
    sentences: NDArray[np.uint64], cluster: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct sentences, which of them each one is, and how many clusters have it."""
    known, which = np.unique(sentences, return_inverse=True)
    n_clusters = int(cluster.max(initial=0)) + 1
    pairs = np.unique(which.astype(np.int64) * n_clusters + cluster)
    return known, which, np.bincount(pairs // n_clusters, minlength=len(known))


def _sentence(article: LabelledArticle, wanted: np.uint64) -> str:
    part = _joined(article)[:_READ_CHARACTERS]
    return next(s for s in _sentences(part) if _hash(s) == wanted)[:300]
