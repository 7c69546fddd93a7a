"""What a fetch has brought so far, on disk, so that a fetch which was stopped can go on."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

import orjson

from newsclf.corpus.lines import bounded_lines
from newsclf.errors import ConfigError, InputError, OutputError
from newsclf.files import atomic_file, refuse_existing

_FORMAT = 1
_SYNC_SECONDS = 1.0
_WRITTEN = "written"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the journal: something that need not be asked for again.

    Parameters
    ----------
    key : str
        Of a story, or of a window of dates whose stories are all here.
    article : dict, optional
        The story's row, where it is kept.
    annotation : dict, optional
        What a rule said of it.
    left_out : str, optional
        Why the story is not kept.
    note : str, optional
        What there is to say about a story that is kept.
    """

    key: str
    article: dict[str, Any] | None = None
    annotation: dict[str, Any] | None = None
    left_out: str | None = None
    note: str | None = None


class Journal:
    """An append-only file of entries, and the query that they answer.

    Parameters
    ----------
    folder : Path
        Holds ``query.json`` and ``stories.jsonl``.
    file : binary file
        ``stories.jsonl``, which this process alone writes.
    began : str
        ISO 8601 date on which the fetch began.
    replaces : bool
        Whether the corpus may take the place of one that stands at its destination.
    clock : callable
        Monotonic seconds; the file is synced once a second at most.
    """

    def __init__(
        self,
        folder: Path,
        file: BinaryIO,
        began: str,
        *,
        replaces: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self.began = began
        self.replaces = replaces
        self._clock = clock
        self._synced = clock()
        self._entries: dict[str, Entry] = {}
        self._file = file

    @classmethod
    def begin(cls, into: Path, query: Mapping[str, Any], *, force: bool = False) -> Self:
        """Take up the journal of a corpus, or start one.

        Parameters
        ----------
        into : Path
            The corpus that is being fetched; the journal is ``<into>.fetch`` beside it.
        query : mapping
            Everything that decides which stories the corpus has and what they look like; as JSON.
        force : bool
            Start again where the journal is of another query, and replace a corpus that exists.

        Raises
        ------
        ConfigError
            When the journal there is of another query.
        OutputError
            When the corpus exists, or another fetch writes to the journal.
        """
        folder = into.with_name(f"{into.name}.fetch")
        if not (folder / "query.json").exists():
            refuse_existing(into, force=force)
        file = _open_alone(folder / "stories.jsonl")
        try:
            return cls._taken_up(folder, file, into, query, force=force)
        except BaseException:
            file.close()
            raise

    @classmethod
    def _taken_up(
        cls, folder: Path, file: BinaryIO, into: Path, query: Mapping[str, Any], *, force: bool
    ) -> Self:
        asked = orjson.loads(orjson.dumps(query))
        found = _read_header(folder / "query.json")
        if found is not None and found["query"] != asked:
            if not force:
                raise ConfigError(
                    f"{folder} was begun with another query; --force starts again, or choose "
                    "another path for the corpus"
                )
            found = None
        if found is None:
            file.truncate(0)
            today = datetime.now(UTC).date().isoformat()
            found = {"format": _FORMAT, "began": today, "replaces": force, "query": asked}
            with atomic_file(folder / "query.json") as header:
                header.write(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        journal = cls(folder, file, found["began"], replaces=found["replaces"] or force)
        journal._read()
        if not (journal.replaces or _WRITTEN in journal):
            refuse_existing(into, force=False)
        return journal

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Everything that was recorded, in order."""
        return tuple(self._entries.values())

    def record(self, entry: Entry) -> None:
        """Append an entry; it outlives the process from here on.

        Parameters
        ----------
        entry : Entry
            With a key that was not recorded yet.
        """
        given = {name: value for name, value in asdict(entry).items() if value is not None}
        try:
            self._file.write(orjson.dumps(given, option=orjson.OPT_APPEND_NEWLINE))
            self._file.flush()
            if self._clock() - self._synced >= _SYNC_SECONDS:
                self._sync()
        except OSError as error:
            raise OutputError(f"cannot write {self._file.name}: {error.strerror}") from error
        self._entries[entry.key] = entry

    def about_to_write(self) -> None:
        """Note that what stands at the destination from here on is this fetch's own corpus."""
        if _WRITTEN not in self:
            self.record(Entry(_WRITTEN))
        self._sync()

    def remove(self) -> None:
        """Remove the journal from the disk, its corpus being written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """Sync and close the file."""
        if not self._file.closed:
            self._sync()
            self._file.close()

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced = self._clock()

    def _read(self) -> None:
        """Read the entries, and cut off a last line that was not written to its end."""
        whole = 0
        self._file.seek(0)
        for number, line in enumerate(bounded_lines(self._file), 1):
            if not line.endswith(b"\n"):
                break
            try:
                entry = Entry(**orjson.loads(line))
            except (orjson.JSONDecodeError, TypeError):
                message = "the journal of the fetch is damaged; remove its folder to start again"
                raise InputError(message, path=self._file.name, line=number) from None
            self._entries[entry.key] = entry
            whole += len(line)
        self._file.truncate(whole)
        self._file.seek(whole)


def _open_alone(path: Path) -> BinaryIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab+")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        message = f"another fetch is writing {path}; wait for it, or choose another path"
        raise OutputError(message) from None
    return file


def _read_header(path: Path) -> dict[str, Any] | None:
    """Return what ``query.json`` says; none where a fetch was stopped before it was written."""
    if not path.exists():
        return None
    try:
        header = orjson.loads(path.read_bytes())
        if header["format"] == _FORMAT and {"began", "replaces", "query"} <= header.keys():
            return dict(header)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        pass
    raise InputError("not the query of a fetch; remove its folder to start again", path=path)
