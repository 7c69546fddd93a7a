"""What ``newsclf data check`` finds of faults that were planted, and how long it takes.

::

    python experiments/benchmarks/planted.py [--articles 10000] [--scale 100000]
    python experiments/benchmarks/planted.py --benchmarks FOLDER

The first command makes articles out of the shipped stories' language: every sentence is a walk
over pairs of adjacent words of the stories with one topic alone, so no two are alike by design. A
twin of the corpus is left clean; into the other go near duplicates across splits with a Jaccard
index of 0.8 (and decoys just below), flipped topic labels, texts decoded wrongly, rows of broken
bytes, empty bodies and unknown labels. Then ``newsclf data check`` runs on 100,000 articles with
three tasks in a process of its own. The second command flips labels of real articles in a folder of
public data sets, which are not part of this repository.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import orjson
import psutil

from newsclf.check import check_corpus
from newsclf.corpus import Corpus, CorpusInfo, read_corpus, write_corpus
from newsclf.corpus.quality.findings import Report
from newsclf.corpus.splits import draw_splits
from newsclf.files import shipped_data
from newsclf.records import LabelledArticle
from newsclf.schemes import Label, LabelScheme

NEAR_DUPLICATES = 200
DECOYS = 200
FLIPPED = 300
WRONG_ENCODINGS = 50
BROKEN_ROWS = 50
SENTENCES = 12
LEAST_SENTENCES = 5
"""Of each label, or a label would be wrong that nobody planted."""

POOL = 20_000
INFO = CorpusInfo(name="made", version="1", licence="CC0-1.0", provenance="made", schemes=())


def main() -> None:
    """Run what was asked for and print the results as Markdown."""
    options = _options()
    if options.benchmarks is not None:
        real_flips(options.benchmarks)
        return
    shipped = read_corpus(shipped_data() / "govnews")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        planted_and_clean(made_corpus(shipped, options.articles, ("topic",)), folder)
        write_corpus(
            made_corpus(shipped, options.scale, ("topic", "frame", "stance")), folder / "l"
        )
        time_and_memory(folder / "l", options.scale)


def made_corpus(shipped: Corpus, n: int, tasks: Sequence[str]) -> Corpus:
    """Make articles whose sentences talk of their topics, and split them."""
    chance = random.Random(1)
    pools = {topic: Sentences.of(texts).pool(chance) for topic, texts in _texts(shipped).items()}
    usable = [story for story in shipped.articles if set(story.labels["topic"]) <= pools.keys()]
    articles = []
    for number in range(n):
        story = chance.choice(usable)
        topics = story.labels["topic"] or ("",)
        count = max(chance.randint(SENTENCES - 4, SENTENCES + 4), LEAST_SENTENCES * len(topics))
        said = [chance.choice(pools[topics[at % len(topics)]]) for at in range(count)]
        labels = {task: story.labels[task] for task in tasks}
        articles.append(
            LabelledArticle(f"m{number}", said[0], "\n\n".join(said[1:]), labels=labels)
        )
    schemes = {task: shipped.schemes[task] for task in tasks}
    return draw_splits(Corpus(INFO, schemes, tuple(articles)), seed=1)


def _texts(shipped: Corpus) -> dict[str, list[str]]:
    """Return the stories of each topic that have no other, and under "" those that have none."""
    texts = defaultdict(list)
    for story in shipped.articles:
        if len(story.labels["topic"]) < 2:
            texts["".join(story.labels["topic"])].append(story.body)
    return texts


@dataclass(frozen=True)
class Sentences:
    """A Markov chain over words, from which sentences are drawn."""

    following: dict[str, list[str]]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Sentences:
        """Learn which word follows which; an empty word begins and ends sentences."""
        following = defaultdict(list)
        for text in texts:
            for line in text.replace(". ", ".\n").splitlines():
                words = ["", *line.split(), ""]
                for word, after in pairwise(words):
                    following[word].append(after)
        return cls(following)

    def pool(self, chance: random.Random) -> list[str]:
        """Draw `POOL` sentences of 15 to 40 words."""
        drawn: list[str] = []
        while len(drawn) < POOL:
            words = self._walk(chance)
            if 15 <= len(words) <= 40:
                drawn.append(" ".join(words))
        return drawn

    def _walk(self, chance: random.Random) -> list[str]:
        words = []
        word = chance.choice(self.following[""])
        while word and len(words) <= 40:
            words.append(word)
            word = chance.choice(self.following[word])
        return words


def planted_and_clean(clean: Corpus, folder: Path) -> None:
    """Check a corpus with planted faults and its clean twin, and print what was found."""
    chance = random.Random(2)
    write_corpus(clean, folder / "clean")
    articles = {article.id: article for article in clean.articles}
    free = [article.id for article in clean.articles]
    chance.shuffle(free)

    def take(n: int, split: str | None = None) -> list[str]:
        chosen = [one for one in free if split in (None, articles[one].split)][:n]
        free[:] = [one for one in free if one not in set(chosen)]
        return chosen

    sources = take(NEAR_DUPLICATES + DECOYS, "train")
    copies = take(NEAR_DUPLICATES + DECOYS, "test")
    pairs = set()
    for number, (source, copy) in enumerate(zip(sources, copies, strict=True)):
        near = number < NEAR_DUPLICATES
        articles[copy] = _near_copy(articles[source], articles[copy], chance, near=near)
        if near:
            pairs.add(frozenset((source, copy)))
    flipped = set()
    for one in take(FLIPPED):
        articles[one], label = _flipped(articles[one], clean.schemes["topic"], chance)
        flipped.add((one, label))
    garbled = take(WRONG_ENCODINGS)
    for one in garbled:
        story = articles[one]
        body = story.body.replace(" the ", " the new caf\u00e9\u2019s ", 3)
        articles[one] = replace(story, body=body.encode().decode("cp1252", errors="replace"))
    broken = {code: take(BROKEN_ROWS) for code in ("empty_text", "invalid_label", "invalid_json")}
    dirty = replace(clean, articles=tuple(articles[article.id] for article in clean.articles))
    write_corpus(dirty, folder / "dirty")
    _break_rows(folder / "dirty" / "articles.jsonl", broken)
    report, twin = check_corpus(folder / "dirty"), check_corpus(folder / "clean")
    print(f"### {len(clean.articles):,} made articles\n")
    print("| planted | number | found | of what was reported, planted | in the clean twin |")
    print("| --- | --- | --- | --- | --- |")
    found = _pairs(report)
    _row("near duplicates across splits", pairs, found, len(_pairs(twin)))
    suspects = [(row[1], row[3]) for row in report.tables["label_errors"].rows]
    first = suspects[: 2 * FLIPPED]
    _row(f"flipped labels, first {2 * FLIPPED}", flipped, set(first), len(_suspects(twin)))
    _row("flipped labels, all reported", flipped, set(suspects), len(_suspects(twin)))
    for code, ids in {"wrong_encoding": garbled, **broken}.items():
        print(f"| {code} rows | {len(ids)} | {_count(report, code)} | | {_count(twin, code)} |")
    print(f"\nOther findings in the clean twin: {_others(twin)}\n")


def _near_copy(
    source: LabelledArticle, copy: LabelledArticle, chance: random.Random, *, near: bool
) -> LabelledArticle:
    """Change words of a story, one by one, as far as a Jaccard index of 0.8, or just past it."""
    words = source.body.split(" ")
    places = list(range(len(words)))
    chance.shuffle(places)
    body, shingles = source.body, _shingles(source.headline, source.body)
    for number, place in enumerate(places):
        words[place] = f"other{number}"
        changed = " ".join(words)
        other = _shingles(source.headline, changed)
        if len(shingles & other) < 0.8 * len(shingles | other):
            body = body if near else changed
            break
        body = changed
    return replace(copy, headline=source.headline, body=body, labels=source.labels)


def _shingles(headline: str, body: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w\w+", f"{headline}\n{body}".lower())
    return set(zip(words, words[1:], words[2:], strict=False))


def _flipped(
    article: LabelledArticle, scheme: LabelScheme, chance: random.Random
) -> tuple[LabelledArticle, str]:
    """Take a label away or add one, as often as not."""
    given = article.labels["topic"]
    if given and chance.random() < 0.5:
        label = chance.choice(given)
        labels = tuple(one for one in given if one != label)
    else:
        label = chance.choice([one for one in scheme.label_ids if one not in given])
        labels = (*given, label)
    return replace(article, labels=dict(article.labels) | {"topic": labels}), label


def _break_rows(path: Path, broken: dict[str, list[str]]) -> None:
    """Empty the texts of rows, give others a label there is not, others bytes of cp1252."""
    kind = {one: code for code, ids in broken.items() for one in ids}
    lines = []
    for line in path.read_bytes().splitlines():
        row = json.loads(line)
        match kind.get(row["id"]):
            case "empty_text":
                row |= {"headline": " ", "body": ""}
            case "invalid_label":
                row["labels"]["topic"] = ["weather"]
            case "invalid_json":
                row["body"] = f"caf\u00e9 {row['body']}"
                lines.append(orjson.dumps(row).replace("\u00e9".encode(), b"\xe9"))
                continue
        lines.append(orjson.dumps(row))
    path.write_bytes(b"\n".join(lines) + b"\n")


def _row(name: str, planted: set, found: set, in_twin: int) -> None:
    right = len(planted & found)
    print(
        f"| {name} | {len(planted)} | {right} ({right / len(planted):.3f}) "
        f"| {right / max(1, len(found)):.3f} | {in_twin} |"
    )


def _pairs(report: Report) -> set[frozenset[str]]:
    """Return the groups of near duplicates across splits; those that were planted are pairs."""
    groups = defaultdict(set)
    for group, article, *_, leak in report.tables["duplicates"].rows:
        if leak:
            groups[group].add(article)
    return {frozenset(group) for group in groups.values()}


def _suspects(report: Report) -> Sequence[object]:
    return report.tables["label_errors"].rows


def _count(report: Report, code: str) -> int:
    return sum(found.count for found in report.findings if found.code == code)


def _others(report: Report) -> str:
    counts = Counter({found.code: found.count for found in report.findings})
    return ", ".join(f"{code} {count:,}" for code, count in counts.items()) or "none"


def time_and_memory(folder: Path, n: int) -> None:
    """Run the command in a process of its own, and watch it."""
    command = [sys.executable, "-m", "newsclf", "data", "check", str(folder)]
    began = time.perf_counter()
    process = psutil.Popen(command, stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, _memory(process))
        time.sleep(0.2)
    took = time.perf_counter() - began
    print(f"`newsclf data check` on {n:,} articles, three tasks: {took:.0f} s, ", end="")
    print(f"at most {peak / 1e6:,.0f} MB in all processes")


def _memory(process: psutil.Process) -> int:
    """Return the bytes of memory that a process and its children use, shared pages once."""
    try:
        family = [process, *process.children(recursive=True)]
        return sum(one.memory_full_info().pss for one in family)
    except psutil.NoSuchProcess:
        return 0


def real_flips(benchmarks: Path) -> None:
    """Flip labels of 10,000 real articles, and print how many are among the first reported."""
    print("| articles | flipped | among the first reported, twice as many |")
    print("| --- | --- | --- |")
    for name, read in (("ag_news", _ag_news), ("reuters21578", _reuters)):
        folder = benchmarks / name
        if not folder.is_dir():
            print(f"| {name} | | not there: {folder} |")
            continue
        corpus = read(folder)
        chance = random.Random(3)
        articles = list(corpus.articles)
        flipped = set()
        for row in chance.sample(range(len(articles)), FLIPPED):
            articles[row], label = _changed(articles[row], corpus.schemes["topic"], chance)
            flipped.add((articles[row].id, label))
        with tempfile.TemporaryDirectory() as parent:
            write_corpus(replace(corpus, articles=tuple(articles)), Path(parent) / "c")
            report = check_corpus(Path(parent) / "c")
        rows = report.tables["label_errors"].rows
        first = {(row[1], row[3]) for row in rows[: 2 * FLIPPED]}
        share = len(flipped & first) / FLIPPED
        print(f"| {name}, {len(articles):,} | {FLIPPED} | {share:.2f} of {len(rows):,} in all |")


def _changed(
    article: LabelledArticle, scheme: LabelScheme, chance: random.Random
) -> tuple[LabelledArticle, str]:
    """Flip a label; of a single-label task, give another one."""
    if scheme.kind == "multi":
        return _flipped(article, scheme, chance)
    [given] = article.labels["topic"]
    label = chance.choice([one for one in scheme.label_ids if one != given])
    return replace(article, labels={"topic": (label,)}), label


def _ag_news(folder: Path) -> Corpus:
    return _real(folder, ("train", "test"), "single")


def _reuters(folder: Path) -> Corpus:
    return _real(folder, ("train", "test"), "multi")


def _real(folder: Path, parts: Sequence[str], kind: str) -> Corpus:
    rows = [row for part in parts for row in _rows(folder / f"{part}.jsonl.gz")][:10_000]
    names = sorted({label for row in rows for label in row["labels"]})
    ids = {name: f"l{number}" for number, name in enumerate(names)}
    labels = tuple(Label(id=ids[name], title=name, definition="") for name in names)
    scheme = LabelScheme.model_validate(
        {
            "name": "topic",
            "title": "",
            "version": "1",
            "kind": kind,
            "question": "",
            "labels": labels,
        }
    )
    articles = [
        LabelledArticle(
            f"a{number}",
            row["headline"] or "",
            row["text"] or ".",
            labels={"topic": tuple(ids[label] for label in row["labels"])},
        )
        for number, row in enumerate(rows)
    ]
    return Corpus(INFO, {"topic": scheme}, tuple(articles))


def _rows(path: Path) -> Iterator[dict]:
    with gzip.open(path, "rb") as file:
        yield from map(orjson.loads, file)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--articles", type=int, default=10_000, help="with faults and without")
    parser.add_argument("--scale", type=int, default=100_000, help="for time and memory")
    parser.add_argument("--benchmarks", type=Path, help="folder of public data sets")
    return parser.parse_args()


if __name__ == "__main__":
    main()
