"""The document corpora of Annif, the subject indexing toolkit of the National Library of Finland.

Subjects are URIs. Ours are ``<urn:newsclf:TASK:LABEL>``; of others the last part is the label.
https://github.com/NatLibFi/Annif/wiki/Document-corpus-formats
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote

from newsclf.corpus.exchange.base import Format, Member, Predictions, ReadOptions, Rows, SourceRow
from newsclf.corpus.exchange.folders import headline_and_body, story_files, text_of, write_story
from newsclf.corpus.exchange.plain import labels_by_task, one_line, stem, text_lines
from newsclf.corpus.lines import BadRow
from newsclf.corpus.rows import RowError
from newsclf.corpus.store import Corpus

_URN = "urn:newsclf:"


def read_annif_tsv(member: Member, options: ReadOptions) -> Rows:
    """Yield the stories of a short-text corpus: a text, a tab, and URIs with spaces between.

    Parameters
    ----------
    member : Member
        The file.
    options : ReadOptions
        Encoding (UTF-8 when not given), and the task of subjects that name none.
    """
    for number, line in text_lines(member, options):
        if isinstance(line, BadRow):
            yield line
            continue
        text, tab, uris = line.partition("\t")
        if not tab:
            message = "expected a text, a tab and subjects in angle brackets; there is no tab"
            yield BadRow(member.name, number, "no_tab", message)
            continue
        row = {
            "id": f"{stem(member)}-{number}",
            "headline": "",
            "body": text,
            "labels": labels_by_task(map(_label_of, uris.split()), options.task),
        }
        yield SourceRow(member.name, number, row)


def write_annif_tsv(corpus: Corpus, path: Path, _predictions: Predictions) -> None:
    """Write a corpus as a short-text corpus, each text in one line.

    Parameters
    ----------
    corpus : Corpus
        White space of the texts becomes one space; a task without a label is lost.
    path : Path
        The file.
    _predictions : mapping
        Left out.
    """
    with path.open("wb") as file:
        for article in corpus.articles:
            uris = " ".join(_uris(article.labels))
            file.write(f"{one_line(*article.text)}\t{uris}\n".encode())


def read_annif_folder(folder: Path, options: ReadOptions) -> Rows:
    """Yield the stories of a full-text corpus: ``NAME.txt``, with ``NAME.tsv`` or ``NAME.key``.

    Parameters
    ----------
    folder : Path
        A ``.tsv`` has a URI and a title a line, a ``.key`` a label a line; a story without either
        was not judged.
    options : ReadOptions
        Encoding (UTF-8 when not given), and the task of subjects that name none.
    """
    for file in sorted(story_files(folder, ".txt")):
        try:
            headline, body = headline_and_body(text_of(file, folder, options))
            subjects = _subjects(file, folder, options)
        except RowError as error:
            yield BadRow.of(error, str(file), 1)
            continue
        name = unquote(file.relative_to(folder).with_suffix("").as_posix())
        labels = labels_by_task(subjects, options.task)
        row = {"id": name, "headline": headline, "body": body, "labels": labels}
        yield SourceRow(str(file), 1, row)


def write_annif_folder(corpus: Corpus, path: Path, _predictions: Predictions) -> None:
    """Write a corpus as a full-text corpus, a ``.txt`` and a ``.tsv`` a story.

    Parameters
    ----------
    corpus : Corpus
        A task without a label is lost.
    path : Path
        The folder.
    _predictions : mapping
        Left out.

    Raises
    ------
    OutputError
        When an id is too long for the name of a file.
    """
    path.mkdir()
    for article in corpus.articles:
        story = write_story(article, path)
        lines = (f"{uri}\t{_label_of(uri).partition(':')[2]}\n" for uri in _uris(article.labels))
        story.with_suffix(".tsv").write_bytes("".join(lines).encode())


def _subjects(file: Path, folder: Path, options: ReadOptions) -> list[str]:
    tsv, key = file.with_suffix(".tsv"), file.with_suffix(".key")
    if tsv.is_file():
        lines = text_of(tsv, folder, options).splitlines()
        return [_label_of(line.split("\t")[0].strip()) for line in lines if line.strip()]
    if key.is_file():
        lines = text_of(key, folder, options).splitlines()
        return [line.strip() for line in lines if line.strip()]
    return []


def _uris(labels: Mapping[str, Iterable[str]]) -> list[str]:
    return [f"<{_URN}{task}:{label}>" for task, given in labels.items() for label in given]


def _label_of(uri: str) -> str:
    bare = uri.removeprefix("<").removesuffix(">")
    if bare.startswith(_URN):
        return bare.removeprefix(_URN)
    return re.split(r"[/#]", bare.rstrip("/#"))[-1]


ANNIF_TSV = Format(
    name="annif-tsv",
    suffixes=(),
    read=read_annif_tsv,
    write=write_annif_tsv,
    carries=frozenset({"body", "labels"}),
)

ANNIF_FOLDER = Format(
    name="annif",
    suffixes=(),
    read=read_annif_folder,
    write=write_annif_folder,
    carries=frozenset({"id", "headline", "body", "labels"}),
    folder=True,
)
