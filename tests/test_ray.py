from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from newsclf.bundle import verify
from newsclf.errors import BundleError, ConfigError, InputError
from newsclf.files import sha256_of
from newsclf.tag import Summary, tag_files
from newsclf.tag.done import Model, Work
from newsclf.tag.engines.ray import _Worker, map_shards, pack, unpack
from newsclf.tag.outputs import Layout
from newsclf.tag.plan import Plan, Source, plan_run

SHARDS = 8
DRIVER = """
import os, signal, sys
from pathlib import Path
from newsclf.tag import tag_files

def stop(summary):
    if summary.shards_done == 3:
        os.kill(os.getpid(), signal.SIGKILL)

source, model, output = map(Path, sys.argv[1:])
tag_files([source], [model], output, engine="ray", on_progress=stop)
"""


@pytest.fixture(scope="module")
def incoming(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough for `SHARDS` shards of the smallest size, a bad row in each hundred."""
    path = tmp_path_factory.mktemp("ray") / "in.jsonl"
    with path.open("wb") as file:
        row = 0
        while file.tell() < SHARDS * 2 * 1024 * 1024 - 4096:
            body = f"Border court tax {row}. " * 80
            file.write(orjson.dumps({"id": row, "headline": "Police", "body": body}) + b"\n")
            file.write(b"broken\n" if row % 100 == 7 else b"")
            row += 1
    return path


@pytest.fixture(scope="module")
def expected(incoming: Path, tiny_model: Path) -> Path:
    """What the local engine writes."""
    output = incoming.with_name("local.jsonl")
    tag_files([incoming], [tiny_model], output, jobs=1)
    return output


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[None]:
    """A cluster of two machines, both of them this one."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 100 * 1024**2, "include_dashboard": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        cluster = Cluster(initialize_head=True, head_node_args=node)
        cluster.add_node(**node)
        patch.setenv("NEWSCLF_RAY_ADDRESS", cluster.address)
        yield
        cluster.shutdown()


def assert_same(output: Path, expected: Path) -> None:
    assert output.read_bytes() == expected.read_bytes()
    errors, expected_errors = (p.with_name(f"{p.name}.errors.jsonl") for p in (output, expected))
    assert errors.read_bytes() == expected_errors.read_bytes()
    assert not output.with_name(f"{output.name}.parts").exists()


@pytest.mark.slow
def test_a_worker_that_is_killed_changes_nothing_in_the_output(
    two_nodes: None, incoming: Path, expected: Path, tiny_model: Path, tmp_path: Path
) -> None:
    psutil = pytest.importorskip("psutil")
    killed: list[int] = []

    def kill(summary: Summary) -> None:
        if summary.shards_done and not killed:
            family = psutil.Process().children(recursive=True)
            names = {process.pid: " ".join(process.cmdline()) for process in family}
            killed.append(next(pid for pid, name in names.items() if name.startswith("ray::Map")))
            os.kill(killed[0], signal.SIGKILL)

    output = tmp_path / "out.jsonl"
    summary = tag_files([incoming], [tiny_model], output, engine="ray", on_progress=kill)
    assert killed
    assert summary.shards_done == summary.shards == SHARDS
    assert_same(output, expected)


@pytest.mark.slow
def test_a_driver_that_is_killed_can_be_run_again(
    two_nodes: None, incoming: Path, expected: Path, tiny_model: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.jsonl"
    arguments = [incoming, tiny_model, output]
    done = subprocess.run([sys.executable, "-c", DRIVER, *arguments], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert not output.exists()
    summary = tag_files([incoming], [tiny_model], output, engine="ray", resume=True)
    assert 3 <= summary.shards_before < SHARDS
    assert_same(output, expected)


def test_a_cluster_that_does_not_answer_is_an_error_at_once(
    monkeypatch: pytest.MonkeyPatch, work: Work, plan: Plan
) -> None:
    pytest.importorskip("ray")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setenv("NEWSCLF_RAY_ADDRESS", address)
        with pytest.raises(ConfigError, match=rf"no Ray cluster answers at {address}"):
            list(map_shards(plan.shards, work, jobs=None))


@pytest.fixture
def work(tiny_model: Path, tmp_path: Path) -> Work:
    layout = Layout.of([verify(tiny_model)], scores=False)
    folder = tmp_path / "out.jsonl.parts"
    folder.mkdir()
    return Work(folder, (Model(tiny_model, sha256_of(tiny_model / "bundle.json")),), layout)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    source = tmp_path / "in.jsonl"
    source.write_bytes(b'{"id": "a", "headline": "Border police"}\nbroken\n')
    return plan_run([Source(source, "in.jsonl")])


def test_a_bundle_reaches_a_worker_that_does_not_see_its_folder(work: Work, plan: Plan) -> None:
    bundles = [pack(model.folder) for model in work.models]
    unseen = replace(work, models=tuple(Model(Path("nowhere"), m.sha256) for m in work.models))
    done = _Worker(unseen, bundles)({"shard": plan.shards[0]})["done"]
    assert not isinstance(done, Exception)
    assert (done.counts.tagged, done.counts.refused) == (1, {"invalid_json": 1})
    assert work.output(0).read_bytes().count(b"\n") == 2


def test_a_bundle_that_was_changed_on_its_way_is_refused(
    work: Work, plan: Plan, tmp_path: Path
) -> None:
    files = pack(work.models[0].folder)
    changed = files | {"topic/classifier.json": b"{}"}
    error = _Worker(work, [changed])({"shard": plan.shards[0]})["done"]
    assert isinstance(error, BundleError)
    assert "was changed after the bundle was written" in str(error)
    verify(unpack(files, tmp_path / "copy"))


def test_a_worker_sends_back_what_was_wrong_with_the_input(
    work: Work, plan: Plan, tmp_path: Path
) -> None:
    (tmp_path / "in.jsonl").write_bytes(b'{"id": "a", "headline": "Border agents"}\nbroken\n')
    error = _Worker(work, [pack(work.models[0].folder)])({"shard": plan.shards[0]})["done"]
    assert isinstance(error, InputError)
    assert "in.jsonl" in str(error)
    assert not work.marker(0).exists()
