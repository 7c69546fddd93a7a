"""Cells of tables: labels in a cell, and text that a spreadsheet must not run."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

from newsclf.errors import InputError
from newsclf.records import Article, LabelledArticle

ARTICLE_COLUMNS = (*(field.name for field in fields(Article)), "split")
"""The columns of a written table that are not tasks."""

SEPARATOR = ";"
"""Between the labels in a cell."""

_NONE = "(none)"
_RUNS = re.compile(r"'*[=+\-@\t\r]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r]")


def labels_from_cell(value: object, separator: str = SEPARATOR) -> tuple[str, ...] | None:
    """Read the labels in a cell.

    Parameters
    ----------
    value : object
        A text, a list of labels, or one label of another type.
    separator : str
        Between labels in a text.

    Returns
    -------
    tuple of str, or None
        Each label once; none at all when the cell says ``(none)``, and ``None``, that is not
        judged, when it is empty.

    Examples
    --------
    >>> labels_from_cell("policing; courts")
    ('policing', 'courts')
    >>> labels_from_cell("(none)"), labels_from_cell(" ")
    ((), None)
    """
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, list | tuple):
        return _each_once(str(label) for label in value)
    text = str(value).strip()
    if text.casefold() == _NONE:
        return ()
    return _each_once(text.split(separator)) or None


def cell_from_labels(labels: Sequence[str] | None, separator: str = SEPARATOR) -> str:
    """Write labels in a cell, as `labels_from_cell` reads them.

    Examples
    --------
    >>> cell_from_labels(("policing", "courts"))
    'policing;courts'
    >>> cell_from_labels(()), cell_from_labels(None)
    ('(none)', '')
    """
    if labels is None:
        return ""
    return separator.join(labels) or _NONE


def escape_formula(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would run as a formula.

    Text that has such an apostrophe already gets another one, so that `restore_formula` gives
    every text back. See OWASP, "CSV Injection".

    Examples
    --------
    >>> escape_formula("=1+1"), escape_formula("'tis")
    ("'=1+1", "'tis")
    """
    return f"'{text}" if _RUNS.match(text) else text


def restore_formula(text: str) -> str:
    """Take off the apostrophe that `escape_formula` put before a text."""
    return text[1:] if _ESCAPED.match(text) else text


def task_column(task: str) -> str:
    """Name a task's column; a task that is called like a field gets ``labels.`` before it."""
    return f"labels.{task}" if task in ARTICLE_COLUMNS else task


def cells_of(article: LabelledArticle, tasks: Mapping[str, object]) -> list[str]:
    """Return an article's cells: `ARTICLE_COLUMNS`, then one for each task."""
    given = [getattr(article, name) or "" for name in ARTICLE_COLUMNS]
    labels = [cell_from_labels(article.labels.get(task)) for task in tasks]
    return [escape_formula(text) for text in (*given, *labels)]


def checked_header(names: Sequence[str], path: str) -> list[str]:
    """Return a table's column names without the white space around them.

    Raises
    ------
    InputError
        When a name is empty or occurs twice.
    """
    header = [name.strip() for name in names]
    for number, name in enumerate(header, 1):
        if not name:
            message = f"column {number} of {len(header)} has no name; name it in the first row"
            raise InputError(message, path=path)
        if header.index(name) != number - 1:
            raise InputError(f"two columns are called {name!r}; rename one", path=path)
    return header


def _each_once(labels: Iterable[str]) -> tuple[str, ...]:
    stripped = (label.strip() for label in labels)
    return tuple(dict.fromkeys(label for label in stripped if label))
