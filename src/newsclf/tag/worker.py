"""What a worker does with a shard: parse, tag, write, and mark it done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from newsclf.bundle import Bundle, load
from newsclf.corpus.rows import RowError, article_from_row, parse_json_row
from newsclf.errors import BundleError
from newsclf.files import sha256_of
from newsclf.records import Article
from newsclf.tag.chunks import Chunk, read_chunks
from newsclf.tag.done import Counts, Done, Model, Work, write_json
from newsclf.tag.locations import whole_file
from newsclf.tag.outputs import error_line
from newsclf.tag.plan import Shard


def tag_shard(shard: Shard, work: Work) -> Done:
    """Tag a shard's articles, write their rows, and mark the shard done.

    A line that holds no article becomes an error row.

    Parameters
    ----------
    shard : Shard
        The lines.
    work : Work
        Where to write, and what.

    Raises
    ------
    InputError
        When the lines cannot be read or are no longer those that were planned.
    OutputError
        When the rows cannot be written.
    BundleError
        When a bundle cannot be used.
    """
    counts = Counts(bytes_read=shard.size)
    with ExitStack() as stack:
        errors = stack.enter_context(whole_file(work.errors(shard.index)))
        rows = stack.enter_context(whole_file(work.output(shard.index)))
        for chunk in read_chunks(shard):
            tagged = tag_chunk(chunk, work)
            rows.write(tagged.output)
            errors.write(tagged.errors)
            counts.add(replace(tagged.counts, bytes_read=0))
    return _mark(shard, work, counts)


class TaggedChunk(NamedTuple):
    """The output of a chunk: its rows, the error rows among them, and their counts."""

    output: bytes
    errors: bytes
    counts: Counts


def tag_chunk(chunk: Chunk, work: Work) -> TaggedChunk:
    """Tag a chunk's articles; a line that holds none becomes an error row.

    Parameters
    ----------
    chunk : Chunk
        The lines.
    work : Work
        What tags them, and what the rows look like.
    """
    found = list(_read_rows(chunk))
    articles = [row.read for row in found if isinstance(row.read, Article)]
    by_bundle = [bundle.tag(articles) for bundle in _bundles(work.models)]
    tagged = zip(*by_bundle, strict=True)
    form, layout = work.format, work.layout
    counts = Counts(bytes_read=sum(map(len, chunk.lines)))
    output, errors = list[bytes](), list[bytes]()
    for row in found:
        if isinstance(row.read, RowError):
            output.append(form.encode_error(row.read, row.file, row.line, layout))
            errors.append(error_line(row.read, row.file, row.line))
            counts.refused[row.read.code] += 1
        else:
            result = next(tagged)
            output.append(form.encode(row.read, result, layout))
            counts.tagged += 1
            counts.tags.update((tag.task, tag.label) for one in result for tag in one.tags)
    return TaggedChunk(b"".join(output), b"".join(errors), counts)


class _Row(NamedTuple):
    file: str
    line: int
    read: Article | RowError


def _read_rows(chunk: Chunk) -> Iterator[_Row]:
    read = _spooled if chunk.spooled else _plain
    for number, line in enumerate(chunk.lines, chunk.first_line):
        yield read(line, chunk.source, number)


def _plain(line: bytes, source: str, number: int) -> _Row:
    try:
        return _Row(source, number, article_from_row(parse_json_row(line)))
    except RowError as error:
        return _Row(source, number, error)


def _spooled(line: bytes, source: str, number: int) -> _Row:
    """Read a line that `newsclf.tag.ingest` wrote: a row, or why there is none, and its place."""
    try:
        held = parse_json_row(line)
        source, number = held["file"], held["line"]
        if "error" in held:
            error = held["error"]
            return _Row(source, number, RowError(error["code"], error["message"], error["id"]))
        return _Row(source, number, article_from_row(held["row"]))
    except RowError as error:
        return _Row(source, number, error)


def _mark(shard: Shard, work: Work, counts: Counts) -> Done:
    errors = work.errors(shard.index)
    done = Done(
        shard.index,
        shard.sha256,
        shard.first_line,
        sha256_of(work.output(shard.index)),
        sha256_of(errors) if counts.refused else None,
        counts,
    )
    write_json(work.marker(shard.index), done.as_json())
    return done


@lru_cache(maxsize=1)
def _bundles(models: tuple[Model, ...]) -> tuple[Bundle, ...]:
    for folder, sha256 in models:
        if sha256_of(folder / "bundle.json") != sha256:
            raise BundleError(f"{folder} was changed during the run; start again with --force")
    return tuple(load(folder) for folder, _ in models)
