"""A folder of text files, one a story: the headline, an empty line, the body.

Folders ``train``, ``valid`` and ``test`` are splits; a folder below, or in their place, is a label
(the layout that scikit-learn's ``load_files`` reads).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from newsclf.corpus.exchange.base import Format, Predictions, ReadOptions, Rows, SourceRow
from newsclf.corpus.exchange.plain import DEFAULT_TASK, decoded, one_line
from newsclf.corpus.lines import BadRow
from newsclf.corpus.rows import MAX_LINE_BYTES, SPLITS, RowError
from newsclf.corpus.store import Corpus
from newsclf.errors import InputError, OutputError
from newsclf.records import Article

_LONGEST_NAME = 240
"""Bytes of a file name that every usual file system takes, its suffix not counted."""


def read_folder(folder: Path, options: ReadOptions) -> Rows:
    """Yield the stories in a folder of ``.txt`` and ``.md`` files.

    Parameters
    ----------
    folder : Path
        A story's id is its path in the folder, without the split and the suffix, as long as that
        names one story only; percent-encoding is undone.
    options : ReadOptions
        Encoding (UTF-8 when not given), and the task that the names of sub-folders are labels of.
    """
    files = sorted(file for suffix in (".txt", ".md") for file in story_files(folder, suffix))
    short = Counter(_name(folder, file, with_split=False) for file in files)
    for file in files:
        name = _name(folder, file, with_split=False)
        split, label = _split_and_label(folder, file)
        try:
            headline, body = headline_and_body(text_of(file, folder, options))
        except RowError as error:
            yield BadRow.of(error, str(file), 1)
            continue
        row = {
            "id": name if short[name] == 1 else _name(folder, file, with_split=True),
            "headline": headline,
            "body": body,
            "labels": {options.task or DEFAULT_TASK: [label]} if label else {},
            "split": split,
        }
        yield SourceRow(str(file), 1, row)


def write_folder(corpus: Corpus, path: Path, _predictions: Predictions) -> None:
    """Write each story of a corpus as a text file, in a folder of its split.

    Parameters
    ----------
    corpus : Corpus
        Labels are left out: a file can lie in one folder only, and a story may have several.
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
        folder = path / (article.split or "")
        folder.mkdir(exist_ok=True)
        write_story(article, folder)


def story_files(folder: Path, suffix: str) -> Iterator[Path]:
    """Yield the regular files with a suffix below a folder.

    Raises
    ------
    InputError
        When there is no such folder.
    """
    if not folder.is_dir():
        raise InputError("there is no such folder", path=folder)
    for file in folder.rglob(f"*{suffix}"):
        if file.is_file():
            yield file


def text_of(file: Path, folder: Path, options: ReadOptions) -> str:
    """Return the text of a file that really lies in a folder.

    Parameters
    ----------
    file, folder : Path
        A link that leads out of the folder is refused.
    options : ReadOptions
        Encoding; UTF-8 when not given.

    Raises
    ------
    RowError
        When the file lies elsewhere, cannot be read, is too long or is in another encoding.
    """
    if not file.resolve().is_relative_to(folder.resolve()):
        raise RowError("outside_folder", f"the link leads out of {folder}; copy the file into it")
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_LINE_BYTES + 1)
    except OSError as error:
        raise RowError("unreadable", f"cannot be read: {error.strerror}") from None
    return decoded(data, options).removeprefix("\ufeff")


def headline_and_body(text: str) -> tuple[str, str]:
    r"""Split a text into its first line that is not empty, and what follows an empty line.

    Examples
    --------
    >>> headline_and_body("Police numbers rise\n\nMore officers.\n")
    ('Police numbers rise', 'More officers.\n')
    """
    headline, _, rest = text.lstrip().partition("\n")
    first, line_end, after = rest.partition("\n")
    body = after if line_end and not first.strip(" \t\r") else rest
    return headline.strip(), body


def write_story(article: Article, folder: Path) -> Path:
    """Write a story as a text file that is named after its id, and return its path.

    Raises
    ------
    OutputError
        When the id is too long for the name of a file.
    """
    name = quote(article.id, safe="").replace(".", "%2E")
    if len(name) > _LONGEST_NAME:
        raise OutputError(
            f"the id {article.id[:60]!r}... is too long for the name of a file; "
            "choose a format that keeps stories in one file"
        )
    path = folder / f"{name}.txt"
    path.write_bytes(f"{one_line(article.headline)}\n\n{article.body}".encode())
    return path


def _name(folder: Path, file: Path, *, with_split: bool) -> str:
    parts = file.relative_to(folder).with_suffix("").parts
    if not with_split and len(parts) > 1 and parts[0] in SPLITS:
        parts = parts[1:]
    return "/".join(unquote(part) for part in parts)


def _split_and_label(folder: Path, file: Path) -> tuple[str | None, str | None]:
    folders = list(file.relative_to(folder).parent.parts)
    split = folders.pop(0) if folders and folders[0] in SPLITS else None
    return split, folders[0] if folders else None


FOLDER = Format(
    name="folder",
    suffixes=(),
    read=read_folder,
    write=write_folder,
    carries=frozenset({"id", "headline", "body", "split"}),
    folder=True,
)
