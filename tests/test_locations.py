from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from newsclf.errors import ConfigError, OutputError
from newsclf.files import sha256_of
from newsclf.tag import Summary, tag_files
from newsclf.tag.locations import (
    RemotePath,
    location,
    remove_folder,
    same_place,
    whole_file,
)


@pytest.fixture(params=["this machine", "a store"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    place = location(tmp_path / "run" if request.param == "this machine" else "memory://bucket/run")
    yield place
    remove_folder(place)


def write(place: Path, content: bytes) -> None:
    with whole_file(place) as file:
        file.write(content)


def test_names_and_addresses_lead_where_they_say() -> None:
    assert location("data/in.jsonl") == Path("data/in.jsonl")
    assert location("file:///data/in.jsonl") == Path("/data/in.jsonl")
    assert location("C:odd//name") == Path("C:odd//name")
    assert location("https://example.org/feed") == Path("https://example.org/feed")
    assert location("S3://Bucket/In.jsonl") == RemotePath("s3://Bucket/In.jsonl")


def test_a_file_is_read_where_it_was_written(folder: Path) -> None:
    write(folder / "a.done", b"one\ntwo\n")
    write(folder / "b.rows", b"three")
    assert (folder / "a.done").read_bytes() == b"one\ntwo\n"
    with (folder / "a.done").open("rb") as file:
        file.seek(4)
        assert file.read(3) == b"two"
    assert (folder / "b.rows").stat().st_size == 5
    assert sorted(place.name for place in folder.iterdir()) == ["a.done", "b.rows"]
    assert [place.name for place in folder.glob("*.done")] == ["a.done"]
    assert (folder.is_dir(), folder.is_file()) == (True, False)
    assert (folder / "b.rows").with_name("a.done").is_file()


def test_a_file_that_is_cut_short_does_not_appear(folder: Path) -> None:
    place = folder / "rows"
    with pytest.raises(KeyError, match="stop"), whole_file(place) as file:
        file.write(b"half")
        raise KeyError("stop")
    assert not place.exists()


def test_a_file_that_is_cut_short_leaves_the_one_before(folder: Path) -> None:
    write(folder / "rows", b"whole")
    with pytest.raises(KeyError, match="stop"), whole_file(folder / "rows") as file:
        file.write(b"half")
        raise KeyError("stop")
    assert (folder / "rows").read_bytes() == b"whole"


def test_a_file_is_not_there_before_it_is_whole(folder: Path) -> None:
    with whole_file(folder / "rows") as file:
        file.write(b"rows")
        assert not (folder / "rows").exists()
    assert (folder / "rows").exists()


def test_a_file_takes_another_name_in_place_of_what_was_there(folder: Path) -> None:
    write(folder / "new", b"new")
    write(folder / "out", b"old")
    (folder / "new").replace(folder / "out")
    assert [place.name for place in folder.iterdir()] == ["out"]
    assert (folder / "out").read_bytes() == b"new"


def test_what_is_removed_is_gone(folder: Path) -> None:
    write(folder / "x", b"x")
    (folder / "x").unlink()
    (folder / "x").unlink(missing_ok=True)
    with pytest.raises(OSError, match=r"o such file"):
        (folder / "x").unlink()
    remove_folder(folder)
    remove_folder(folder)
    assert not folder.exists()


def test_a_missing_file_has_a_reason(folder: Path) -> None:
    for read in (lambda: (folder / "x").open("rb"), lambda: (folder / "x").stat()):
        with pytest.raises(OSError, match="o such file") as caught:
            read()
        assert caught.value.strerror


def test_a_place_is_the_same_by_whatever_name(folder: Path, tmp_path: Path) -> None:
    write(folder / "a", b"rows")
    write(folder / "b", b"rows")
    assert same_place(folder / "a", location(str(folder / "a")))
    assert not same_place(folder / "a", folder / "b")
    (tmp_path / "c").touch()
    assert not same_place(folder / "a", tmp_path / "c")


def test_checksums_are_those_of_the_bytes(folder: Path, tmp_path: Path) -> None:
    write(folder / "a", b"rows")
    (tmp_path / "b").write_bytes(b"rows")
    assert sha256_of(folder / "a") == sha256_of(tmp_path / "b")


def test_a_store_that_is_not_known_or_not_installed_is_named() -> None:
    with pytest.raises(ConfigError, match="fsspec knows no zz9://"):
        location("zz9://bucket/x").exists()


def test_a_place_that_cannot_be_written_is_an_output_error() -> None:
    write(location("memory://bucket/file"), b"x")
    try:
        with pytest.raises(OutputError, match=r"cannot write memory://bucket/file/x"):
            write(location("memory://bucket/file/x"), b"x")
    finally:
        location("memory://bucket/file").unlink()


def test_a_run_from_and_to_a_store_writes_what_a_run_of_files_does(
    folder: Path, tiny_model: Path, tmp_path: Path
) -> None:
    lines = b'{"id": "a", "headline": "Border police"}\n' * 9000 + b"broken\n"
    write(folder / "in.jsonl", lines)
    (tmp_path / "in.jsonl").write_bytes(lines)

    def stop(summary: Summary) -> None:
        if summary.shards_done == 1:
            raise KeyboardInterrupt("stop now")

    def tag(**options: Any) -> Summary:
        return tag_files([folder / "in.jsonl"], [tiny_model], folder / "out", jobs=1, **options)

    with pytest.raises(KeyboardInterrupt, match="stop now"):
        tag(on_progress=stop)
    assert not (folder / "out").exists()
    with pytest.raises(OutputError, match=r"an earlier run to .*out was not"):
        tag()
    assert tag(resume=True).shards_before == 1
    tag_files([tmp_path / "in.jsonl"], [tiny_model], tmp_path / "local", jobs=1)
    expected = (tmp_path / "local").read_bytes()
    renamed = expected.replace(
        str(tmp_path / "in.jsonl").encode(), str(folder / "in.jsonl").encode()
    )
    assert (folder / "out").read_bytes() == renamed
    found = [place.name for place in folder.iterdir()]
    assert sorted(found) == ["in.jsonl", "out", "out.errors.jsonl"]


def test_an_output_in_a_store_that_is_an_input_is_refused(folder: Path, tiny_model: Path) -> None:
    write(folder / "in.jsonl", b"rows")
    with pytest.raises(ConfigError, match="is an input too"):
        tag_files([folder / "in.jsonl"], [tiny_model], folder / "in.jsonl", force=True)
    assert (folder / "in.jsonl").read_bytes() == b"rows"
