"""The drawings of an evaluation, each with what it says for those who do not see it."""

from __future__ import annotations

import warnings
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from newsclf.evaluation import TaskEvaluation
from newsclf.metrics.calibration import reliability_curve
from newsclf.metrics.ranking import Curve, precision_recall_curve
from newsclf.metrics.scores import confusion

_MOST_LABELS = 30
_MOST_POINTS = 200
_MOST_NUMBERED = 16
_WORST_NAMED = 3
_NAME_CHARACTERS = 28
_WIDTH, _HEIGHT = 4.8, 3.6


class Plot(NamedTuple):
    """A drawing: a data URI, what it says in words, and a caption."""

    source: str
    alt: str
    caption: str


def overview_plots(evaluation: TaskEvaluation) -> list[Plot]:
    """Draw reliability, precision against recall, confusions, and slices where there are any."""
    with _style():
        plots = [_reliability(evaluation)]
        if evaluation.y.any():
            plots.append(_precision_recall(evaluation))
        plots.append(_confusion(evaluation))
        if evaluation.slices:
            plots.append(_slices(evaluation))
        return plots


def threshold_plots(evaluation: TaskEvaluation) -> list[Plot]:
    """Draw precision, recall and F1 against the threshold, for each label that articles have."""
    thresholds = evaluation.predictions.thresholds
    if thresholds is None:
        return []
    support = evaluation.by_label.support
    commonest = np.argsort(-support, kind="stable")[:_MOST_LABELS].tolist()
    with _style():
        return [
            _threshold(evaluation, label, float(thresholds[label]))
            for label in sorted(commonest)
            if support[label]
        ]


@contextmanager
def _style() -> Iterator[None]:
    style = mpl.rc_context(
        {
            "axes.spines.right": False,
            "axes.spines.top": False,
            "font.family": "sans-serif",
            "legend.frameon": False,
            "svg.fonttype": "none",
            "svg.hashsalt": "newsclf",
            "text.parse_math": False,
        }
    )
    with style, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _reliability(evaluation: TaskEvaluation) -> Plot:
    curve = reliability_curve(evaluation.y, evaluation.predictions.probabilities)
    figure, axes = _figure()
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="perfect")
    reach = [
        np.maximum(curve.observed - curve.low, 0),
        np.maximum(curve.high - curve.observed, 0),
    ]
    axes.errorbar(curve.predicted, curve.observed, yerr=reach, marker="o", capsize=3, label="found")
    axes.set(xlabel="mean probability", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left")
    error = evaluation.calibration.expected_error
    alt = (
        f"Reliability of the {evaluation.scheme.name} probabilities in {len(curve.count)} bins: "
        f"from {_pair(curve.predicted[0], curve.observed[0])} to "
        f"{_pair(curve.predicted[-1], curve.observed[-1])}; expected calibration error {error:.3f}"
    )
    return _drawn(
        figure,
        alt,
        "Reliability: how often what was said with a probability is right. "
        "Equally many decisions a point, with 95 % intervals.",
    )


def _pair(predicted: float, observed: float) -> str:
    return f"{predicted:.2f} said and {observed:.2f} right"


def _precision_recall(evaluation: TaskEvaluation) -> Plot:
    y, p = evaluation.y, evaluation.predictions.probabilities
    figure, axes = _figure()
    scored = np.flatnonzero(y.any(axis=0))
    worst = scored[np.argsort(evaluation.average_precision[scored])][:_WORST_NAMED]
    for label in np.setdiff1d(scored, worst).tolist():
        curve = _thinned(precision_recall_curve(y[:, label], p[:, label]))
        axes.plot(curve.recall, curve.precision, color="0.8", linewidth=1)
    named = [f"{evaluation.labels[j]} {evaluation.average_precision[j]:.2f}" for j in worst]
    for label, name in zip(worst.tolist(), named, strict=True):
        curve = _thinned(precision_recall_curve(y[:, label], p[:, label]))
        axes.plot(curve.recall, curve.precision, linewidth=1.2, label=name)
    together = _thinned(precision_recall_curve(y.ravel(), p.ravel()))
    axes.plot(together.recall, together.precision, color="black", linewidth=2, label="all tags")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.02))
    axes.legend(loc="lower left", fontsize="small")
    alt = (
        f"Precision against recall of {len(scored)} {evaluation.scheme.name} labels and of all "
        f"tags; the lowest average precision: {', '.join(named)}"
    )
    return _drawn(
        figure,
        alt,
        "Precision against recall. The labels with the lowest average precision are named; the "
        "others are grey.",
    )


