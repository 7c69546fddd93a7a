"""Export: a task of a bundle as a scikit-learn pipeline, for those who have no newsclf."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from newsclf.bundle import Bundle, TaskModel
from newsclf.classifiers.linear import Linear
from newsclf.errors import ConfigError, did_you_mean
from newsclf.files import atomic_file, refuse_existing

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import Pipeline

    from newsclf.classifiers.head import LogisticHead


def export_pipeline(
    bundle: Bundle, output: Path, *, task: str | None = None, force: bool = False
) -> None:
    """Write a task of a bundle as a scikit-learn ``Pipeline``, in joblib's format.

    Nothing in newsclf reads such a file: loading one runs whatever code is in it.

    Parameters
    ----------
    bundle : Bundle
        With a task that is learned by ``linear``, on words as they stand.
    output : Path
        The file.
    task : str, optional
        Which task; may be left out where there is one.
    force : bool
        Replace a file that exists.

    Raises
    ------
    ConfigError
        When there is no such task, or it cannot be exported.
    OutputError
        When the file exists or cannot be written.
    """
    import joblib

    refuse_existing(output, force=force)
    chosen = pipeline(bundle.tasks[_task(bundle, task)])
    with atomic_file(output) as file:
        joblib.dump(chosen, file)


def pipeline(model: TaskModel) -> Pipeline:
    r"""Return a scikit-learn ``Pipeline`` that gives the same probabilities as a classifier.

    It takes a headline and a body as one string, ``f"{headline}\n{body}"``. Its probabilities are
    the classifier's, before the bundle's calibration, and it knows nothing of the bundle's
    thresholds: ``predict`` gives each label above 0.5. For a scheme of one label, it gives two
    columns as scikit-learn does, and the second is the label's.

    Parameters
    ----------
    model : TaskModel
        With a classifier ``linear`` that reads words as they stand.

    Raises
    ------
    ConfigError
        When its classifier is another, reads stems, or has learned no word.
    """
    from sklearn.pipeline import Pipeline

    classifier = model.classifier
    if type(classifier) is not Linear or classifier.stem_ or not classifier.tfidf_.words:
        raise ConfigError(
            f"{model.record.scheme.name} cannot be exported: {_obstacle(model)}; what can be is a "
            "task of the classifier 'linear', trained with stemming = \"never\""
        )
    steps = [
        ("tfidf", _vectoriser(classifier)),
        ("logistic", _logistic(classifier.head_, classifier.labels)),
    ]
    return Pipeline(steps)


def _task(bundle: Bundle, task: str | None) -> str:
    if task is None and len(bundle.tasks) == 1:
        return next(iter(bundle.tasks))
    if task is None:
        raise ConfigError(f"which task is to be exported? Give --task: {', '.join(bundle.tasks)}")
    if task not in bundle.tasks:
        known = did_you_mean(task, bundle.tasks)
        raise ConfigError(f"{bundle.reference} has no task {task!r}{known}")
    return task


def _obstacle(model: TaskModel) -> str:
    classifier = model.classifier
    if type(classifier) is not Linear:
        return f"its classifier is {model.record.classifier!r}"
    return "it reads stems" if classifier.stem_ else "it has learned no word"


def _vectoriser(classifier: Linear) -> TfidfVectorizer:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectoriser = TfidfVectorizer(
        ngram_range=(1, classifier.ngrams),
        sublinear_tf=True,
        vocabulary=classifier.tfidf_.features(),
    )
    vectoriser.idf_ = classifier.tfidf_.idf
    return vectoriser


def _logistic(
    head: LogisticHead, labels: tuple[str, ...]
) -> OneVsRestClassifier | LogisticRegression:
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import LabelBinarizer

    weights, intercepts = head.coefficients.T, head.intercepts
    if not head.multi_label:
        if len(labels) == 2:
            weights, intercepts = weights[1:] - weights[:1], intercepts[1:] - intercepts[:1]
        return _regression(weights, intercepts, labels)
    whole = OneVsRestClassifier(_regression(weights[:1], intercepts[:1], (0, 1)))
    whole.estimators_ = [
        _regression(weights[[row]], intercepts[[row]], (0, 1)) for row in range(len(labels))
    ]
    whole.label_binarizer_ = LabelBinarizer(sparse_output=True).fit(np.eye(len(labels), dtype=int))
    return whole


def _regression(
    weights: NDArray[np.float64], intercepts: NDArray[np.float64], classes: Sequence[object]
) -> LogisticRegression:
    from sklearn.linear_model import LogisticRegression

    regression = LogisticRegression()
    regression.classes_ = np.array(classes)
    regression.coef_, regression.intercept_ = weights, intercepts
    regression.n_features_in_ = weights.shape[1]
    return regression
