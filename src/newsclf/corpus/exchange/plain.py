"""What the plain-text formats share: lines of text, and labels written as ``task:label``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath

from newsclf.corpus.exchange.base import Member, ReadOptions
from newsclf.corpus.exchange.encoding import decoded_lines, encoding_of
from newsclf.corpus.lines import BadRow
from newsclf.corpus.rows import MAX_LINE_BYTES, RowError
from newsclf.errors import ConfigError

DEFAULT_TASK = "topic"
"""Of labels that do not name theirs."""

_WITH_TASK = re.compile(r"(?!medtop:)([a-z][a-z0-9_]{0,63}):([^\s/].*)")


def text_lines(member: Member, options: ReadOptions) -> Iterator[tuple[int, str | BadRow]]:
    """Yield the number and the text of each line that has something in it.

    Parameters
    ----------
    member : Member
        A text file.
    options : ReadOptions
        Encoding; detected when not given.

    Yields
    ------
    int
        One-based number of the line.
    str or BadRow
        The line without its end, or why it cannot be used.
    """
    for number, line in decoded_lines(member, encoding_of(member, options)):
        if isinstance(line, RowError):
            yield number, BadRow.of(line, member.name, number)
        elif line.strip():
            yield number, line.rstrip("\r\n")


def decoded(data: bytes, options: ReadOptions) -> str:
    """Return bytes as text.

    Parameters
    ----------
    data : bytes
        A line, or a file.
    options : ReadOptions
        Encoding; UTF-8 when not given.

    Raises
    ------
    RowError
        When there are too many bytes, or they are not in that encoding.
    ConfigError
        When there is no such encoding.
    """
    if len(data) > MAX_LINE_BYTES:
        raise RowError("line_too_long", f"there are more than {MAX_LINE_BYTES:,} bytes of text")
    encoding = options.encoding or "utf-8"
    try:
        return data.decode(encoding)
    except LookupError:
        raise ConfigError(f"there is no encoding {encoding!r}; try 'utf-8' or 'cp1252'") from None
    except UnicodeDecodeError as error:
        message = f"not {encoding}: {error.reason} at byte {error.start}; say which encoding it is"
        raise RowError("wrong_encoding", message) from None


def one_line(*texts: str) -> str:
    r"""Join texts into a line: all white space becomes one space.

    Examples
    --------
    >>> one_line("Police numbers rise", "More officers,\nand more cars. ")
    'Police numbers rise More officers, and more cars.'
    """
    return " ".join(" ".join(texts).split())


def prefixed(labels: Mapping[str, Iterable[str]]) -> list[str]:
    """Return labels with their tasks in front.

    Examples
    --------
    >>> prefixed({"topic": ("policing", "courts"), "stance": ()})
    ['topic:policing', 'topic:courts']
    """
    return [f"{task}:{label}" for task, given in labels.items() for label in given]


def labels_by_task(labels: Iterable[str], task: str | None) -> dict[str, list[str]]:
    """Return labels by the task in front of each.

    Parameters
    ----------
    labels : iterable of str
        With or without a task and a colon in front; a repeated one counts once. An IPTC code
        or an address is a label and names no task.
    task : str, optional
        Of the labels that name none; ``topic`` when not given.

    Examples
    --------
    >>> labels_by_task(["policing", "stance:against"], None)
    {'topic': ['policing'], 'stance': ['against']}
    >>> labels_by_task(["medtop:20000129", "https://example.org/x"], "beat")
    {'beat': ['medtop:20000129', 'https://example.org/x']}
    """
    by_task: dict[str, list[str]] = {}
    for label in dict.fromkeys(labels):
        match = _WITH_TASK.fullmatch(label)
        named, value = match.groups() if match else (task or DEFAULT_TASK, label)
        by_task.setdefault(named, []).append(value)
    return by_task


def stem(member: Member) -> str:
    """Return the bare name of a member, without folder, archive and suffix."""
    return PurePath(member.name.rpartition(":")[2]).stem
