"""A corpus into another program's file."""

from __future__ import annotations

from pathlib import Path

from newsclf.corpus.exchange.base import Format, Predictions
from newsclf.corpus.lines import bounded_lines
from newsclf.corpus.rows import RowError, parse_json_row
from newsclf.corpus.store import Corpus
from newsclf.errors import ConfigError, InputError
from newsclf.files import atomic_file, atomic_folder, refuse_existing


def export_corpus(
    corpus: Corpus,
    path: Path,
    target: Format,
    *,
    predictions: Predictions | None = None,
    force: bool = False,
) -> tuple[str, ...]:
    """Write a corpus in another program's format; it appears whole or not at all.

    Parameters
    ----------
    corpus : Corpus
        What to write.
    path : Path
        The destination: a folder where the format is one.
    target : Format
        What to write it as.
    predictions : mapping, optional
        Rows of ``newsclf tag`` by article id, written as the tool's pre-annotations.
    force : bool
        Replace what exists.

    Returns
    -------
    tuple of str
        What the corpus has and the format cannot carry: field names, ``annotations``.

    Raises
    ------
    ConfigError
        When there are predictions and the format has no place for them.
    OutputError
        When the path exists, or cannot be written, or a text holds what the format cannot.
    """
    if predictions and "predictions" not in target.carries:
        raise ConfigError(f"{target.name} has no place for predictions; leave out --predictions")
    texts = {path.with_suffix(suffix): text for suffix, text in target.companions(corpus).items()}
    for destination in (path, *texts):
        refuse_existing(destination, force=force)
    if target.folder:
        with atomic_folder(path) as folder:
            folder.rmdir()
            target.write(corpus, folder, predictions or {})
    else:
        with atomic_file(path) as file:
            target.write(corpus, Path(file.name), predictions or {})
    for destination, text in texts.items():
        with atomic_file(destination) as file:
            file.write(text.encode())
    return tuple(name for name in _present(corpus) if name not in target.carries)


def read_predictions(path: Path) -> Predictions:
    """Read the output of ``newsclf tag``, by article id; rows with an error are left out.

    Raises
    ------
    InputError
        When the file cannot be read, or a line is no row of it.
    """
    found = {}
    try:
        with path.open("rb") as file:
            for number, line in enumerate(bounded_lines(file), 1):
                row = _prediction(line, path, number)
                if "error" not in row:
                    found[str(row["id"])] = row
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from None
    return found


def _prediction(line: bytes, path: Path, number: int) -> dict[str, object]:
    try:
        row = parse_json_row(line)
    except RowError as error:
        raise InputError(str(error), path=path, line=number) from None
    if "error" not in row and not ("id" in row and isinstance(row.get("tags"), list)):
        raise InputError(
            "not a row that 'newsclf tag' writes: it has no id or no tags", path=path, line=number
        )
    return row


def _present(corpus: Corpus) -> tuple[str, ...]:
    """Return the fields that any article of a corpus has something in."""
    names = ("published", "source", "genre", "country", "url", "language", "target", "split")
    used = [name for name in names if any(getattr(article, name) for article in corpus.articles)]
    labels = ["labels"] if any(article.labels for article in corpus.articles) else []
    headlines = ["headline"] if any(article.headline for article in corpus.articles) else []
    return (*headlines, *used, *labels, *(["annotations"] if corpus.annotations else []))
