"""What a cluster costs and brings: the same run by the local engine and by Ray, and its parts.

::

    python experiments/benchmarks/ray_nodes.py [--articles 100000] [--kind linear]

Articles are those of ``speed.py``, about 2 KB each. Ray runs on nodes of one core each, all of them
this machine, so rows with more nodes than the machine has cores say nothing. Times are of whole
runs, file to file, with workers started; outputs must be equal to the byte. What a run does in one
process whatever the number of workers, planning and assembly, is timed alone: it bounds what
more machines bring.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ray
from ray.cluster_utils import Cluster
from speed import synthetic, trained, written

from newsclf.corpus import read_corpus
from newsclf.files import atomic_file, sha256_of, shipped_data
from newsclf.tag import tag_files
from newsclf.tag.plan import Source, plan_run

MB = 1e6


def main() -> None:
    """Time everything and print the results as Markdown."""
    options = _options()
    corpus = read_corpus(shipped_data() / "govnews")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = written(synthetic(corpus, options.articles), folder / "articles.jsonl")
        model = trained(options.kind, corpus, folder)
        print(f"Python {platform.python_version()}, Ray {ray.__version__}, {os.cpu_count()} cores")
        print(f"\n{options.articles:,} articles, {options.kind}\n")
        print("| engine | workers | seconds | articles a second |\n| --- | --- | --- | --- |")
        seen = set()
        for jobs in (1, 2):
            output = folder / f"local-{jobs}.jsonl"
            report("local", jobs, options.articles, timed(source, model, output, "local", jobs))
            seen.add(sha256_of(output))
        for nodes in (1, 2):
            output = folder / f"ray-{nodes}.jsonl"
            with cluster(nodes):
                report("ray", nodes, options.articles, timed(source, model, output, "ray", nodes))
            seen.add(sha256_of(output))
        print(f"\nOutputs: {'equal' if len(seen) == 1 else 'DIFFERENT'}")
        serial(source, folder / "local-1.jsonl", options.articles)


def timed(source: Path, model: Path, output: Path, engine: str, jobs: int) -> float:
    """Return the seconds that a run takes."""
    start = time.perf_counter()
    tag_files([source], [model], output, engine=engine, jobs=jobs)
    return time.perf_counter() - start


@contextmanager
def cluster(nodes: int) -> Iterator[None]:
    """Keep this process connected to a cluster of nodes of one core each."""
    node = {"num_cpus": 1, "object_store_memory": 200 * 1024**2, "include_dashboard": False}
    started = Cluster(initialize_head=True, head_node_args=node)
    for _ in range(nodes - 1):
        started.add_node(**node)
    ray.init(address=started.address, log_to_driver=False, logging_level="ERROR")
    try:
        yield
    finally:
        ray.shutdown()
        started.shutdown()


def report(engine: str, workers: int, articles: int, seconds: float) -> None:
    """Print a row."""
    print(f"| {engine} | {workers} | {seconds:.1f} | {articles / seconds:,.0f} |", flush=True)


def serial(source: Path, output: Path, articles: int) -> None:
    """Print the rates of planning and assembly, and the sizes of what is read and written."""
    read, wrote = source.stat().st_size, output.stat().st_size
    start = time.perf_counter()
    plan_run([Source(source, "articles")])
    planned = time.perf_counter() - start
    start = time.perf_counter()
    with output.open("rb") as rows, atomic_file(output.with_name("copy")) as copy:
        shutil.copyfileobj(rows, copy, 1024 * 1024)
    sha256_of(output)
    assembled = time.perf_counter() - start
    print(f"\nPlanning: {read / planned / MB:,.0f} MB of input a second")
    print(f"Assembly, with its checksum: {wrote / assembled / MB:,.0f} MB of output a second")
    print(f"An article: {read / articles:,.0f} bytes of input, {wrote / articles:,.0f} of output")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--kind", choices=("linear", "hybrid"), default="linear")
    return parser.parse_args()


if __name__ == "__main__":
    main()
