"""Learning curves: how scores grow with labels, and what more labels would buy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from newsclf.config import RunConfig
from newsclf.corpus import Corpus, indicators
from newsclf.corpus.splits import draw_folds
from newsclf.crossval import TITLES, Metric, hold_out, parted, training_part
from newsclf.errors import ConfigError
from newsclf.extras import require
from newsclf.files import atomic_file
from newsclf.records import LabelledArticle

TENTHS = (1, 2, 4, 7, 10)
"""Shares of the articles that are learned from, in tenths."""

FOLDS = 5
REPEATS = 5
FEWEST_ARTICLES = 50

_PARTS = 10
_DRAWS = 200
_STEEPEST = 2.0


class Interval(NamedTuple):
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """A task's scores by number of articles.

    Parameters
    ----------
    metric : str
        What the scores are.
    sizes : ndarray of int64, shape (n_sizes,)
        Judged articles that were learned from: means over the repeats, to the article.
    scores : ndarray of float64, shape (n_repeats, n_sizes)
        On held-out articles, other ones in each repeat.
    """

    metric: Metric
    sizes: NDArray[np.int64]
    scores: NDArray[np.float64]

    @property
    def points(self) -> list[Interval]:
        """The mean score at each size, with a corrected resampled t interval.

        Repeats share articles, which makes them vary less than new samples would. The correction
        is of Nadeau and Bengio, "Inference for the Generalization Error", Machine Learning 2003,
        with the largest size's ratio of held-out to learned articles at every size: smaller parts
        share fewer articles, and their intervals are the wider for it.
        """
        from scipy.stats import t

        n = len(self.scores)
        corrected = (1 / n + 1 / (FOLDS - 1)) * self.scores.var(axis=0, ddof=1)
        halves = t.ppf(0.975, n - 1) * np.sqrt(corrected)
        means = self.scores.mean(axis=0)
        return [
            Interval(float(mean), max(0.0, float(mean - half)), min(1.0, float(mean + half)))
            for mean, half in zip(means, halves, strict=True)
        ]

    @property
    def law(self) -> PowerLaw:
        """The inverse power law through the mean scores."""
        return PowerLaw.fit(self.sizes, self.scores.mean(axis=0))

    def gain(self, factor: float = 2.0, *, seed: int = 0) -> Interval:
        """Return what `factor` times as many labels would add to the score.

        Parameters
        ----------
        factor : float
            Above 1.
        seed : int
            Of the draws.

        Returns
        -------
        Interval
            From power laws through repeats drawn with replacement. It says how far the repeats
            disagree, and not how far the future may differ from a power law.
        """
        rng = np.random.default_rng(seed)
        draws = rng.integers(len(self.scores), size=(_DRAWS, len(self.scores)))
        laws = [PowerLaw.fit(self.sizes, self.scores[draw].mean(axis=0)) for draw in draws]
        size = float(self.sizes[-1])
        gains = [law.at(factor * size) - law.at(size) for law in laws]
        low, high = np.quantile(gains, [0.025, 0.975])
        return Interval(self.law.at(factor * size) - self.law.at(size), float(low), float(high))

    def to_json(self) -> dict[str, object]:
        """Return the curve as JSON can hold it."""
        points = zip(self.sizes.tolist(), self.points, strict=True)
        return {
            "metric": self.metric,
            "points": [{"articles": size, **point._asdict()} for size, point in points],
            "power_law": self.law._asdict(),
            "gain_of_doubling": self.gain()._asdict(),
        }


class PowerLaw(NamedTuple):
    """Scores of the form ``limit - scale * n ** -decay``.

    Parameters
    ----------
    limit : float
        What infinitely many articles would score, at most 1.
    scale : float
        How far below it one article is.
    decay : float
        How fast the curve flattens.

    Examples
    --------
    >>> n = np.array([10, 20, 40, 80])
    >>> law = PowerLaw.fit(n, 0.9 - 2 * n**-0.5)
    >>> [round(value, 3) for value in law]
    [0.9, 2.0, 0.5]
    """

    limit: float
    scale: float
    decay: float

    @classmethod
    def fit(cls, sizes: ArrayLike, scores: ArrayLike) -> PowerLaw:
        """Fit by least squares; the curve never falls, and stays below 1.

        Parameters
        ----------
        sizes : array-like of float, shape (n_sizes,)
            Articles, three different numbers or more.
        scores : array-like of float, shape (n_sizes,)
            Between 0 and 1.

        References
        ----------
        C. Cortes et al., "Learning Curves: Asymptotic Values and Rate of Convergence", NeurIPS
        1993.
        """
        from scipy.optimize import minimize_scalar

        n, y = np.asarray(sizes, dtype=np.float64), np.asarray(scores, dtype=np.float64)
        decays = np.geomspace(0.02, _STEEPEST, 25)
        errors = [_line(n, y, decay)[2] for decay in decays]
        best = int(np.argmin(errors))
        around = decays[max(0, best - 1)], decays[min(len(decays) - 1, best + 1)]
        refined = minimize_scalar(lambda decay: _line(n, y, decay)[2], bounds=around)
        limit, scale, _ = _line(n, y, refined.x)
        return cls(limit, scale, float(refined.x))

    def at(self, n: float) -> float:
        """Return the score at a number of articles."""
        return float(self.limit - self.scale * n**-self.decay)


def learning_curve(
    config: RunConfig,
    corpus: Corpus,
    *,
    metric: Metric = "macro_f1",
    repeats: int = REPEATS,
    on_fit: Callable[[int, int], None] = lambda _done, _all: None,
) -> dict[str, LearningCurve]:
    """Train on growing shares of the articles, and score on others.

    In each repeat a fifth of the articles is held out, and the rest is learned from in growing
    parts, each of which holds the one before it. All are stratified. Only the splits of
    ``train_on`` are read.

    Parameters
    ----------
    config : RunConfig
        What to learn, and how.
    corpus : Corpus
        The labelled articles.
    metric : 'macro_f1' or 'micro_f1'
        How tags are scored.
    repeats : int
        2 or more.
    on_fit : callable
        Takes how many trainings are done and how many there are.

    Returns
    -------
    dict of str to LearningCurve
        By task.

    Raises
    ------
    ConfigError
        When there are fewer than 50 articles, or two repeats.
    """
    part = training_part(config, corpus)
    if len(part.articles) < FEWEST_ARTICLES or repeats < 2:
        raise ConfigError(
            f"{len(part.articles)} articles and {repeats} repeats; a learning curve needs "
            f"{FEWEST_ARTICLES} articles and 2 repeats or more"
        )
    shape = repeats, len(TENTHS)
    sizes = {task: np.zeros(shape) for task in config.tasks}
    scores = {task: np.zeros(shape) for task in config.tasks}
    for repeat in range(repeats):
        seed = config.seed + repeat
        pool, held_out = parted(part, draw_folds(part, FOLDS, seed=seed), 0)
        for place, learned in enumerate(_nested(part, pool, seed)):
            on_fit(repeat * len(TENTHS) + place, repeats * len(TENTHS))
            for task, found in hold_out(config, part, learned, held_out).items():
                sizes[task][repeat, place] = len(indicators(learned, corpus.schemes[task])[0])
                scores[task][repeat, place] = found.score(metric)
    return {
        task: LearningCurve(
            metric=metric,
            sizes=sizes[task].mean(axis=0).round().astype(np.int64),
            scores=scores[task],
        )
        for task in config.tasks
    }


def draw_curves(curves: dict[str, LearningCurve], path: Path) -> None:
    """Draw learning curves and what doubling the labels would buy, a panel a task.

    Parameters
    ----------
    curves : dict of str to LearningCurve
        By task.
    path : Path
        Ends in ``.svg`` or ``.png``.

    Raises
    ------
    ConfigError
        When it does not, or the extra ``check`` is not installed.
    OutputError
        When the file cannot be written.
    """
    check_picture(path)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5 * len(curves), 3.5), layout="constrained")
    panels = figure.subplots(1, len(curves), squeeze=False)[0]
    for axes, (task, curve) in zip(panels, curves.items(), strict=True):
        means, low, high = np.array(curve.points).T
        axes.errorbar(curve.sizes, means, [means - low, high - means], fmt="o", capsize=3)
        n = np.geomspace(curve.sizes[0], 2 * curve.sizes[-1], 100)
        axes.plot(n, [curve.law.at(each) for each in n], linestyle="--", color="0.4")
        axes.axvline(curve.sizes[-1], color="0.8", zorder=0)
        axes.set(title=task, xlabel="articles learned from", ylabel=TITLES[curve.metric])
    with atomic_file(path) as file:
        figure.savefig(file, format=path.suffix.lower()[1:], dpi=150)


def check_picture(path: Path) -> None:
    """Refuse a picture that could not be drawn, before the work that it would show.

    Raises
    ------
    ConfigError
        When its name ends in neither ``.svg`` nor ``.png``, or matplotlib is not installed.
    """
    if path.suffix.lower() not in (".svg", ".png"):
        raise ConfigError(f"cannot draw {path}; give a file that ends in .svg or .png")
    require("check")


def _nested(
    corpus: Corpus, pool: Sequence[LabelledArticle], seed: int
) -> Iterator[tuple[LabelledArticle, ...]]:
    drawn = Corpus(corpus.info, corpus.schemes, tuple(pool))
    parts = draw_folds(drawn, _PARTS, seed=seed)
    for tenths in TENTHS:
        yield tuple(article for article, part in zip(pool, parts, strict=True) if part < tenths)


def _line(
    n: NDArray[np.float64], y: NDArray[np.float64], decay: float
) -> tuple[float, float, float]:
    """Return limit, scale and squared error of the best curve with a decay."""
    x = n**-decay
    centred = x - x.mean()
    slope = min(0.0, float(centred @ y / (centred @ centred)))
    limit = float(y.mean() - slope * x.mean())
    if limit > 1:
        limit, slope = 1.0, min(0.0, float(x @ (y - 1) / (x @ x)))
    return limit, -slope, float(((limit + slope * x - y) ** 2).sum())
