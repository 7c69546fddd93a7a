"""The encoding of text files: found out, said, and applied line by line."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import NamedTuple

from newsclf.corpus.exchange.base import Member, ReadOptions
from newsclf.corpus.lines import bounded_lines
from newsclf.corpus.rows import MAX_LINE_BYTES, RowError
from newsclf.errors import ConfigError, InputError

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LIKELY = ["cp1250", "cp1251", "cp1252", "cp1253", "cp932", "euc_jp", "euc_kr", "gb18030", "big5"]
_SAMPLE_BYTES = 64 * 1024
_MAX_CHARACTERS = MAX_LINE_BYTES // 2


class Encoding(NamedTuple):
    """A text's encoding.

    Parameters
    ----------
    name : str
        As Python's codecs call it.
    note : str
        What to tell the user; empty when there is nothing unusual.
    """

    name: str
    note: str


class WrongEncodingError(RowError):
    """A line with bytes that its file's encoding does not have.

    Parameters
    ----------
    message : str
        What was wrong, for people.
    text : str
        The line with U+FFFD for what could not be decoded, so that what it opens, such as a
        quotation, is still seen.
    """

    def __init__(self, message: str, text: str) -> None:
        super().__init__("wrong_encoding", message)
        self.text = text


def encoding_of(member: Member, options: ReadOptions) -> Encoding:
    """Return the encoding that the user gave, or else the one detected, which is said.

    Raises
    ------
    ConfigError
        When there is no encoding of that name.
    """
    if options.encoding is None:
        found = detect_encoding(member)
        if found.note:
            options.say(f"{member.name}: {found.note}")
        return found
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=options.encoding)
    except LookupError:
        raise ConfigError(
            f"there is no text encoding {options.encoding!r}; try utf-8, cp1252 or utf-16"
        ) from None
    return Encoding(options.encoding, "")


def detect_encoding(member: Member) -> Encoding:
    """Find out a text file's encoding.

    A byte order mark decides. Else the text is UTF-8, unless most lines that have more than ASCII
    are not valid UTF-8: a few such lines are damage, to be reported row by row.

    Parameters
    ----------
    member : Member
        It is read through once, in bounded memory.
    """
    with member.open() as file:
        start = file.read(4)
    for mark, name in _BYTE_ORDER_MARKS:
        if start.startswith(mark):
            return Encoding(name, "" if name == "utf-8-sig" else f"encoding: {name}, detected")
    valid, invalid, sample = _survey(member)
    if invalid <= valid:
        return Encoding("utf-8", "")
    name = _guess(sample)
    return Encoding(name, f"encoding: {name}, detected; if that is wrong, give --encoding")


def decoded_lines(member: Member, encoding: Encoding) -> Iterator[tuple[int, str | RowError]]:
    """Yield a text file's lines, numbered from one, with their line ends.

    Parameters
    ----------
    member : Member
        What to read.
    encoding : Encoding
        As `detect_encoding` returns it.

    Yields
    ------
    int, str or RowError
        An error in place of a line that is too long or has bytes that the encoding does not have.

    Raises
    ------
    InputError
        When a file whose characters are wider than a byte (UTF-16) stops being valid: where its
        next line starts is not known then.
    """
    if "\n".encode(encoding.name.replace("-sig", "")) == b"\n":
        yield from _byte_lines(member, encoding.name)
    else:
        yield from _wide_lines(member, encoding.name)


def _survey(member: Member) -> tuple[int, int, bytes]:
    valid = invalid = 0
    sample = bytearray()
    with member.open() as file:
        for line in bounded_lines(file):
            if line.isascii():
                continue
            try:
                line.decode("utf-8")
                valid += 1
            except UnicodeDecodeError:
                invalid += 1
                sample += line[: max(0, _SAMPLE_BYTES - len(sample))]
    return valid, invalid, bytes(sample)


def _guess(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    matches = from_bytes(sample, cp_isolation=_LIKELY)
    best = matches.best()
    if best is None or str(best) == sample.decode("cp1252", errors="replace"):
        return "cp1252"
    as_plausible = (match.encoding for match in matches if match.chaos <= best.chaos)
    return "cp1252" if "cp1252" in as_plausible else best.encoding


def _byte_lines(member: Member, name: str) -> Iterator[tuple[int, str | RowError]]:
    is_utf8 = codecs.lookup(name).name in {"utf-8", "utf-8-sig"}
    with member.open() as file:
        for number, line in enumerate(bounded_lines(file), 1):
            if len(line) > MAX_LINE_BYTES:
                yield number, _too_long()
            elif is_utf8:
                yield number, _decoded(line, "utf-8-sig" if number == 1 else "utf-8")
            else:
                yield number, _decoded(line, name)


def _decoded(line: bytes, name: str) -> str | RowError:
    try:
        return line.decode(name)
    except UnicodeDecodeError as error:
        wrong = line[error.start : error.start + 4].hex(" ")
        message = (
            f"the bytes {wrong} are not {name.removesuffix('-sig')}; "
            "mend them, or say with --encoding what the file is in"
        )
        return WrongEncodingError(message, line.decode(name, errors="replace"))


def _wide_lines(member: Member, name: str) -> Iterator[tuple[int, str | RowError]]:
    number = 1
    with member.open() as file, io.TextIOWrapper(file, encoding=name, newline="\n") as text:
        try:
            while line := text.readline(_MAX_CHARACTERS + 1):
                rest = line
                while len(rest) > _MAX_CHARACTERS and not rest.endswith("\n"):
                    rest = text.readline(_MAX_CHARACTERS + 1)
                yield number, line if len(line) <= _MAX_CHARACTERS else _too_long()
                number += 1
        except UnicodeError as error:
            message = f"is not {name}: {error}; say with --encoding what the file is in"
            raise InputError(message, path=member.name, line=number) from None


def _too_long() -> RowError:
    return RowError("line_too_long", f"the line has more than {MAX_LINE_BYTES:,} bytes")
