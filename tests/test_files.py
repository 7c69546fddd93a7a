from __future__ import annotations

import errno
import hashlib
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from newsclf.errors import OutputError
from newsclf.files import (
    atomic_file,
    atomic_folder,
    refuse_existing,
    sha256_of,
    shipped_data,
)


def disk_full() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device")


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_a_file_appears_with_its_folders_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.bin"
    with atomic_file(path) as file:
        file.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert names(tmp_path) == {"new", "new/out.bin"}


def test_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    with atomic_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def test_an_exception_leaves_no_file_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="stop"), atomic_file(tmp_path / "out.bin") as file:
        file.write(b"half")
        raise KeyError("stop")
    assert names(tmp_path) == set()


def test_an_interruption_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt, match="stop"), atomic_file(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt("stop")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == {"out.bin"}


def test_a_full_disk_is_an_output_error_and_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    message = r"cannot write .*out\.bin: No space left on device; nothing was written"
    with pytest.raises(OutputError, match=message), atomic_file(path) as file:
        file.write(b"half")
        raise disk_full()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == {"out.bin"}


def test_a_file_cannot_take_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out" / "kept").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"cannot write .*out: "), atomic_file(tmp_path / "out"):
        pass
    assert names(tmp_path) == {"out", "out/kept"}


@pytest.mark.parametrize("writes", [atomic_file, atomic_folder])
def test_an_output_below_a_file_is_refused(tmp_path: Path, writes: type) -> None:
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(OutputError, match=r"cannot write .*out: .*; nothing was written"),
        writes(tmp_path / "file" / "out"),
    ):
        pass
    assert names(tmp_path) == {"file"}


def test_a_folder_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out"
    with atomic_folder(path) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "a.txt").write_text("whole")
        assert not path.exists()
    assert names(tmp_path / "new") == {"out", "out/sub", "out/sub/a.txt"}


def test_a_folder_is_replaced_and_nothing_of_the_old_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.mkdir()
    (path / "old.txt").write_text("old")
    with atomic_folder(path) as folder:
        (folder / "new.txt").write_text("new")
        assert (path / "old.txt").exists()
    assert names(tmp_path) == {"out", "out/new.txt"}


def test_a_folder_takes_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old")
    with atomic_folder(tmp_path / "out") as folder:
        (folder / "new.txt").write_text("new")
    assert names(tmp_path) == {"out", "out/new.txt"}


def test_an_exception_leaves_no_folder_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="stop"), atomic_folder(tmp_path / "out") as folder:
        (folder / "half.txt").write_text("half")
        raise KeyError("stop")
    assert names(tmp_path) == set()


def test_a_full_disk_is_an_output_error_and_keeps_the_old_folder(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.mkdir()
    (path / "old.txt").write_text("old")
    message = r"cannot write .*out: No space left on device; nothing was written"
    with pytest.raises(OutputError, match=message), atomic_folder(path) as folder:
        (folder / "half.txt").write_text("half")
        raise disk_full()
    assert (path / "old.txt").read_text() == "old"
    assert names(tmp_path) == {"out", "out/old.txt"}


def test_a_failing_rename_puts_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out"
    path.mkdir()
    (path / "old.txt").write_text("old")
    rename, calls = Path.rename, []

    def rename_once_in_vain(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == 2:
            raise disk_full()
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", rename_once_in_vain)
    with pytest.raises(OutputError, match="No space left"), atomic_folder(path) as folder:
        (folder / "new.txt").write_text("new")
    assert names(tmp_path) == {"out", "out/old.txt"}


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_size_limit_of_the_system_leaves_nothing_half_written(tmp_path: Path, kind: str) -> None:
    program = f"""
        import resource
        import sys
        from pathlib import Path
        from newsclf.errors import OutputError
        from newsclf.files import atomic_file, atomic_folder

        out = Path(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            if {kind!r} == "file":
                with atomic_file(out) as file:
                    file.write(bytes(5000))
            else:
                with atomic_folder(out) as folder:
                    (folder / "part").write_bytes(bytes(5000))
        except OutputError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
    )
    expected = f"cannot write {tmp_path / 'out'}: File too large; nothing was written\n"
    assert done.stdout == expected
    assert names(tmp_path) == set()


@pytest.mark.parametrize("is_folder", [False, True])
def test_an_existing_output_is_refused_unless_forced(tmp_path: Path, is_folder: bool) -> None:
    path = tmp_path / "out"
    refuse_existing(path, force=False)
    if is_folder:
        path.mkdir()
    else:
        path.touch()
    refuse_existing(path, force=True)
    with pytest.raises(OutputError, match=r"out exists already; .* --force to replace it"):
        refuse_existing(path, force=False)


def test_a_checksum_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\x00news" * 100_000)
    assert sha256_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_shipped_data_is_found() -> None:
    assert {"govnews", "schemes", "static_encoder"} <= {p.name for p in shipped_data().iterdir()}
