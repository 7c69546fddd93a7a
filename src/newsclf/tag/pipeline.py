"""Read, tag, write: chunks go to long-lived workers and come back in input order."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from joblib import Parallel, cpu_count, delayed

from newsclf.bundle import verify
from newsclf.errors import ConfigError, InputError, OutputError
from newsclf.files import atomic_file, refuse_existing, sha256_of
from newsclf.tag.chunks import STANDARD_STREAM, Chunk, read_chunks
from newsclf.tag.worker import Counts, TaggedChunk, tag_chunk


@dataclass(kw_only=True)
class Summary(Counts):
    """What became of a run's rows.

    Parameters
    ----------
    model : str
        ``name@version``.
    seconds : float
        Wall-clock time.
    """

    model: str
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """All rows: each was tagged or refused."""
        return self.tagged + self.refused.total()


def errors_path(output: Path) -> Path:
    """Return where the error rows of an output go as well: ``<output>.errors.jsonl``."""
    return output.with_name(f"{output.name}.errors.jsonl")


def tag_files(
    inputs: Sequence[Path],
    model: Path,
    output: Path,
    *,
    scores: bool = False,
    force: bool = False,
    jobs: int | None = None,
    on_progress: Callable[[Summary], None] = lambda _: None,
) -> Summary:
    """Tag JSONL files into one JSONL file, one line out for every line in, in order.

    Rows that cannot be tagged become error rows, and are written to `errors_path` too. Memory
    does not grow with the number of rows.

    Parameters
    ----------
    inputs : sequence of Path
        Files; a dash is standard input.
    model : Path
        A bundle's folder.
    output : Path
        The destination, which appears when all is written; a dash is standard output.
    scores : bool
        Whether each row carries every label's probability.
    force : bool
        Replace an output that exists.
    jobs : int, optional
        Worker processes; by default one a core.
    on_progress : callable
        Called with the counts so far after each chunk.

    Raises
    ------
    InputError
        When an input cannot be read or all are empty.
    OutputError
        When the output exists or cannot be written.
    BundleError
        When the bundle cannot be used.
    """
    start = time.perf_counter()
    _refuse_overwriting_an_input(inputs, output)
    manifest, sha256 = verify(model), sha256_of(model / "bundle.json")
    summary = Summary(model=f"{manifest.name}@{manifest.version}")
    with ExitStack() as stack:
        out, errors = _open_outputs(stack, output, force=force)
        tag = partial(tag_chunk, model.resolve(), scores=scores, sha256=sha256)
        for tagged in _tagged_chunks(inputs, tag, jobs=jobs):
            out.write(tagged.output)
            if errors is not None:
                errors.write(tagged.errors)
            summary.add(tagged)
            summary.seconds = time.perf_counter() - start
            on_progress(summary)
        if not summary.rows:
            raise InputError("there is no line to tag", path=" ".join(map(str, inputs)))
    if not summary.refused and output != STANDARD_STREAM:
        errors_path(output).unlink(missing_ok=True)
    return summary


def _open_outputs(
    stack: ExitStack, output: Path, *, force: bool
) -> tuple[IO[bytes], IO[bytes] | None]:
    if output == STANDARD_STREAM:
        return stack.enter_context(_standard_output()), None
    for path in (output, errors_path(output)):
        refuse_existing(path, force=force)
    errors = stack.enter_context(atomic_file(errors_path(output)))
    return stack.enter_context(atomic_file(output)), errors


@contextmanager
def _standard_output() -> Iterator[IO[bytes]]:
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write standard output: {error.strerror}") from None


def _refuse_overwriting_an_input(inputs: Sequence[Path], output: Path) -> None:
    for path in inputs:
        for written in (output, errors_path(output)):
            if path.is_file() and written.is_file() and path.samefile(written):
                raise ConfigError(f"{written} is an input too; choose another output")


def _tagged_chunks(
    inputs: Sequence[Path], tag: Callable[[Chunk], TaggedChunk], *, jobs: int | None
) -> Iterator[TaggedChunk]:
    """Tag in this process while there is little to do, else in one process a core."""
    chunks = read_chunks(inputs)
    first = list(islice(chunks, 2))
    workers = jobs if jobs is not None else cpu_count()
    if len(first) < 2 or workers == 1:
        for chunk in chain(first, chunks):
            yield tag(chunk)
        return
    run: Any = Parallel(n_jobs=workers, return_as="generator", pre_dispatch="2*n_jobs")
    yield from run(delayed(tag)(chunk) for chunk in chain(first, chunks))
