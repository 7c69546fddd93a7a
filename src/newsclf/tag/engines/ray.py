"""Shards tagged by a Ray cluster: Ray Data places them, and repeats what a lost worker held."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from newsclf.bundle import verify
from newsclf.errors import BundleError, ConfigError, NewsclfError
from newsclf.extras import require
from newsclf.tag.done import Done, Model, Work
from newsclf.tag.plan import Shard
from newsclf.tag.worker import tag_shard

ADDRESS_VARIABLES = ("NEWSCLF_RAY_ADDRESS", "RAY_ADDRESS")
"""Where a cluster's address is looked for; without one, a cluster of this machine is started."""

_CONNECT_SECONDS = 10
_IN_FLIGHT = 2
"""Shards that an actor holds: the one that it works on, and one that waits."""


def map_shards(shards: Sequence[Shard], work: Work, *, jobs: int | None) -> Iterator[Done]:
    """Yield what came of each shard, in the order in which they are done.

    Each actor has a core and loads the bundles once; they are sent to it, so their folders need
    not be seen elsewhere. A shard whose worker or machine is lost is done again by another, and
    gives the same bytes under the same name.

    Parameters
    ----------
    shards : sequence of Shard
        What is to be done.
    work : Work
        What to do with each. Every machine has newsclf, and finds inputs and working folder under
        the same names.
    jobs : int, optional
        Actors at most; by default one for each core that the cluster has now.

    Raises
    ------
    ConfigError
        When the extra ``ray`` is not installed, or the cluster does not answer.
    NewsclfError
        What a worker raised, or that the cluster gave the run up.
    """
    require("ray")
    if not shards:
        return
    with _cluster() as cores:
        from ray.exceptions import RayError

        try:
            for done in _mapped(shards, work, min(jobs or cores, len(shards))):
                if isinstance(done, NewsclfError):
                    raise done
                yield done
        except RayError as error:
            raise NewsclfError(
                f"the Ray cluster gave the run up: {_first_line(error)}; what was done is kept: "
                "go on with --resume"
            ) from error


Files = dict[str, bytes]
"""A bundle on its way to a worker: content by the name in its folder."""


def pack(folder: Path) -> Files:
    """Return a bundle's files, after checking each.

    Parameters
    ----------
    folder : Path
        The bundle's.

    Raises
    ------
    BundleError
        When it is no whole bundle.
    """
    try:
        return {
            name: (folder / name).read_bytes() for name in ("bundle.json", *verify(folder).files)
        }
    except OSError as error:
        raise BundleError(f"cannot read {error.filename}: {error.strerror}") from None


def unpack(files: Files, folder: Path) -> Path:
    """Write a bundle's files into a folder; loading it checks them again.

    Parameters
    ----------
    files : dict of str to bytes
        What `pack` returned.
    folder : Path
        Made when missing.
    """
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


class _Worker:
    """An actor: it unpacks the bundles once, and does one shard after another."""

    def __init__(self, work: Work, bundles: Sequence[Files]) -> None:
        self._home = TemporaryDirectory(prefix="newsclf-")
        unpacked = [
            Model(unpack(files, Path(self._home.name) / str(number)), model.sha256)
            for number, (files, model) in enumerate(zip(bundles, work.models, strict=True))
        ]
        self._work = replace(work, models=tuple(unpacked))

    def __call__(self, row: dict[str, Shard]) -> dict[str, Done | NewsclfError]:
        """Do a shard; what is raised on purpose travels as a value, which keeps its class."""
        try:
            return {"done": tag_shard(row["shard"], self._work)}
        except NewsclfError as error:
            return {"done": error}


def _mapped(shards: Sequence[Shard], work: Work, actors: int) -> Iterator[Done | NewsclfError]:
    from ray.data import ActorPoolStrategy, from_items

    _hush()
    sent = (replace(work, folder=work.folder.resolve()), [pack(m.folder) for m in work.models])
    pool = ActorPoolStrategy(min_size=1, max_size=actors, max_tasks_in_flight_per_actor=_IN_FLIGHT)
    rows = from_items([{"shard": shard} for shard in shards], override_num_blocks=len(shards))
    mapped = rows.map(_Worker, fn_constructor_args=sent, compute=pool, num_cpus=1)
    yield from (row["done"] for row in mapped.iter_rows())


@contextmanager
def _cluster() -> Iterator[int]:
    """Connect to the cluster, unless this process is, and give the number of its cores."""
    import ray

    if ray.is_initialized():
        yield _cores(ray)
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = next((os.environ[name] for name in ADDRESS_VARIABLES if os.environ.get(name)), None)
    if address is not None:
        _refuse_silent(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(f"no Ray cluster at {address or 'this machine'}: {error}") from None
    try:
        yield _cores(ray)
    finally:
        ray.shutdown()


def _cores(ray: Any) -> int:
    return max(int(ray.cluster_resources().get("CPU", 1)), 1)


def _refuse_silent(address: str) -> None:
    """Refuse an address where nothing listens: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise ConfigError(
            f"no Ray cluster answers at {address} ({error.strerror or error}); see `ray status` "
            f"there, and {' or '.join(ADDRESS_VARIABLES)} here"
        ) from None


def _hush() -> None:
    from ray.data import DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
