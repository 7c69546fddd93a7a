"""The errors that newsclf raises: each says what was wrong, where, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


class NewsclfError(Exception):
    """Base of every error that newsclf raises on purpose."""


class InputError(NewsclfError):
    """A file that cannot be used as it is.

    Parameters
    ----------
    message : str
        What was wrong, and what to do.
    path : Path or str, optional
        The file; a dash or a bare name is kept as given.
    line : int, optional
        One-based line number in the file.

    Examples
    --------
    >>> str(InputError("not a JSON object", path="a.jsonl", line=3))
    'a.jsonl, line 3: not a JSON object'
    """

    def __init__(
        self, message: str, *, path: Path | str | None = None, line: int | None = None
    ) -> None:
        where = [str(path)] if path is not None else []
        where += [f"line {line}"] if line is not None else []
        super().__init__(f"{', '.join(where)}: {message}" if where else message)


class ConfigError(NewsclfError):
    """A run configuration, a scheme file or an argument that is not valid."""


class BundleError(NewsclfError):
    """A bundle that is missing, incomplete, tampered with or of an unknown format."""


class OutputError(NewsclfError):
    """An output that cannot be written."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Suggest the nearest known word, as the end of an error message.

    Parameters
    ----------
    word : str
        What was given.
    known : iterable of str
        What was allowed.

    Returns
    -------
    str
        ``'; did you mean 'X'?'`` when something is near, else the sorted list of what is allowed.

    Examples
    --------
    >>> did_you_mean("clasifier", ["classifier", "corpus"])
    "; did you mean 'classifier'?"
    >>> did_you_mean("zzz", ["corpus", "name"])
    '; allowed are corpus, name'
    """
    options = sorted(known)
    near = difflib.get_close_matches(word, options, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; allowed are {', '.join(options)}"


def explain_validation(errors: Sequence[Mapping[str, Any]], known: Iterable[str]) -> str:
    """Put the first of pydantic's findings into one sentence.

    Parameters
    ----------
    errors : sequence of mapping
        What ``ValidationError.errors()`` returned.
    known : iterable of str
        The field names that are allowed, for the suggestion on an unknown one.

    Returns
    -------
    str
        For example ``"unknown key 'clasifier'; did you mean 'classifier'?"``.
    """
    first = errors[0]
    location = first["loc"]
    key = ".".join(map(str, location)) if isinstance(location, tuple) else str(location)
    if first["type"] == "extra_forbidden":
        return f"unknown key {key!r}{did_you_mean(key.rsplit('.', 1)[-1], known)}"
    if first["type"] == "missing":
        return f"key {key!r} is missing"
    message = str(first["msg"]).removeprefix("Value error, ")
    return f"{key}: {message}" if key else message
