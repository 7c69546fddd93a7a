"""Training: from a configuration and a corpus to a bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature
from typing import get_type_hints

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from newsclf.bundle import FORMAT_VERSION, Bundle, Manifest, TaskModel, TaskRecord, environment
from newsclf.classifiers import Classifier, classifier_class
from newsclf.config import RunConfig, TaskConfig
from newsclf.corpus import Corpus, indicators
from newsclf.decisions.thresholds import f1_thresholds
from newsclf.errors import ConfigError, did_you_mean
from newsclf.metrics.scores import macro_f1, micro_f1
from newsclf.records import LabelledArticle
from newsclf.schemes import LabelScheme
from newsclf.text.batch import TextBatch


def train(
    config: RunConfig, corpus: Corpus, *, on_task: Callable[[str], None] = lambda _: None
) -> Bundle:
    """Train a bundle.

    Parameters
    ----------
    config : RunConfig
        What to learn, how, from which splits.
    corpus : Corpus
        The labelled articles.
    on_task : callable
        Called with each task's name before it is learned.

    Raises
    ------
    ConfigError
        When a task, a split, a classifier or an option does not exist, or a task has no article.
    """
    for task in config.tasks:
        if task not in corpus.schemes:
            raise ConfigError(
                f"corpus {corpus.info.name} has no task {task!r}"
                f"{did_you_mean(task, corpus.schemes)}"
            )
    articles = corpus.split(*config.train_on)
    batches: dict[tuple[str, ...], TextBatch] = {}
    tasks = {}
    for task, how in config.tasks.items():
        on_task(task)
        tasks[task] = _train_task(how, corpus.schemes[task], articles, config.seed, batches)
    return Bundle(_manifest(config, corpus, tasks), tasks)


def _train_task(
    how: TaskConfig,
    scheme: LabelScheme,
    articles: Sequence[LabelledArticle],
    seed: int,
    batches: dict[tuple[str, ...], TextBatch],
) -> TaskModel:
    judged, y = indicators(articles, scheme)
    if not judged:
        raise ConfigError(f"no training article was judged for the task {scheme.name}")
    ids = tuple(article.id for article in judged)
    texts = batches.setdefault(ids, TextBatch(article.text for article in judged))
    classifier = _new_classifier(how, scheme, seed)
    classifier.fit(texts, y, targets=[article.target or "" for article in judged])
    return _with_thresholds(how.classifier, scheme, classifier, y)


def _new_classifier(how: TaskConfig, scheme: LabelScheme, seed: int) -> Classifier:
    kind = classifier_class(how.classifier)
    known = signature(kind).parameters.keys() - {"labels", "multi_label", "seed"}
    for option in how.options.keys() - known:
        raise ConfigError(f"{how.classifier} has no option {option!r}{did_you_mean(option, known)}")
    types = get_type_hints(kind.__init__)
    for option, value in how.options.items():
        try:
            TypeAdapter(types[option]).validate_python(value, strict=True)
        except ValidationError as error:
            message = error.errors()[0]["msg"]
            raise ConfigError(f"{how.classifier}: option {option}: {message}") from None
    return kind(scheme.label_ids, multi_label=scheme.kind == "multi", seed=seed, **how.options)


def _with_thresholds(
    name: str, scheme: LabelScheme, classifier: Classifier, y: NDArray[np.bool_]
) -> TaskModel:
    held_out = classifier.out_of_fold_
    thresholds = {}
    if scheme.kind == "multi":
        chosen = f1_thresholds(y, held_out).tolist()
        thresholds = dict(zip(scheme.label_ids, chosen, strict=True))
    record = TaskRecord(classifier=name, scheme=scheme, thresholds=thresholds, metrics={})
    assigned = TaskModel(record, classifier).assigned(held_out)
    metrics = {"macro_f1": macro_f1(y, assigned), "micro_f1": micro_f1(y, assigned)}
    return TaskModel(record.model_copy(update={"metrics": metrics}), classifier)


def _manifest(config: RunConfig, corpus: Corpus, tasks: dict[str, TaskModel]) -> Manifest:
    info = corpus.info
    return Manifest(
        format=FORMAT_VERSION,
        name=config.name,
        version=config.version,
        tasks={task: model.record for task, model in tasks.items()},
        corpus={
            "name": info.name,
            "version": info.version,
            "licence": info.licence,
            "sha256": corpus.sha256,
        },
        config=config.model_dump(mode="json", exclude={"corpus"}),
        environment=environment(),
    )
