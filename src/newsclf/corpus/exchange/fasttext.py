"""fastText: one line a story, with its labels in front.

White space becomes one space, for a line can hold no line break; a task without a label is lost.
"""

from __future__ import annotations

import re
from pathlib import Path

from newsclf.corpus.exchange.base import Format, Member, Predictions, ReadOptions, Rows, SourceRow
from newsclf.corpus.exchange.plain import labels_by_task, one_line, prefixed, stem, text_lines
from newsclf.corpus.lines import BadRow
from newsclf.corpus.store import Corpus

_PREFIX = "__label__"


def read_fasttext(member: Member, options: ReadOptions) -> Rows:
    """Yield the stories of a file in fastText's format for supervised training.

    Parameters
    ----------
    member : Member
        Lines such as ``__label__topic:policing The words of the story``. A label without a task
        is one of ``options.task``.
    options : ReadOptions
        Encoding and task.

    References
    ----------
    https://fasttext.cc/docs/en/supervised-tutorial.html
    """
    for number, line in text_lines(member, options):
        if isinstance(line, BadRow):
            yield line
            continue
        words = line.split()
        given = [word.removeprefix(_PREFIX) for word in words if word.startswith(_PREFIX)]
        body = " ".join(word for word in words if not word.startswith(_PREFIX))
        labels = labels_by_task(given, options.task)
        row = {"id": f"{stem(member)}-{number}", "headline": "", "body": body, "labels": labels}
        yield SourceRow(member.name, number, row)


def write_fasttext(corpus: Corpus, path: Path, _predictions: Predictions) -> None:
    """Write a corpus for ``fasttext supervised``.

    Parameters
    ----------
    corpus : Corpus
        A word of a text that fastText would take for a label loses its underscores.
    path : Path
        The file.
    _predictions : mapping
        Left out.
    """
    with path.open("wb") as file:
        for article in corpus.articles:
            text = re.sub(rf"(?<!\S){_PREFIX}", "label", one_line(*article.text))
            labels = [f"{_PREFIX}{label}" for label in prefixed(article.labels)]
            file.write(" ".join([*labels, text]).encode() + b"\n")


FASTTEXT = Format(
    name="fasttext",
    suffixes=(".ft", ".fasttext"),
    read=read_fasttext,
    write=write_fasttext,
    carries=frozenset({"body", "labels"}),
)
