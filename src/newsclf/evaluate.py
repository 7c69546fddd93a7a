"""Evaluation: how well a bundle does on articles with labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from newsclf.bundle import Bundle, TaskModel
from newsclf.corpus import indicators
from newsclf.errors import ConfigError
from newsclf.evaluation import (
    ArticleError,
    AutoScores,
    Calibration,
    Cluster,
    Predictions,
    TaskEvaluation,
)
from newsclf.metrics.bootstrap import bootstrap_intervals
from newsclf.metrics.calibration import (
    brier_score,
    expected_calibration_error,
    pooled_calibration_error,
)
from newsclf.metrics.ranking import average_precision, coverage_error, roc_auc
from newsclf.metrics.scores import (
    Average,
    exact_match,
    hamming_loss,
    hierarchical_average,
    label_scores,
    macro_average,
    micro_average,
    none_average,
    sample_average,
)
from newsclf.records import LabelledArticle
from newsclf.schemes import LabelScheme
from newsclf.slices import score_slices

__all__ = ["Predictions", "TaskEvaluation", "check_schemes", "evaluate", "evaluate_predictions"]

MOST_ERRORS = 200
"""Articles with an error that are listed, the most confident errors first."""

_IDS_NAMED = 5


def evaluate(
    bundle: Bundle, articles: Sequence[LabelledArticle], *, cluster: Cluster = "article"
) -> dict[str, TaskEvaluation]:
    """Score a bundle on labelled articles.

    Parameters
    ----------
    bundle : Bundle
        What to score.
    articles : sequence of LabelledArticle
        Each task is scored on those that were judged for it.
    cluster : 'article', 'source' or 'duplicates'
        What is drawn for the bootstrap intervals: articles, or all of a source or all near copies
        of a text together, which is right where such articles are alike.

    Returns
    -------
    dict of str to TaskEvaluation
        By task, for the tasks that some article was judged for.

    Raises
    ------
    ConfigError
        When the bundle learned from one of the articles, no article was judged for any of its
        tasks, or one has a label that it does not know.
    """
    bundle.refuse_seen(articles)
    judged = {}
    for task, model in bundle.tasks.items():
        _refuse_unknown_labels(model.record.scheme, articles)
        judged[task], _ = indicators(articles, model.record.scheme)
    if not any(judged.values()):
        raise ConfigError(f"no article was judged for any of the tasks {', '.join(bundle.tasks)}")
    row = {article.id: position for position, article in enumerate(articles)}
    probabilities = bundle.probabilities(articles)
    found = {}
    for task, about in judged.items():
        if about:
            p = probabilities[task][[row[article.id] for article in about]]
            model = bundle.tasks[task]
            predictions = _predictions(model, [article.id for article in about], p)
            found[task] = evaluate_predictions(
                model.record.scheme, about, predictions, cluster=cluster
            )
    return found


def evaluate_predictions(
    scheme: LabelScheme,
    articles: Sequence[LabelledArticle],
    predictions: Predictions,
    *,
    cluster: Cluster = "article",
) -> TaskEvaluation:
    """Score predictions on one task, wherever they come from.

    Parameters
    ----------
    scheme : LabelScheme
        The task.
    articles : sequence of LabelledArticle
        Those that were judged for it.
    predictions : Predictions
        For the same articles in the same order.
    cluster : 'article', 'source' or 'duplicates'
        As for `evaluate`.

    Raises
    ------
    ConfigError
        When the articles of the predictions are others, naming them, or none was judged.
    """
    judged, y = indicators(articles, scheme)
    _refuse_other_articles(scheme, judged, predictions)
    given, p = predictions.assigned, predictions.probabilities
    groups = _groups(judged, cluster)
    errors = _errors(scheme, judged, y, predictions)
    return TaskEvaluation(
        scheme=scheme,
        y=y,
        predictions=predictions,
        by_label=label_scores(y, given),
        average_precision=average_precision(y, p),
        roc_auc=roc_auc(y, p),
        macro=macro_average(y, given),
        macro_occurring=_macro_occurring(y, given),
        micro=micro_average(y, given),
        sample=sample_average(y, given),
        none=none_average(y, given),
        hierarchical=_hierarchical(scheme, y, given),
        coverage_error=coverage_error(y, p),
        exact_match=exact_match(y, given),
        hamming_loss=hamming_loss(y, given),
        cluster=cluster,
        n_groups=len(judged) if groups is None else len(np.unique(groups)),
        intervals=bootstrap_intervals(y, given, groups=groups),
        calibration=_calibration(y, p),
        auto=_auto(y, predictions),
        slices=score_slices(judged, y, given, groups),
        errors=tuple(errors[:MOST_ERRORS]),
        n_errors=len(errors),
    )


def check_schemes(bundle: Bundle, schemes: Mapping[str, LabelScheme]) -> None:
    """Refuse a corpus whose labels are not those that the bundle gives.

    Parameters
    ----------
    bundle : Bundle
        What is to be scored.
    schemes : mapping of str to LabelScheme
        The corpus's, by task; a task that it has not is passed over.

    Raises
    ------
    ConfigError
        When a task has other labels in the corpus, naming them, or is of another kind.
    """
    for task, model in bundle.tasks.items():
        ours, theirs = model.record.scheme, schemes.get(task)
        if theirs is None:
            continue
        only_bundle = [label for label in ours.label_ids if label not in theirs.label_ids]
        only_corpus = [label for label in theirs.label_ids if label not in ours.label_ids]
        if only_bundle or only_corpus:
            raise ConfigError(
                f"the {task} labels of {bundle.reference} and of the corpus differ: only the model "
                f"has {_listed(only_bundle)}, only the corpus has {_listed(only_corpus)}; score it "
                "on a corpus with its scheme, or train it again"
            )
        if ours.kind != theirs.kind:
            raise ConfigError(
                f"{task} is {ours.kind}-label in {bundle.reference} and {theirs.kind}-label in the "
                "corpus; score it on a corpus with its scheme, or train it again"
            )


def _predictions(model: TaskModel, ids: Sequence[str], p: NDArray[np.float64]) -> Predictions:
    chosen = model.record.thresholds
    labels = model.record.scheme.label_ids
    assigned = model.assigned(p)
    return Predictions(
        ids=tuple(ids),
        probabilities=p,
        assigned=assigned,
        thresholds=np.array([chosen[label].value for label in labels]) if chosen else None,
        auto=model.auto(p, assigned) if model.record.routing else None,
    )


def _refuse_unknown_labels(scheme: LabelScheme, articles: Sequence[LabelledArticle]) -> None:
    for article in articles:
        try:
            scheme.check(article.labels.get(scheme.name, ()))
        except ValueError as error:
            raise ConfigError(f"article {article.id} does not fit the model: {error}") from None


def _refuse_other_articles(
    scheme: LabelScheme, articles: Sequence[LabelledArticle], predictions: Predictions
) -> None:
    expected, found = tuple(article.id for article in articles), predictions.ids
    if not expected:
        raise ConfigError(f"no article was judged for the task {scheme.name}")
    known, said = set(expected), set(found)
    if without := [name for name in expected if name not in said]:
        raise ConfigError(f"there is no {scheme.name} prediction for {_listed(without)}")
    if unasked := [name for name in found if name not in known]:
        raise ConfigError(
            f"{scheme.name} predictions are about {_listed(unasked)}, not among the judged articles"
        )
    if expected != found:
        raise ConfigError(f"{scheme.name} predictions are not in the order of the articles")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _IDS_NAMED:,} more" if len(names) > _IDS_NAMED else ""
    return ", ".join(names[:_IDS_NAMED]) + more or "none"


def _groups(articles: Sequence[LabelledArticle], cluster: Cluster) -> NDArray[np.int64] | None:
    if cluster == "source":
        names = [(article.source is None, article.source or article.id) for article in articles]
        number = {name: position for position, name in enumerate(dict.fromkeys(names))}
        return np.array([number[name] for name in names], dtype=np.int64)
    if cluster == "duplicates":
        from newsclf.corpus.quality.duplicates import clusters, near_duplicates
        from newsclf.extras import require

        require("check")
        texts = [" ".join(article.text) for article in articles]
        return clusters(near_duplicates(texts), len(texts))
    return None


def _macro_occurring(y: NDArray[np.bool_], given: NDArray[np.bool_]) -> Average:
    occurs = y.any(axis=0)
    if not occurs.any():
        return Average(0.0, 0.0, 0.0)
    return macro_average(y[:, occurs], given[:, occurs])


def _hierarchical(
    scheme: LabelScheme, y: NDArray[np.bool_], given: NDArray[np.bool_]
) -> Average | None:
    place = {label: position for position, label in enumerate(scheme.label_ids)}
    parents = [None if label.parent is None else place[label.parent] for label in scheme.labels]
    if all(parent is None for parent in parents):
        return None
    return hierarchical_average(y, given, parents)


def _calibration(y: NDArray[np.bool_], p: NDArray[np.float64]) -> Calibration:
    return Calibration(
        expected_error=expected_calibration_error(y, p),
        pooled_error=pooled_calibration_error(y, p),
        brier=brier_score(y, p),
    )


def _auto(y: NDArray[np.bool_], predictions: Predictions) -> AutoScores | None:
    if predictions.auto is None:
        return None
    n_tags, n_auto = int(predictions.assigned.sum()), int(predictions.auto.sum())
    right = int((predictions.auto & y).sum())
    return AutoScores(
        share=n_auto / n_tags if n_tags else 0.0,
        precision=right / n_auto if n_auto else None,
        n_tags=n_auto,
    )


def _errors(
    scheme: LabelScheme,
    articles: Sequence[LabelledArticle],
    y: NDArray[np.bool_],
    predictions: Predictions,
) -> list[ArticleError]:
    given, p = predictions.assigned, predictions.probabilities

    def named(row: int, chosen: NDArray[np.bool_]) -> dict[str, float]:
        return {scheme.label_ids[j]: float(p[row, j]) for j in np.flatnonzero(chosen[row])}

    found = [
        ArticleError(
            id=articles[row].id,
            headline=articles[row].headline,
            missed=named(row, y & ~given),
            wrong=named(row, given & ~y),
        )
        for row in np.flatnonzero((y != given).any(axis=1)).tolist()
    ]
    return sorted(found, key=lambda error: (-error.confidence, error.id))