def _confusion(evaluation: TaskEvaluation) -> Plot:
    counts = confusion(evaluation.y, evaluation.predictions.assigned)
    diagonal = np.eye(len(counts), dtype=bool)
    errors = np.where(diagonal, 0, counts)
    busiest = np.argsort(-(errors.sum(axis=0) + errors.sum(axis=1))[:-1], kind="stable")
    shown = [*sorted(busiest[:_MOST_LABELS].tolist()), len(counts) - 1]
    names = [(*evaluation.labels, "none")[j] for j in shown]
    errors, right = errors[np.ix_(shown, shown)], counts[np.ix_(shown, shown)]
    size = 2.4 + 0.24 * len(shown)
    figure, axes = _figure(max(_WIDTH, size + 0.6), max(_HEIGHT, size))
    drawn = np.ma.masked_array(errors, diagonal[: len(shown), : len(shown)])
    axes.imshow(drawn, cmap="Blues", vmin=0, vmax=max(1, errors.max()))
    axes.set_facecolor("0.93")
    if len(shown) <= _MOST_NUMBERED:
        _number(axes, right, errors)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="given wrongly", ylabel="missed")
    i, j = np.unravel_index(np.argmax(errors), errors.shape)
    alt = f"Confusions of {evaluation.scheme.name} labels; "
    if errors.any():
        alt += f"the commonest is {names[i]} missed, {names[j]} given wrongly: {errors[i, j]:,}"
    else:
        alt += "there is none"
    return _drawn(
        figure,
        alt,
        "Articles in which a label was missed and another given wrongly. On the grey diagonal, "
        "how often a label was right; none means that nothing was missed, or nothing given.",
    )


def _number(axes: Axes, counts: NDArray[np.int64], errors: NDArray[np.int64]) -> None:
    dark = errors > errors.max() / 2
    for (i, j), count in np.ndenumerate(counts):
        if count:
            colour = "white" if dark[i, j] else "black"
            axes.text(j, i, f"{count}", ha="center", va="center", color=colour, fontsize="small")


def _slices(evaluation: TaskEvaluation) -> Plot:
    slices = evaluation.slices[::-1]
    figure, axes = _figure(height=max(_HEIGHT, 1 + 0.26 * len(slices)))
    for row, found in enumerate(slices):
        low, high = found.micro_interval or (found.micro_f1, found.micro_f1)
        axes.plot([low, high], [row, row], color="C0")
        axes.plot(found.micro_f1, row, "o", color="C0")
    axes.axvline(evaluation.micro_f1, color="0.6", linestyle="--", label="all articles")
    axes.set_yticks(range(len(slices)), [_short(found.value) for found in slices])
    axes.set(xlabel="micro-F1, with its 95 % interval", xlim=(0, 1.02))
    axes.legend(loc="lower left")
    listed = [f"{_short(found.value)} {found.micro_f1:.2f}" for found in evaluation.slices]
    alt = f"Micro-F1 of {evaluation.scheme.name} by slice: {', '.join(listed)}"
    return _drawn(figure, alt, "Micro-F1 of each slice; the dashed line is that of all articles.")


def _threshold(evaluation: TaskEvaluation, label: int, chosen: float) -> Plot:
    name = evaluation.labels[label]
    p = evaluation.predictions.probabilities[:, label]
    curve = _thinned(precision_recall_curve(evaluation.y[:, label], p))
    total = curve.precision + curve.recall
    f1 = 2 * curve.precision * curve.recall / np.where(total > 0, total, 1)
    figure, axes = _figure()
    axes.plot(curve.threshold, curve.precision, label="precision")
    axes.plot(curve.threshold, curve.recall, label="recall", linestyle="--")
    axes.plot(curve.threshold, f1, label="F1", color="black")
    axes.axvline(chosen, color="0.5", linestyle=":", label=f"chosen, {chosen:.2f}")
    axes.set(title=name, xlabel="threshold", xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(fontsize="small")
    best = int(np.argmax(f1))
    scores = evaluation.by_label
    alt = (
        f"Precision, recall and F1 of {name} against the threshold: at the chosen {chosen:.2f} "
        f"{scores.precision[label]:.2f}, {scores.recall[label]:.2f} and {scores.f1[label]:.2f}; "
        f"the best F1 here, {f1[best]:.2f}, is at {curve.threshold[best]:.2f}"
    )
    caption = f"{name}: the best F1 on these articles is at {curve.threshold[best]:.2f}."
    return _drawn(figure, alt, caption)


def _thinned(curve: Curve) -> Curve:
    n_points = len(curve.threshold)
    kept = np.unique(np.linspace(0, n_points - 1, min(n_points, _MOST_POINTS)).astype(int))
    return Curve(*(values[kept] for values in curve))


def _short(name: str) -> str:
    """Return what a drawing can hold of a name from a corpus."""
    printable = "".join(letter if letter.isprintable() else " " for letter in name)
    cut = len(printable) > _NAME_CHARACTERS
    return printable[: _NAME_CHARACTERS - 1] + "…" if cut else printable


def _figure(width: float = _WIDTH, height: float = _HEIGHT) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _drawn(figure: Figure, alt: str, caption: str) -> Plot:
    drawing = BytesIO()
    figure.savefig(drawing, format="svg", metadata={"Date": None})
    encoded = b64encode(drawing.getvalue()).decode("ascii")
    return Plot(f"data:image/svg+xml;base64,{encoded}", alt, caption)
