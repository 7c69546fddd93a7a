"""Gold sets: the fixed stories that every version of a bundle is judged on."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from newsclf.bundle import Manifest
from newsclf.corpus import Corpus, read_corpus
from newsclf.errors import BundleError, ConfigError, did_you_mean
from newsclf.metrics.bootstrap import LEAST_GROUPS
from newsclf.records import LabelledArticle
from newsclf.registry.find import list_bundles
from newsclf.registry.history import Event
from newsclf.registry.state import GoldSet, RegistryError, change, read_registry


def set_gold(
    name: str,
    models: Path,
    corpus: Path,
    *,
    split: str = "test",
    protected: Sequence[str] = (),
    force: bool = False,
) -> GoldSet:
    """Set the stories that every version of a name is judged on.

    Parameters
    ----------
    name : str
        Of bundles that are in `models`.
    models, corpus : Path
        The folder of models, and that of a labelled corpus.
    split : str
        Which of the corpus's splits.
    protected : sequence of str
        Labels, of any task, whose own F1 may not fall.
    force : bool
        Replace the gold set that the name has.

    Raises
    ------
    BundleError
        When no bundle has the name.
    ConfigError
        When there is no such split, or a protected label is unknown or on too few of its stories.
    RegistryError
        When the name has a gold set and `force` is false.
    """
    manifests = [manifest for _, manifest in list_bundles(models)]
    names = {manifest.name for manifest in manifests if isinstance(manifest, Manifest)}
    if name not in names:
        known = did_you_mean(name, names) if names else "; make one with 'newsclf train'"
        raise BundleError(f"no model in {models} is called {name!r}{known}")
    seen = read_registry(models).record(name)
    if seen.gold is not None and not force:
        raise RegistryError(
            f"{name} has a gold set already, split {seen.gold.split} of {models / seen.gold.corpus}"
            "; versions judged on different ones cannot be compared; --force replaces it"
        )
    gold = _gold_set(read_corpus(corpus), split, protected, os.path.relpath(corpus, models))
    before = seen.gold.sha256 if seen.gold else None
    event = Event(what="gold", name=name, origin=before, to=gold.sha256)
    change(models, seen=seen, new=seen.model_copy(update={"gold": gold}), event=event)
    return gold


def gold_stories(name: str, gold: GoldSet | None, models: Path) -> tuple[LabelledArticle, ...]:
    """Return the stories of a name's gold set.

    Parameters
    ----------
    name : str
        Of the bundles, for messages.
    gold : GoldSet or None
        What the registry holds of it.
    models : Path
        The folder of models.

    Raises
    ------
    RegistryError
        When the name has none, or it is not what it was when it was set.
    ConfigError, InputError
        When its corpus cannot be read.
    """
    if gold is None:
        raise RegistryError(
            f"{name} has no gold set, and what was never evaluated is not promoted; set one with "
            f"'newsclf models gold {name} --corpus DIR'"
        )
    corpus = _split_alone(read_corpus(models / gold.corpus), gold.split)
    if corpus.sha256 != gold.sha256:
        raise RegistryError(
            f"the gold set of {name}, split {gold.split} of {models / gold.corpus}, is not what it "
            "was when it was set; restore it, or set it anew with 'newsclf models gold --force'"
        )
    return corpus.articles


def _gold_set(corpus: Corpus, split: str, protected: Sequence[str], path: str) -> GoldSet:
    stories = _split_alone(corpus, split)
    known = {label for scheme in corpus.schemes.values() for label in scheme.label_ids}
    counts = Counter(_labels(stories.articles))
    for label in protected:
        if label not in known:
            raise ConfigError(f"no task has the label {label!r}{did_you_mean(label, known)}")
        if counts[label] < LEAST_GROUPS:
            raise ConfigError(
                f"{label!r} cannot be protected: {counts[label]} stories of split {split} have it, "
                f"and {LEAST_GROUPS} are needed to tell a fall from chance"
            )
    return GoldSet(corpus=path, split=split, sha256=stories.sha256, protected=tuple(protected))


def _split_alone(corpus: Corpus, split: str) -> Corpus:
    return Corpus(corpus.info, corpus.schemes, corpus.split(split))


def _labels(articles: Iterable[LabelledArticle]) -> Iterable[str]:
    return (label for a in articles for labels in a.labels.values() for label in labels)
