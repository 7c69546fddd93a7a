"""Articles that are copies of one another, or nearly."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from newsclf.corpus.quality.findings import Finding, Severity, Table
from newsclf.errors import ConfigError
from newsclf.records import LabelledArticle
from newsclf.text.fingerprint import fingerprint
from newsclf.text.tokens import tokenize

SHINGLE = 3
"""Adjacent words in a shingle. One changed word undoes three shingles, so at a Jaccard similarity
of 0.8 about one word in 27 may differ; with five words a shingle, one in 45."""

_PERMUTATIONS = 128
_LEAST_RECALL = 0.995
_NEIGHBOURS = 5
_SLACK = 0.15
_CHUNK_CHARACTERS = 4_000_000
_CHUNK_PAIRS = 1000
_SEED = 1


class Pair(NamedTuple):
    """Two texts that are much the same, as positions, the lower one first."""

    i: int
    j: int
    jaccard: float


def near_duplicates(texts: Sequence[str], threshold: float = 0.8) -> list[Pair]:
    """Find pairs of texts that share most of their wording.

    Similarity is the Jaccard index of the two texts' sets of word shingles: `SHINGLE` adjacent
    words (of two characters or more, in lower case), or the whole text where it is shorter.
    Candidates come from R-MinHash signatures cut into bands, as many as find a pair at the
    threshold with a probability of 0.995, and each is then compared exactly. So no pair that is
    returned is below the threshold.

    Texts that are equal but for case, white space and Unicode form are paired with the first of
    them, at 1. Where very many texts resemble one another, each is compared with a few of them:
    time stays linear, and `clusters` still joins them all.

    Parameters
    ----------
    texts : sequence of str
        Any length; a text without a word is like no other.
    threshold : float
        Smallest Jaccard index, 0.1 to 1.

    Returns
    -------
    list of Pair
        Sorted.

    Raises
    ------
    ConfigError
        When the threshold is out of range.

    References
    ----------
    A. Broder (1997), On the resemblance and containment of documents. J. Leskovec, A. Rajaraman
    and J. Ullman (2020), Mining of Massive Datasets, chapter 3.

    Examples
    --------
    >>> story = "Border officers searched a lorry at the port and found four people in it"
    >>> near_duplicates([story, "Something else happened", story.upper()])
    [Pair(i=0, j=2, jaccard=1.0)]
    """
    if not 0.1 <= threshold <= 1:
        raise ConfigError(f"threshold must be between 0.1 and 1, not {threshold}")
    first = _first_equal(texts)
    copies = [Pair(i, j, 1.0) for j, i in enumerate(first) if i != j and texts[j].strip()]
    distinct = np.array([j for j, i in enumerate(first) if i == j], dtype=np.int64)
    return sorted(copies + _similar(texts, distinct, threshold))


def clusters(pairs: Sequence[Pair], n: int) -> NDArray[np.int64]:
    """Return the cluster of each of `n` texts: those that pairs connect have the same number.

    Examples
    --------
    >>> clusters([Pair(0, 2, 0.9), Pair(2, 3, 0.8)], 4).tolist()
    [0, 1, 0, 0]
    """
    i = [pair.i for pair in pairs]
    j = [pair.j for pair in pairs]
    graph = csr_array((np.ones(len(pairs)), (i, j)), shape=(n, n))
    _, cluster = connected_components(graph, directed=False)
    return np.asarray(cluster, dtype=np.int64)


def check_duplicates(
    articles: Sequence[LabelledArticle], pairs: Sequence[Pair], cluster: NDArray[np.int64]
) -> Iterator[Finding | Table]:
    """Report groups of near duplicates: an error across splits, else a warning.

    Parameters
    ----------
    articles : sequence of LabelledArticle
        The corpus.
    pairs : sequence of Pair
        Of their texts.
    cluster : ndarray of int64, shape (n_articles,)
        What `clusters` made of the pairs.
    """
    likeness: dict[int, float] = {}
    for pair in pairs:
        number = int(cluster[pair.i])
        likeness[number] = min(pair.jaccard, likeness.get(number, 1.0))
    members: dict[int, list[LabelledArticle]] = {number: [] for number in likeness}
    for article, number in zip(articles, cluster.tolist(), strict=True):
        if number in members:
            members[number].append(article)
    leaking = {n for n, group in members.items() if len(_splits(group)) > 1}
    yield from _duplicate_findings([members[n] for n in members if n in leaking], leak=True)
    yield from _duplicate_findings([members[n] for n in members if n not in leaking], leak=False)
    yield Table.of(
        "duplicates",
        "Near duplicates",
        ("group", "article", "split", "headline", "similarity in the group from", "across splits"),
        [
            (row, article.id, article.split, article.headline[:120], likeness[n], n in leaking)
            for row, n in enumerate(sorted(members, key=lambda n: n not in leaking), 1)
            for article in members[n]
        ],
    )


def _duplicate_findings(
    groups: Sequence[Sequence[LabelledArticle]], *, leak: bool
) -> Iterator[Finding]:
    if not groups:
        return
    ids = [article.id for group in groups for article in group]
    if leak:
        code, severity = "duplicates_across_splits", Severity.ERROR
        message = (
            f"{len(groups):,} groups of near copies have members in different splits, so a model "
            "is scored on what it learned from; keep one article of each, or one split for all"
        )
    else:
        code, severity = "duplicates", Severity.WARNING
        message = (
            f"{len(groups):,} groups of near copies; each weighs as often as it occurs, so keep "
            "one article of each unless that is meant"
        )
    yield Finding.about(ids, severity, code, message, groups=len(groups))


def _splits(group: Sequence[LabelledArticle]) -> set[str]:
    return {article.split for article in group if article.split is not None}


def _first_equal(texts: Sequence[str]) -> list[int]:
    """Return for each text the position of the first that reads the same."""
    seen: dict[bytes, int] = {}
    return [seen.setdefault(fingerprint(text), position) for position, text in enumerate(texts)]


def _similar(texts: Sequence[str], rows: NDArray[np.int64], threshold: float) -> list[Pair]:
    signatures = _signatures(texts, rows)
    candidates = _candidates(signatures, threshold)
    likely = _estimates(signatures, candidates) >= threshold - _SLACK
    found: list[Pair] = []
    chosen = rows[candidates[likely]]
    for start in range(0, len(chosen), _CHUNK_PAIRS):
        found += _compared(texts, chosen[start : start + _CHUNK_PAIRS], threshold)
    return found


def _signatures(texts: Sequence[str], rows: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Return R-MinHash signatures, shape (n_rows, _PERMUTATIONS)."""
    from rensa import RMinHash

    blocks = [np.empty((0, _PERMUTATIONS), dtype=np.uint32)]
    for chunk in _chunks(texts, rows):
        hashes, offsets = _shingles([texts[row] for row in chunk])
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(
            hashes, offsets.astype(np.uint64), _PERMUTATIONS, _SEED
        )
        blocks.append(np.array(matrix.to_rows(), dtype=np.uint32))
    return np.concatenate(blocks)


