"""How often routing keeps its promise, and what the tests it could rest on ask for.

::

    python experiments/benchmarks/promise.py [--draws 1000]

Stories are drawn from three populations with overconfident probabilities and a share of stories
without any label: several labels a story that share a cause, the same with a weaker classifier,
and one label a story. The truth is measured on 200,000 stories of the same population, and the
promise is at 90 % confidence. A refusal keeps the promise. The second table compares the tests on
stories with one tag each: the fewest that show 95 % precision when so many of them are wrong.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, rel_entr
from scipy.stats import binom

from newsclf.decisions.bounds import betting_p_value, binomial_p_value
from newsclf.decisions.routing import Promise, Routing, fit_routing, routed

LABELS = 6
CONFIDENCE = 0.9
POPULATION = 200_000
Stories = tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.bool_]]
Population = Callable[[int, np.random.Generator], Stories]


def main() -> None:
    """Print both tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1000, help="calibration sets a row")
    draws = parser.parse_args().draws
    populations = {
        "several labels": several_labels,
        "several labels, weaker classifier": partial(several_labels, ease=1.2),
        "one label": one_label,
    }
    print("| population | precision | stories | promise kept | refused | mean auto share | ms |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, population in populations.items():
        for row in simulated(population, draws):
            print(f"| {name} | {row}", flush=True)
    print("\n| wrong | exact binomial | Hoeffding-Bentkus | betting, two tags allowed |")
    print("| --- | --- | --- | --- |")
    for wrong in (0, 1, 3, 10):
        fewest = [fewest_tags(test, wrong) for test in (binomial, hoeffding_bentkus, betting)]
        print(f"| {wrong} | " + " | ".join(f"{count:,}" for count in fewest) + " |")


def several_labels(n: int, random: np.random.Generator, ease: float = 2.2) -> Stories:
    """Draw stories whose labels depend on each other; a third has a second label in play."""
    rows, strength = np.arange(n), random.normal(-5, 1, (n, LABELS))
    first = random.integers(LABELS, size=n)
    second = (first + random.integers(1, LABELS, size=n)) % LABELS
    both = random.random(n) < 0.35
    strength[rows, first] = random.normal(ease, 2, n)
    strength[rows[both], second[both]] = random.normal(ease - 1.2, 1.5, both.sum())
    y = random.random((n, LABELS)) < expit(1.6 * strength + random.normal(0, 1, (n, 1)))
    y[random.random(n) < 0.02] = False
    p = expit(1.8 * strength + 0.5)
    return y, p, p >= 0.4


def one_label(n: int, random: np.random.Generator) -> Stories:
    """Draw stories of which the most probable label is right, or none is."""
    rows, best = np.arange(n), random.integers(LABELS, size=n)
    sureness = random.normal(2, 2, n)
    p = np.full((n, LABELS), 0.01)
    p[rows, best] = expit(1.5 * np.abs(sureness))
    y = np.zeros((n, LABELS), dtype=bool)
    y[rows, best] = random.random(n) < 0.98 * expit(1.2 * np.abs(sureness) + 1)
    return y, p, np.asarray(p == p.max(axis=1, keepdims=True))


def simulated(population: Population, draws: int) -> Iterator[str]:
    """Yield a row of the first table for each promise and each number of stories."""
    truth = population(POPULATION, np.random.default_rng(0))
    known: dict[tuple[float, int], tuple[float, float]] = {}

    def measured(routing: Routing) -> tuple[float, float]:
        """Return true precision and share of the auto tags."""
        if routing.threshold is None:
            return 1.0, 0.0
        key = routing.threshold, routing.tags_per_article
        if key not in known:
            y, p, assigned = truth
            auto = routed(p, assigned, routing)
            known[key] = float(y[auto].mean()), float(auto.sum() / assigned.sum())
        return known[key]

    for precision in (0.9, 0.95):
        promise = Promise(precision=precision, confidence=CONFIDENCE)
        for stories in (100, 300, 1000, 3000):
            random = np.random.default_rng(stories)
            sets = [population(stories, random) for _ in range(draws)]
            start = time.perf_counter()
            routings = [fit_routing(*drawn, promise) for drawn in sets]
            spent = 1000 * (time.perf_counter() - start) / draws
            results = np.array([measured(routing) for routing in routings])
            kept = (results[:, 0] >= precision).mean()
            refused = np.mean([routing.threshold is None for routing in routings])
            shares = f"{kept:.1%} | {refused:.1%} | {results[:, 1].mean():.1%}"
            yield f"{precision} | {stories:,} | {shares} | {spent:.1f} |"


def fewest_tags(p_value: Callable[[int, int], float], wrong: int) -> int:
    """Return the fewest tags, so many of them wrong, that show 95 % precision."""
    return next(n for n in range(wrong + 1, 10_000) if p_value(wrong, n) <= 1 - CONFIDENCE)


def binomial(wrong: int, tags: int) -> float:
    """Test one tag a story exactly."""
    return float(binomial_p_value(wrong, tags, 0.05))


def betting(wrong: int, tags: int) -> float:
    """Test one tag a story where two were allowed."""
    return betting_p_value(np.arange(tags) < wrong, np.ones(tags), 0.05, most=2)


def hoeffding_bentkus(wrong: int, tags: int) -> float:
    """Test one tag a story as Bates et al. (2021), Journal of the ACM 68(6), section 3.1.3."""
    observed = min(wrong / tags, 0.05)
    divergence = rel_entr(observed, 0.05) + rel_entr(1 - observed, 0.95)
    bentkus = np.e * binom.cdf(wrong, tags, 0.05)
    return float(min(np.exp(-tags * divergence), bentkus, 1.0))


if __name__ == "__main__":
    main()
