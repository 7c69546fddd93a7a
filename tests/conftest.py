from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from joblib import parallel_config

from newsclf.bundle import Bundle
from newsclf.config import RunConfig, TaskConfig
from newsclf.corpus import Corpus, read_corpus
from newsclf.files import shipped_data
from newsclf.schemes import Label, LabelScheme
from newsclf.train import train

settings.register_profile("newsclf", deadline=None)
settings.load_profile("newsclf")


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    return read_corpus(shipped_data() / "govnews")


@pytest.fixture(scope="session")
def small_corpus(corpus: Corpus) -> Corpus:
    return Corpus(corpus.info, corpus.schemes, corpus.articles[:12])


@pytest.fixture(scope="session")
def beat() -> LabelScheme:
    labels = tuple(
        Label(id=name, title=name.title(), definition=f"About {name}.")
        for name in ("border", "court", "budget")
    )
    return LabelScheme(
        name="beat", title="Beat", version="1", kind="multi", question="Whose?", labels=labels
    )


@pytest.fixture(scope="session")
def tone() -> LabelScheme:
    labels = tuple(
        Label(id=name, title=name.title(), definition=f"Sounds {name}.")
        for name in ("warm", "cold")
    )
    return LabelScheme(
        name="tone", title="Tone", version="1", kind="single", question="How?", labels=labels
    )


TINY_CONFIG = RunConfig(
    name="tiny",
    version=3,
    corpus=Path("unused"),
    seed=5,
    tasks={
        task: TaskConfig(classifier="linear", options={"stemming": "never"})
        for task in ("topic", "stance")
    },
)


@pytest.fixture(scope="session")
def tiny_corpus(corpus: Corpus) -> Corpus:
    """Sixty stories to learn from and twelve to score on."""
    articles = [
        replace(article, split="train" if row < 60 else "test")
        for row, article in enumerate(corpus.articles[:72])
    ]
    return Corpus(corpus.info, corpus.schemes, tuple(articles))


@pytest.fixture(scope="session")
def tiny_bundle(tiny_corpus: Corpus) -> Bundle:
    with parallel_config(backend="sequential"):
        return train(TINY_CONFIG, tiny_corpus)


@pytest.fixture(scope="session")
def tiny_model(tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a saved bundle; tests that change it copy it first."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_bundle.save(folder)
    return folder
