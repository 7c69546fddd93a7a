"""A run of the tagger: ingest, plan, let an engine map the shards, assemble."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newsclf.bundle import verify
from newsclf.errors import ConfigError, InputError
from newsclf.files import sha256_of
from newsclf.tag.assemble import (
    assemble,
    assemble_to_standard_output,
    errors_path,
    finished,
    refuse_outputs,
)
from newsclf.tag.done import Counts, Done, Model, Work, read_done
from newsclf.tag.engines import Engine, engine_named
from newsclf.tag.ingest import InputOptions
from newsclf.tag.locations import RemotePath, same_place
from newsclf.tag.outputs import Layout
from newsclf.tag.outputs import output_format as output_format_named
from newsclf.tag.plan import Plan, Source, plan_run, refuse_changed
from newsclf.tag.run import forget, manifest_of, settle_manifest, working_folder
from newsclf.tag.sources import STANDARD_STREAM, sources_of

_ROWS_BEFORE_GIVING_UP = 1000


@dataclass(kw_only=True)
class Summary(Counts):
    """What became of a run's rows.

    Parameters
    ----------
    model : str
        ``name@version`` of the bundle, or of each, with commas between.
    seconds : float
        Wall-clock time.
    bytes_total : int
        Size of all lines, tagged yet or not.
    rows_before, bytes_before : int
        What an earlier run had done, which this one went on from.
    shards, shards_done, shards_before : int
        Into how many the run is cut, how many of them are done, and were done before.
    """

    model: str
    seconds: float = 0.0
    bytes_total: int = 0
    rows_before: int = 0
    bytes_before: int = 0
    shards: int = 0
    shards_done: int = 0
    shards_before: int = 0

    @property
    def rate(self) -> float:
        """Rows a second, of those that this run did."""
        return (self.rows - self.rows_before) / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """How long the rest will take, if it goes on as it did; nothing is known at the start."""
        read = self.bytes_read - self.bytes_before
        return self.seconds * (self.bytes_total - self.bytes_read) / read if read else None

    def as_json(self) -> dict[str, Any]:
        """Return the summary as ``--summary`` writes it."""
        return {
            "models": self.model.split(","),
            **super().as_json(),
            "seconds": round(self.seconds, 3),
            "rate": round(self.rate, 1),
            "shards": self.shards,
            "shards_done": self.shards_done,
            "shards_done_before": self.shards_before,
        }


def tag_files(
    inputs: Sequence[Path],
    models: Sequence[Path],
    output: Path,
    *,
    scores: bool = False,
    force: bool = False,
    resume: bool = False,
    jobs: int | None = None,
    output_format: str = "jsonl",
    input_options: InputOptions | None = None,
    engine: str = "local",
    fail_over: float | None = None,
    on_progress: Callable[[Summary], None] = lambda _: None,
) -> Summary:
    """Tag files into one file, one row out for every row in, in order.

    Rows that cannot be tagged become error rows, and are written to `errors_path` too. Memory
    does not grow with the number of rows. What is done is kept in ``<output>.parts`` until the
    output is whole, so that a run which was stopped, however, can be gone on with.

    Parameters
    ----------
    inputs : sequence of Path
        Files; a dash is standard input.
    models : sequence of Path
        Folders of bundles, no two of which have a task in common.
    output : Path
        The destination, which appears when all is written; a dash is standard output.
    scores : bool
        Whether each row carries every label's probability.
    force : bool
        Replace an output that exists, and start again where an earlier run was not finished.
    resume : bool
        Go on from what an earlier run did, if inputs, bundles and options are those it had. With
        `force`, start again if they are not.
    jobs : int, optional
        Worker processes; by default one a core.
    output_format : str
        A key of `newsclf.tag.outputs.OUTPUTS`.
    input_options : InputOptions, optional
        How to read the inputs, where guessing is not wanted.
    engine : str
        ``local``, or ``ray`` for a cluster.
    fail_over : float, optional
        Share of refused rows beyond which the run stops: looked at from 1,000 rows on, and when all
        are done.
    on_progress : callable
        Called with the counts so far at the start and after each shard.

    Raises
    ------
    InputError
        When an input cannot be read or changes meanwhile, all are empty, or too many rows are
        refused.
    OutputError
        When the output exists or cannot be written, or another run is at it.
    BundleError
        When a bundle cannot be used.
    ConfigError
        When arguments contradict each other.
    """
    start = time.perf_counter()
    output = _file_meant(output)
    _refuse_overwriting_an_input(inputs, output)
    form = output_format_named(output_format, scores=scores).name
    map_shards = engine_named(engine)
    used, layout = _checked(models, scores=scores)
    options = input_options or InputOptions()
    with _folder(output, resume=resume, force=force) as folder:
        work = Work(folder, used, layout, form)
        summary = Summary(model=layout.model)
        refuse_outputs(output, folder, force=force)
        sources, plan = _planned(inputs, options, work, force=force)
        if (counts := finished(output, folder)) is not None:
            summary.add(counts)
            summary.rows_before = summary.rows
            return summary
        run = _Run(plan, work, summary, start, fail_over, on_progress)
        done = run.through(map_shards, jobs=jobs)
        for source, record in zip(sources, plan.files, strict=True):
            refuse_changed(source.path, record)
        if output == STANDARD_STREAM:
            assemble_to_standard_output(work, done)
        else:
            assemble(output, work, done, summary)
    summary.seconds = time.perf_counter() - start
    return summary


@dataclass
class _Run:
    plan: Plan
    work: Work
    summary: Summary
    start: float
    fail_over: float | None
    on_progress: Callable[[Summary], None]

    def through(self, map_shards: Engine, *, jobs: int | None) -> list[Done]:
        """Do the shards that are not done yet, and return all, in order."""
        shards, summary = self.plan.shards, self.summary
        found = {shard.index: read_done(shard, self.work) for shard in shards}
        done = {index: one for index, one in found.items() if one is not None}
        summary.shards = len(shards)
        summary.bytes_total = sum(shard.size for shard in shards)
        for one in done.values():
            self._count(one)
        summary.rows_before, summary.bytes_before = summary.rows, summary.bytes_read
        summary.shards_before = len(done)
        self._look()
        missing = [shard for shard in shards if shard.index not in done]
        for one in map_shards(missing, self.work, jobs=jobs):
            done[one.index] = one
            self._count(one)
            self._look()
        self._refuse_too_many(least=1)
        return [done[shard.index] for shard in shards]

    def _count(self, one: Done) -> None:
        self.summary.add(one.counts)
        self.summary.shards_done += 1

    def _look(self) -> None:
        summary = self.summary
        summary.seconds = time.perf_counter() - self.start
        self.on_progress(summary)
        self._refuse_too_many(least=_ROWS_BEFORE_GIVING_UP)

    def _refuse_too_many(self, *, least: int) -> None:
        summary = self.summary
        refused, rows = summary.refused.total(), summary.rows
        if self.fail_over is None or rows < least:
            return
        if refused > self.fail_over * rows:
            codes = ", ".join(f"{code}: {n:,}" for code, n in summary.refused.most_common())
            raise InputError(
                f"{refused:,} of the first {rows:,} rows were refused ({codes}), which is more "
                f"than {100 * self.fail_over:g} %"
            )


def _checked(models: Sequence[Path], *, scores: bool) -> tuple[tuple[Model, ...], Layout]:
    """Verify the bundles, and return them with what their rows look like."""
    if not models:
        raise ConfigError("there is no model; give one or more")
    layout = Layout.of([verify(folder) for folder in models], scores=scores)
    return tuple(Model(f.resolve(), sha256_of(f / "bundle.json")) for f in models), layout


def _planned(
    inputs: Sequence[Path], options: InputOptions, work: Work, *, force: bool
) -> tuple[list[Source], Plan]:
    """Make lines of the inputs and shards of the lines, as an earlier run did if it is gone on."""
    sources = sources_of(inputs, work.folder, options)
    plan = plan_run(sources)
    if not plan.shards:
        forget(work.folder)
        raise InputError("there is no line to tag", path=" ".join(map(str, inputs)))
    chosen = {"format": work.form, "scores": work.layout.scores, "input options": repr(options)}
    settle_manifest(work.folder, manifest_of(plan, work.models, chosen), force=force)
    return sources, plan


@contextmanager
def _folder(output: Path, *, resume: bool, force: bool) -> Iterator[Path]:
    if output != STANDARD_STREAM:
        with working_folder(output, resume=resume, force=force) as folder:
            yield folder
        return
    if resume:
        raise ConfigError("a run to standard output cannot be gone on with; give it a file")
    with tempfile.TemporaryDirectory(prefix="newsclf-") as name:
        yield Path(name)


def _file_meant(output: Path) -> Path:
    """Return the file that an output names, behind a link too."""
    if not output.name:
        raise ConfigError(f"{str(output)!r} is no file's name; choose another output")
    is_link = not isinstance(output, RemotePath) and output.is_symlink()
    return output.resolve() if is_link else output


def _refuse_overwriting_an_input(inputs: Sequence[Path], output: Path) -> None:
    for path in inputs:
        if path.is_dir() and output.resolve().is_relative_to(path.resolve()):
            raise ConfigError(f"{output} lies in the input {path}; choose an output outside it")
        for written in (output, errors_path(output)):
            if path.is_file() and written.is_file() and same_place(path, written):
                raise ConfigError(f"{written} is an input too; choose another output")
