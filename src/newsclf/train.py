"""Training: from a configuration and a corpus to a bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any, get_type_hints

import numpy as np
from pydantic import TypeAdapter, ValidationError

from newsclf.bundle import (
    FORMAT_VERSION,
    Bundle,
    Manifest,
    Seen,
    TaskModel,
    TaskRecord,
    environment,
)
from newsclf.calibrate import decided, promised
from newsclf.classifiers import Classifier, classifier_class
from newsclf.config import Objective, RunConfig, TaskConfig
from newsclf.corpus import Corpus, indicators
from newsclf.errors import ConfigError, did_you_mean
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
    for task, how in config.tasks.items():
        _check_task(task, how, corpus)
    articles = corpus.split(*config.train_on)
    seen = Seen.of(articles)
    unseen = corpus.split(*config.promise.splits) if config.promise else ()
    _refuse_overlap(seen, unseen)
    batches: dict[tuple[str, ...], TextBatch] = {}
    tasks = {}
    for task, how in config.tasks.items():
        on_task(task)
        tasks[task] = _train_task(how, corpus.schemes[task], articles, config.seed, batches)
    bundle = Bundle(_manifest(config, corpus, tasks), tasks, seen)
    if config.promise is None:
        return bundle
    splits = " and ".join(config.promise.splits)
    on = f"{len(unseen):,} articles of the training corpus, split {splits}"
    return promised(bundle, unseen, config.promise.promise, on=on)


def option_types(classifier: str) -> dict[str, Any]:
    """Return the options that a classifier takes, with their types.

    Parameters
    ----------
    classifier : str
        A registered name.

    Examples
    --------
    >>> sorted(option_types("linear"))
    ['min_df', 'ngrams', 'stemming']
    """
    kind = classifier_class(classifier)
    known = signature(kind).parameters.keys() - {"labels", "multi_label", "seed"}
    return {
        option: kind_of
        for option, kind_of in get_type_hints(kind.__init__).items()
        if option in known
    }


def check_options(classifier: str, options: Mapping[str, Any]) -> None:
    """Check a classifier's options: that it has them, and that their values are of their types.

    Parameters
    ----------
    classifier : str
        A registered name.
    options : mapping of str to object
        As in a configuration.

    Raises
    ------
    ConfigError
        Naming the option, with what may have been meant.
    """
    types = option_types(classifier)
    for option, value in options.items():
        if option not in types:
            raise ConfigError(f"{classifier} has no option {option!r}{did_you_mean(option, types)}")
        try:
            TypeAdapter(types[option]).validate_python(value, strict=True)
        except ValidationError as error:
            message = error.errors()[0]["msg"]
            raise ConfigError(f"{classifier}: option {option}: {message}") from None


def _check_task(task: str, how: TaskConfig, corpus: Corpus) -> None:
    if task not in corpus.schemes:
        raise ConfigError(
            f"corpus {corpus.info.name} has no task {task!r}{did_you_mean(task, corpus.schemes)}"
        )
    check_options(how.classifier, how.options)
    if corpus.schemes[task].kind == "single" and how.objective != Objective():
        raise ConfigError(
            f"{task} takes its most probable label, so it has no thresholds to choose for a "
            f"{how.objective}; leave the objective out"
        )


def _refuse_overlap(seen: Seen, unseen: Sequence[LabelledArticle]) -> None:
    """Refuse a promise on texts that are learned from under another id."""
    for row in np.flatnonzero(seen.among(unseen))[:1].tolist():
        raise ConfigError(
            f"article {unseen[row].id} of promise.splits reads like one that is learned from; draw "
            "the splits again with 'newsclf data split'"
        )


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
    record = TaskRecord(
        classifier=how.classifier,
        scheme=scheme,
        objective=how.objective,
        thresholds={},
        metrics={},
    )
    return decided(TaskModel(record, classifier), y, classifier.out_of_fold_, seed=seed)


def _new_classifier(how: TaskConfig, scheme: LabelScheme, seed: int) -> Classifier:
    kind = classifier_class(how.classifier)
    return kind(scheme.label_ids, multi_label=scheme.kind == "multi", seed=seed, **how.options)


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
