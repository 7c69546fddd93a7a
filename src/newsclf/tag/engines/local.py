"""Shards over the cores of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from newsclf.errors import OutputError
from newsclf.tag.done import Done, Work
from newsclf.tag.plan import Shard
from newsclf.tag.worker import tag_shard

_WORTH_WORKERS = 4 * 1024 * 1024
"""Bytes from which on other processes are started: below, they take longer than the work."""


def map_shards(shards: Sequence[Shard], work: Work, *, jobs: int | None) -> Iterator[Done]:
    """Yield what came of each shard, in the order in which they are done.

    Parameters
    ----------
    shards : sequence of Shard
        What is to be done.
    work : Work
        What is the same for all of them.
    jobs : int, optional
        Processes; by default one a core. With one of them, or little to do, the work is done in
        this process.

    Raises
    ------
    OutputError
        When a worker process was killed.
    """
    if jobs == 1 or len(shards) < 2 or sum(shard.size for shard in shards) < _WORTH_WORKERS:
        yield from (tag_shard(shard, work) for shard in shards)
        return
    from concurrent.futures.process import BrokenProcessPool

    from joblib import Parallel, cpu_count, delayed

    workers = min(jobs or cpu_count(), len(shards))
    run: Any = Parallel(
        n_jobs=workers, return_as="generator_unordered", pre_dispatch="2*n_jobs", batch_size=1
    )
    try:
        yield from run(delayed(tag_shard)(shard, work) for shard in shards)
    except BrokenProcessPool:
        raise OutputError(
            f"one of {workers} worker processes was killed, as happens when memory runs out; try "
            "again with a lower --jobs"
        ) from None
