"""Calibrating: from a classifier's probabilities to decisions, on articles it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from newsclf.bundle import Bundle, TaskModel
from newsclf.config import Promise
from newsclf.corpus import indicators
from newsclf.decisions.calibration import cross_calibrated, fit_calibration
from newsclf.decisions.routing import fit_routing
from newsclf.decisions.thresholds import choose_thresholds
from newsclf.errors import ConfigError
from newsclf.metrics.calibration import expected_calibration_error
from newsclf.metrics.scores import macro_f1, micro_f1
from newsclf.records import LabelledArticle


def decided(
    model: TaskModel, y: NDArray[np.bool_], raw: NDArray[np.float64], *, seed: int
) -> TaskModel:
    """Choose a task's calibration and thresholds, and score them.

    Thresholds are chosen, and scores taken, on probabilities that were calibrated without the
    article itself. A routing that there was is dropped: it was a promise about other decisions.

    Parameters
    ----------
    model : TaskModel
        The task's.
    y : ndarray of bool, shape (n_articles, n_labels)
        Labels of the articles.
    raw : ndarray of float64, shape (n_articles, n_labels)
        Their probabilities, each by a classifier that did not see the article.
    seed : int
        Of the folds.
    """
    scheme = model.record.scheme
    single = scheme.kind == "single"
    labels = scheme.label_ids
    calibration = fit_calibration(y, raw, labels, single=single, seed=seed)
    held_out = cross_calibrated(y, raw, labels, single=single, seed=seed)
    thresholds = {} if single else choose_thresholds(y, held_out, labels, model.record.objective)
    update = {"calibration": calibration, "thresholds": thresholds, "routing": None}
    changed = TaskModel(model.record.model_copy(update=update), model.classifier)
    assigned = changed.assigned(held_out)
    metrics = {
        "macro_f1": macro_f1(y, assigned),
        "micro_f1": micro_f1(y, assigned),
        "calibration_error": expected_calibration_error(y, held_out),
        "calibration_error_before": expected_calibration_error(y, raw),
    }
    return TaskModel(changed.record.model_copy(update={"metrics": metrics}), model.classifier)


def recalibrated(
    bundle: Bundle, articles: Sequence[LabelledArticle], *, on: str = "", seed: int = 0
) -> Bundle:
    """Calibrate a bundle anew, and choose its thresholds anew, for stories of another kind.

    Parameters
    ----------
    bundle : Bundle
        Its classifiers stay as they are.
    articles : sequence of LabelledArticle
        Labelled stories like those to be tagged, which the bundle has not seen.
    on : str
        What they are, for the manifest and the model card.
    seed : int
        Of the folds.

    Raises
    ------
    ConfigError
        When it has seen one of the articles, or none was judged for any of its tasks.
    """
    decided_on = {"calibration and thresholds": on}
    return _each_task(
        bundle, articles, lambda model, y, raw: decided(model, y, raw, seed=seed), decided_on
    )


def promised(
    bundle: Bundle, articles: Sequence[LabelledArticle], promise: Promise, *, on: str = ""
) -> Bundle:
    """Set up routing: which tags may be published unseen.

    Parameters
    ----------
    bundle : Bundle
        Its classifiers, calibration and thresholds stay as they are.
    articles : sequence of LabelledArticle
        Labelled stories like those to be tagged, drawn as they come. The bundle may not have
        learned from them, nor may its calibration or its thresholds rest on them.
    promise : Promise
        What is to hold for ``auto`` tags.
    on : str
        What the articles are, for the manifest and the model card.

    Raises
    ------
    ConfigError
        When it has seen one of the articles, or none was judged for any of its tasks.
    """

    def routed(model: TaskModel, y: NDArray[np.bool_], raw: NDArray[np.float64]) -> TaskModel:
        p = model.calibrated(raw)
        routing = fit_routing(y, p, model.assigned(p), promise)
        return TaskModel(model.record.model_copy(update={"routing": routing}), model.classifier)

    return _each_task(bundle, articles, routed, {"promise": on})


def _each_task(
    bundle: Bundle,
    articles: Sequence[LabelledArticle],
    change: Callable[[TaskModel, NDArray[np.bool_], NDArray[np.float64]], TaskModel],
    decided_on: dict[str, str],
) -> Bundle:
    bundle.refuse_seen(articles)
    changed = {}
    for task, model in bundle.tasks.items():
        judged, y = indicators(articles, model.record.scheme)
        if judged:
            changed[task] = change(model, y, bundle.raw_probabilities(judged)[task])
    if not changed:
        raise ConfigError(f"no article was judged for any of the tasks {', '.join(bundle.tasks)}")
    return bundle.with_decisions({**bundle.tasks, **changed}, articles, decided_on)
