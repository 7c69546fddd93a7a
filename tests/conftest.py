from __future__ import annotations

import pytest
from hypothesis import settings

from newsclf.corpus import Corpus, read_corpus
from newsclf.files import shipped_data
from newsclf.schemes import Label, LabelScheme

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
