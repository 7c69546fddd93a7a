"""A new project: a scheme to edit, stories to start from, and a first run that works."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import orjson
import tomli_w

from newsclf.corpus import Corpus, read_corpus
from newsclf.corpus.rows import row_from_labelled
from newsclf.corpus.splits import draw_splits
from newsclf.errors import OutputError
from newsclf.files import atomic_folder, shipped_data

STORIES = 120
SEED = 13

FILES = {
    "README.md": "what to run, in order",
    "data/schemes/topic.toml": "the labels: edit them",
    "data/stories": f"{STORIES} labelled stories to start from",
    "data/incoming.jsonl": "stories to tag",
    "experiments/first.toml": "the first training run",
    "models": "bundles land here",
}
"""What is in a project, and what each part is for."""


def make_project(folder: Path) -> None:
    """Make a folder in which ``newsclf train experiments/first.toml`` works.

    Parameters
    ----------
    folder : Path
        A new or empty folder; the project appears there whole or not at all.

    Raises
    ------
    OutputError
        When there is something in the folder, or it cannot be written.
    """
    folder = folder.resolve()
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise OutputError(f"{folder} exists and is not an empty folder; choose a new one")
    data = shipped_data()
    stories = _sample(read_corpus(data / "govnews"))
    with atomic_folder(folder) as project:
        _write(project / "README.md", _README)
        _write(project / ".gitignore", _GITIGNORE)
        _write(project / "models" / "README.md", _MODELS)
        _write(project / "experiments" / "first.toml", _FIRST_RUN)
        scheme = (data / "schemes" / "topic.toml").read_text(encoding="utf-8")
        _write(project / "data" / "schemes" / "topic.toml", _SCHEME_HEADER + scheme)
        _write_stories(stories, project / "data" / "stories")
        shutil.copyfile(data / "incoming" / "incoming.jsonl", project / "data" / "incoming.jsonl")


def _sample(shipped: Corpus) -> Corpus:
    articles = tuple(
        replace(article, labels={"topic": article.labels["topic"]}) for article in shipped.articles
    )
    whole = replace(shipped, schemes={"topic": shipped.schemes["topic"]}, articles=articles)
    share = STORIES / len(articles)
    drawn = draw_splits(whole, shares={"train": share, "test": 1 - share}, seed=SEED)
    return draw_splits(replace(whole, articles=drawn.split("train"), annotations=()), seed=SEED)


def _write_stories(corpus: Corpus, folder: Path) -> None:
    """Write a corpus that has its scheme where people edit it, not a copy of its own."""
    shipped = corpus.info
    origin = f"A sample of {shipped.name} {shipped.version}, which newsclf ships. "
    changed = {
        "name": "stories",
        "version": "1",
        "provenance": origin + shipped.provenance,
        "schemes": ("../schemes/topic.toml",),
    }
    info = shipped.model_copy(update=changed).model_dump(mode="json", exclude_none=True)
    _write(folder / "corpus.toml", tomli_w.dumps(info))
    rows = (row_from_labelled(article) for article in corpus.articles)
    lines = (orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
    (folder / "articles.jsonl").write_bytes(b"".join(lines))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


_SCHEME_HEADER = """\
# The labels of the task "topic". Make them yours:
#   id           what files and programs see: lower-case letters, digits and underscores
#   title        what people read
#   definition   when to give the label; annotators work from it
#   excludes     what the label does not cover, and which label does
#   iptc         nearest IPTC Media Topics; may be left out
# Change the version whenever a label is added, removed or redefined. Stories that carry a label
# which is not listed here are refused by name, so relabel or remove those first.

"""

_FIRST_RUN = """\
# A training run: newsclf train experiments/first.toml, in the project's folder.
name = "first"                   # of the bundle: models/first
version = 1                      # raise it when you train again for good
corpus = "../data/stories"       # from the folder of this file
train_on = ["train", "valid"]    # "test" is left for newsclf evaluate
seed = 13                        # the same run gives the same bundle

[tasks.topic]
classifier = "hybrid"            # or "linear", "static", or "dummy" to compare with

# What "hybrid", "linear" and "static" read may be set; these are the defaults of "hybrid":
# [tasks.topic.options]
# stemming = "auto"              # or "always", "never": "auto" asks cross-validation
# min_df = 2                     # words in fewer stories than this are left out
# ngrams = 1                     # 2 adds pairs of words

# Another task is another table. It needs a scheme in data/schemes, listed in corpus.toml, and
# labels in the stories:
# [tasks.frame]
# classifier = "hybrid"
"""

_README = """\
# A newsclf project

Run these in this folder.

    newsclf train experiments/first.toml
    newsclf evaluate first --corpus data/stories
    newsclf tag data/incoming.jsonl --model first --output tagged.jsonl

`train` writes the bundle `models/first`, `evaluate` scores it on the stories it has not seen, and
`tag` writes a line of tags for every incoming story.

## Make it yours

1. Edit the labels in `data/schemes/topic.toml`.
2. Import your own labelled stories; `newsclf data import --help` says what can be read:

       newsclf data import stories.csv --scheme data/schemes/topic.toml --into data/mine

3. Look for what is wrong with them, and draw splits:

       newsclf data check data/mine
       newsclf data split data/mine --force

4. Set `corpus = "../data/mine"` in `experiments/first.toml`, and train again with `--force`.

The stories in `data/stories` are fiction under CC0-1.0, part of the corpus that newsclf ships;
`corpus.toml` there says how they came about. They show that everything works, no more: measure on
your own.
"""

_MODELS = """\
# Models

Bundles land here. `newsclf models list` shows what there is, `newsclf models verify NAME` checks
that one is whole.
"""

_GITIGNORE = """\
/models/*
!/models/README.md
/tagged.jsonl*
"""
