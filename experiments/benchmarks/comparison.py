"""How often ``newsclf compare`` calls a difference real, where the truth is known.

::

    python experiments/benchmarks/comparison.py [--repeats 200] [--articles 1000]

Articles and systems are simulated: twelve labels that 4 % to 20 % of the articles have, and systems
whose recall and precision are 0.8 for each label. A loss is planted either in a copy, a share of
whose tags moves to another label, or in a system that makes its errors independently of the first
one's.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from newsclf.metrics.paired import paired_scores
from newsclf.metrics.verdicts import compare_predictions

GOOD = 0.8
LOSS = 0.05
SHARES = np.linspace(0.04, 0.2, 12)

Labels = NDArray[np.bool_]
Rival = Callable[[Labels, Labels, np.random.Generator], Labels]


def main() -> None:
    """Print the results as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=200, help="of each case")
    parser.add_argument("--articles", type=int, default=1000, help="in each repeat")
    options = parser.parse_args()
    print(f"{options.articles:,} articles, {options.repeats} repeats:\n")
    print("| the second system | macro-F1 differs by | macro-F1 called real | any measure |")
    print("| --- | --- | --- | --- |")
    for name, rival in CASES.items():
        difference, real, any_real = shares_called_real(rival, options.articles, options.repeats)
        print(f"| {name} | {difference:+.3f} | {real:.1%} | {any_real:.1%} |")
    time_and_memory(20_000, 30)


def shares_called_real(rival: Rival, n_articles: int, repeats: int) -> NDArray[np.float64]:
    """Return the mean difference in macro-F1, and how often it and any measure are called real."""
    found = []
    for seed in range(repeats):
        rng = np.random.default_rng([1, seed])
        y = rng.random((n_articles, len(SHARES))) < SHARES
        first = system(y, GOOD, rng)
        second = rival(y, first, rng)
        [pair] = compare_predictions(y, {"first": first, "second": second})
        real = [difference.real for difference in pair.differences]
        found.append([pair.differences[0].difference, real[0], any(real)])
    return np.mean(found, axis=0)


def system(y: Labels, f1: float, rng: np.random.Generator) -> Labels:
    """Give labels so that recall and precision, so F1, of each label are expected to be `f1`."""
    shares = y.mean(axis=0)
    kept = rng.random(y.shape) < f1
    added = rng.random(y.shape) < (1 - f1) * shares / (1 - shares)
    return np.where(y, kept, added)


def spoiled_copy(y: Labels, first: Labels, rng: np.random.Generator) -> Labels:
    """Move tags, a hundredth at a time, to another label until macro-F1 has lost `LOSS`."""
    second = first.copy()
    aim = paired_scores(y, first)[0] - LOSS
    tags = rng.permutation(np.argwhere(first))
    for some in np.array_split(tags, 100):
        if paired_scores(y, second)[0] <= aim:
            break
        articles, labels = some.T
        second[articles, labels] = False
        second[articles, (labels + rng.integers(1, y.shape[1], len(some))) % y.shape[1]] = True
    return second


def time_and_memory(n_articles: int, n_labels: int) -> None:
    """Compare two systems on many articles."""
    rng = np.random.default_rng(0)
    y = rng.random((n_articles, n_labels)) < 0.1
    systems = {name: system(y, GOOD, rng) for name in ("first", "second")}
    began = time.perf_counter()
    compare_predictions(y, systems)
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"\n{n_articles:,} articles x {n_labels} labels: {took:.1f} s, at most {peak:,.0f} MB")


CASES: dict[str, Rival] = {
    "a copy": lambda _, first, __: first.copy(),
    "as good, independent errors": lambda y, _, rng: system(y, GOOD, rng),
    "a copy with a planted loss of 5 points": spoiled_copy,
    "5 points worse, independent errors": lambda y, _, rng: system(y, GOOD - LOSS, rng),
}


if __name__ == "__main__":
    main()
