"""Hypothesis strategies for articles and corpora."""

from __future__ import annotations

from hypothesis import strategies as st

from newsclf.corpus import Corpus, CorpusInfo
from newsclf.records import Annotation, LabelledArticle
from newsclf.schemes import Label, LabelScheme

INFO = CorpusInfo(name="tiny", version="1", licence="CC0-1.0", provenance="", schemes=())


def scheme(name: str, kind: str, *labels: str) -> LabelScheme:
    made = tuple(Label(id=label, title=label, definition=".") for label in labels)
    return LabelScheme.model_validate(
        {"name": name, "title": "", "version": "1", "kind": kind, "question": "", "labels": made}
    )


SCHEMES = {
    "beat": scheme("beat", "multi", "border", "court", "budget"),
    "tone": scheme("tone", "single", "warm", "cold"),
}

characters = st.characters(exclude_categories=["Cs"])
some_text = st.text(characters, min_size=1, max_size=20).filter(str.strip)
optional = st.none() | st.text(characters, max_size=8)
labels = st.fixed_dictionaries(
    {},
    optional={
        "beat": st.lists(st.sampled_from(SCHEMES["beat"].label_ids), unique=True).map(tuple),
        "tone": st.lists(st.sampled_from(SCHEMES["tone"].label_ids), max_size=1).map(tuple),
    },
)
articles = st.builds(
    LabelledArticle,
    id=some_text,
    headline=some_text,
    body=st.text(characters, max_size=20),
    published=optional,
    source=optional,
    genre=optional,
    country=optional,
    url=optional,
    language=optional,
    target=optional,
    labels=labels,
    split=st.sampled_from([None, "train", "valid", "test"]),
)


@st.composite
def _corpora(draw: st.DrawFn) -> Corpus:
    made = draw(st.lists(articles, min_size=1, max_size=5, unique_by=lambda a: a.id))
    ids = st.sampled_from([article.id for article in made])
    annotations = st.builds(Annotation, id=ids, annotator=some_text, labels=labels)
    said = draw(st.lists(annotations, max_size=4, unique_by=lambda a: (a.id, a.annotator)))
    return Corpus(INFO, SCHEMES, tuple(made), tuple(said))


corpora = _corpora()