def _chunks(texts: Sequence[str], rows: NDArray[np.int64]) -> Iterator[list[int]]:
    chunk: list[int] = []
    characters = 0
    for row in rows.tolist():
        chunk.append(row)
        characters += len(texts[row])
        if characters >= _CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _shingles(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the 64-bit hashes of the texts' shingles, one text after another, and offsets.

    A text that is shorter than a shingle has one hash, of all its words; one without a word has
    none.
    """
    tokens = tokenize(texts)
    hashed = [_word_hash(word) for word in tokens.words.to_pylist()]
    words = np.array(hashed, dtype=np.uint64)[tokens.codes]
    lengths = np.diff(tokens.offsets)
    n_shingles = np.where(lengths > 0, np.maximum(lengths - SHINGLE + 1, 1), 0)
    offsets = np.concatenate([[0], np.cumsum(n_shingles)])
    text = np.repeat(np.arange(len(texts)), n_shingles)
    start = tokens.offsets[text] + np.arange(len(text)) - offsets[text]
    padded = np.concatenate([words, np.zeros(SHINGLE, dtype=np.uint64)])
    hashes = np.zeros(len(text), dtype=np.uint64)
    for step in range(SHINGLE):
        inside = start + step < tokens.offsets[text + 1]
        word = np.where(inside, padded[start + step], np.uint64(0))
        hashes = _mixed(hashes ^ word) + np.uint64(step)
    return hashes, offsets


def _word_hash(word: str) -> int:
    digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _mixed(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter bits, as the finaliser of SplitMix64 does (Steele, Lea and Flood 2014)."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))


def _candidates(signatures: NDArray[np.uint32], threshold: float) -> NDArray[np.int64]:
    """Return pairs of rows that agree in a whole band, shape (n_pairs, 2), sorted."""
    width = _band_width(threshold)
    n_rows = len(signatures)
    keys = np.empty(0, dtype=np.int64)
    for start in range(0, _PERMUTATIONS - width + 1, width):
        band = np.ascontiguousarray(signatures[:, start : start + width])
        key = band.view(np.dtype((np.void, band.itemsize * width)))[:, 0]
        _, bucket = np.unique(key, return_inverse=True)
        order = np.argsort(bucket, kind="stable")
        ordered = bucket[order]
        for step in range(1, _NEIGHBOURS + 1):
            same = ordered[step:] == ordered[:-step]
            if not same.any():
                break
            keys = np.append(keys, order[:-step][same] * n_rows + order[step:][same])
        keys = np.unique(keys)
    return np.stack(np.divmod(keys, max(n_rows, 1)), axis=1)


def _band_width(threshold: float) -> int:
    """Return the widest band with which a pair at the threshold is still found."""
    widths = range(_PERMUTATIONS, 1, -1)
    return next((w for w in widths if _recall(threshold, w) >= _LEAST_RECALL), 1)


def _recall(jaccard: float, width: int) -> float:
    return float(1 - (1 - jaccard**width) ** (_PERMUTATIONS // width))


def _estimates(signatures: NDArray[np.uint32], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    estimates = np.empty(len(pairs))
    for start in range(0, len(pairs), _CHUNK_PAIRS):
        i, j = pairs[start : start + _CHUNK_PAIRS].T
        estimates[start : start + len(i)] = (signatures[i] == signatures[j]).mean(axis=1)
    return estimates


def _compared(texts: Sequence[str], pairs: NDArray[np.int64], threshold: float) -> Iterator[Pair]:
    sets: dict[int, set[int]] = {}
    for chunk in _chunks(texts, np.unique(pairs)):
        hashes, offsets = _shingles([texts[row] for row in chunk])
        for place, row in enumerate(chunk):
            sets[row] = set(hashes[offsets[place] : offsets[place + 1]].tolist())
    for i, j in pairs.tolist():
        shared = len(sets[i] & sets[j])
        jaccard = shared / max(len(sets[i]) + len(sets[j]) - shared, 1)
        if jaccard >= threshold:
            yield Pair(i, j, jaccard)
