"""Batch tagging killed again and again, and gone on with until it is done.

::

    python experiments/benchmarks/kill_loop.py [--runs 50] [--rows 100000] [--kills 3]

The rows are stories of a few sentences of the shipped corpus, and 1 in 200 of them is poison: a
lone surrogate, NULs, a line of 50 MB, JSON nested 100,000 deep, or a wrong type. One run is left
alone and gives the output to compare with. Each of the others is killed with SIGKILL, with all its
workers, at random moments, gone on with by ``--resume``, and must end with the same bytes in the
output and in the error file, one row for every input row, and nothing else left behind.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from newsclf.config import RunConfig, TaskConfig
from newsclf.corpus import Corpus, read_corpus
from newsclf.files import sha256_of, shipped_data
from newsclf.train import train

POISON_EVERY = 200
LONG_LINES = 3
"""Lines of 50 MB in all, so that the input stays of a size to be copied."""

SOME_ROWS_REFUSED = 3
POISON: dict[str, Callable[[], bytes]] = {
    "lone surrogate": lambda: b'{"id": "p", "headline": "\\ud800", "body": "Police."}',
    "NUL bytes": lambda: b'{"id": "p", "headline": "a\x00b"}',
    "NUL escapes": lambda: b'{"id": "p", "headline": "\\u0000", "body": "Police\\u0000"}',
    "deep JSON": lambda: b'{"id": "p", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "wrong type": lambda: b'{"id": "p", "headline": ["Police"], "body": 7}',
    "no object": lambda: b"[1, 2]",
    "not UTF-8": lambda: b'{"id": "p", "headline": "\xff\xfe"}',
    "no text": lambda: b'{"id": "p", "headline": " "}',
}


@dataclass(frozen=True)
class Ended:
    """What a run left, and how often it was killed on the way."""

    kills: int
    output: str
    errors: str
    left: tuple[str, ...]


def main() -> None:
    """Kill runs and print what they ended with as Markdown."""
    options = _options()
    corpus = read_corpus(shipped_data() / "govnews")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "in.jsonl"
        poison = write_rows(corpus, source, options.rows)
        model = trained(corpus, folder)
        whole, seconds = left_alone(source, model, folder / "whole")
        begun = time.perf_counter()
        runs = [
            killed(source, model, folder / str(run), seconds, options.kills, random.Random(run))
            for run in range(options.runs)
        ]
        accounted = rows_accounted_for(folder / "whole" / "out.jsonl", options.rows)
        report(options, runs, whole, poison, accounted)
        print(f"| a run left alone | {seconds:.1f} s |")
        print(f"| all that were killed | {time.perf_counter() - begun:.0f} s |")
    if not accounted or any(run.output != whole.output or run.left for run in runs):
        sys.exit("the runs did not all end as they should")


def write_rows(corpus: Corpus, path: Path, rows: int) -> Counter[str]:
    """Write stories, one in `POISON_EVERY` of them poison, and count the poison by kind."""
    draw = random.Random(0)
    sentences = [s for a in corpus.articles for s in a.body.replace("\n", " ").split(". ") if s]
    kinds = list(POISON)
    found: Counter[str] = Counter()
    with path.open("wb") as file:
        for row in range(rows):
            if row % POISON_EVERY != POISON_EVERY // 2:
                body = ". ".join(draw.choices(sentences, k=4))
                story = {"id": str(row), "headline": draw.choice(sentences)[:80], "body": body}
                file.write(json.dumps(story).encode() + b"\n")
                continue
            is_long = found["50 MB line"] < LONG_LINES and found.total() % 3 == 0
            kind = "50 MB line" if is_long else kinds[found.total() % len(kinds)]
            found[kind] += 1
            if is_long:
                file.write(b'{"id": "p", "body": "' + b"a" * 50_000_000 + b'"}\n')
            else:
                file.write(POISON[kind]() + b"\n")
    return found


def trained(corpus: Corpus, folder: Path) -> Path:
    """Train a linear bundle for all tasks."""
    tasks = {task: TaskConfig(classifier="linear") for task in corpus.schemes}
    config = RunConfig(name="linear", corpus=folder, seed=13, tasks=tasks)
    train(config, corpus).save(folder / "linear")
    return folder / "linear"


def left_alone(source: Path, model: Path, folder: Path) -> tuple[Ended, float]:
    """Tag without killing, and return what there is and the seconds that it took."""
    folder.mkdir()
    start = time.perf_counter()
    status = started(source, model, folder / "out.jsonl").wait()
    if status != SOME_ROWS_REFUSED:
        sys.exit(f"the run that was left alone ended with the exit status {status}")
    return ended(folder / "out.jsonl", 0), time.perf_counter() - start


def killed(
    source: Path, model: Path, folder: Path, seconds: float, kills: int, draw: random.Random
) -> Ended:
    """Tag, kill at random moments some times, and go on until the output is whole."""
    folder.mkdir()
    output = folder / "out.jsonl"
    done = 0
    while not output.exists() or output.with_name("out.jsonl.parts").exists():
        process = started(source, model, output)
        try:
            process.wait(draw.uniform(0, seconds) if done < kills else None)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            done += 1
        else:
            if process.returncode != SOME_ROWS_REFUSED:
                sys.exit(f"a run that went on ended with the exit status {process.returncode}")
            if not done:  # it was faster than the killer
                _clear(folder)
        process.wait()
    result = ended(output, done)
    _clear(folder)
    return result


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def started(source: Path, model: Path, output: Path) -> subprocess.Popen[bytes]:
    """Start ``newsclf tag --resume`` in a process group of its own."""
    command = [sys.executable, "-m", "newsclf", "tag", str(source), "--model", str(model)]
    return subprocess.Popen(
        [*command, "--output", str(output), "--resume", "--quiet"], start_new_session=True
    )


def ended(output: Path, kills: int) -> Ended:
    """Return the checksums of a run's files, and the names of those that should not be there."""
    errors = output.with_name(f"{output.name}.errors.jsonl")
    left = tuple(p.name for p in output.parent.iterdir() if p not in (output, errors))
    return Ended(kills, sha256_of(output), sha256_of(errors), left)


def rows_accounted_for(output: Path, rows: int) -> bool:
    """Say whether each input row has its row, in order: its id, or its line and an error."""
    number = 0
    with output.open("rb") as file:
        for number, line in enumerate(file, 1):
            row = json.loads(line)
            if row["id"] not in (str(number - 1), "p") and row.get("line") != number:
                return False
    return number == rows


def report(
    options: argparse.Namespace,
    runs: list[Ended],
    whole: Ended,
    poison: Counter[str],
    accounted: bool,
) -> None:
    """Print the results."""
    same = sum((run.output, run.errors) == (whole.output, whole.errors) for run in runs)
    kinds = ", ".join(f"{kind} {count}" for kind, count in poison.items())
    kills = Counter(run.kills for run in runs)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores\n")
    print("| what | found |\n| --- | --- |")
    print(f"| rows, of them poison | {options.rows:,}, {poison.total():,} ({kinds}) |")
    print(f"| runs | {len(runs)} |")
    print(f"| SIGKILLs | {sum(run.kills for run in runs)} ({dict(sorted(kills.items()))} a run) |")
    print(f"| runs that ended with the same bytes | {same} of {len(runs)} |")
    print(f"| every row accounted for, in order | {'yes' if accounted else 'NO'} |")
    print(f"| runs that left other files behind | {sum(bool(run.left) for run in runs)} |")
    print(f"| sha256 of the output | {whole.output[:16]} |")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=3, help="a run, at most")
    return parser.parse_args()


if __name__ == "__main__":
    main()
