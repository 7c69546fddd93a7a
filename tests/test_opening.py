from __future__ import annotations

import gzip
import io
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.corpus.exchange.base import Member, ReadOptions
from newsclf.corpus.exchange.encoding import (
    Encoding,
    WrongEncodingError,
    decoded_lines,
    detect_encoding,
    encoding_of,
)
from newsclf.corpus.exchange.opening import Limits, checked_workbook, open_members, seekable
from newsclf.corpus.rows import MAX_LINE_BYTES, RowError
from newsclf.errors import ConfigError, InputError

BOMB = bytes(8 * 1024 * 1024)


def zstd(content: bytes) -> bytes:
    packed: bytes = pa.compress(content, codec="zstd", asbytes=True)
    return packed


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def contents(path: Path, limits: Limits | None = None) -> dict[str, bytes]:
    found = {}
    for member in open_members(path, limits or Limits()):
        with member.open() as file:
            found[member.name.removeprefix(str(path))] = file.read()
    return found


def of_bytes(content: bytes) -> Member:
    return Member("a.csv", ".csv", lambda: io.BytesIO(content))


def test_a_plain_file_is_its_own_member(tmp_path: Path) -> None:
    path = tmp_path / "A.CSV"
    path.write_bytes(b"one")
    (member,) = open_members(path)
    assert (member.name, member.suffix) == (str(path), ".csv")
    assert contents(path) == {"": b"one"}


def test_a_gzip_is_unpacked_and_can_be_read_twice(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"one"))
    (member,) = open_members(path)
    assert member.suffix == ".csv"
    for _ in range(2):
        with member.open() as file:
            assert file.read() == b"one"


def test_a_zstandard_file_of_several_frames_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.zst"
    path.write_bytes(zstd(b"one") + zstd(b"two"))
    (member,) = open_members(path)
    assert member.suffix == ".csv"
    assert contents(path) == {"": b"onetwo"}
    assert contents(zipped(tmp_path / "a.zip", {"b.csv.zst": zstd(b"1")})) == {":b.csv.zst": b"1"}


def test_a_zstandard_bomb_is_stopped_while_it_unpacks(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.zst"
    path.write_bytes(zstd(BOMB))
    with pytest.raises(InputError, match=r"a\.csv\.zst: unpacks to more than 200 times"):
        contents(path)
    with pytest.raises(InputError, match=r"unpacks to more than 1,000,000 bytes"):
        contents(path, Limits(total_bytes=1_000_000))


@pytest.mark.parametrize("content", [zstd(b"a" * 1000)[:-4], b"junk"])
def test_a_damaged_zstandard_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv.zst").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.csv\.zst: is damaged or cut short"):
        contents(tmp_path / "a.csv.zst")


def test_a_zip_gives_its_files_and_skips_what_systems_put_there(tmp_path: Path) -> None:
    members = {
        "b/": b"",
        "b/one.csv": b"1",
        "two.JSON.gz": gzip.compress(b"2"),
        "__MACOSX/b/one.csv": b"x",
        "b/.DS_Store": b"x",
    }
    path = zipped(tmp_path / "a.zip", members)
    assert contents(path) == {":b/one.csv": b"1", ":two.JSON.gz": b"2"}
    assert [member.suffix for member in open_members(path)] == [".csv", ".json"]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.csv: there is no such file"):
        contents(tmp_path / "a.csv")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        contents(tmp_path)


@pytest.mark.parametrize("name", ["../a.csv", "/a.csv", "C:/a.csv", "b\\a.csv", "b/../../a.csv"])
def test_a_member_that_points_outside_is_refused(tmp_path: Path, name: str) -> None:
    path = zipped(tmp_path / "a.zip", {name: b"1"})
    with pytest.raises(InputError, match=r"a\.zip:.*points outside the archive"):
        contents(path)


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/hosts")
    with pytest.raises(InputError, match=r"a\.zip:link\.csv: is a symbolic link"):
        contents(tmp_path / "a.zip")


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.csv": b"1"})
    packed = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        packed[packed.index(mark) + offset] |= 1
    path.write_bytes(packed)
    with pytest.raises(InputError, match=r"a\.zip:a\.csv: is encrypted"):
        contents(path)


def test_an_archive_in_an_archive_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"b.zip": b"1"})
    with pytest.raises(InputError, match=r"a\.zip:b\.zip: is an archive in an archive"):
        contents(path)


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {f"{number}.csv": b"" for number in range(4)})
    with pytest.raises(InputError, match="has 4 entries, more than 3"):
        contents(path, Limits(entries=3))


def test_a_zip_bomb_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"fine.csv": b"1", "bomb.csv": BOMB})
    with pytest.raises(InputError, match=r"bomb\.csv: unpacks to more than 200 times"):
        next(open_members(path))
    with pytest.raises(InputError, match="unpacks to more than 1,000 bytes"):
        next(open_members(path, Limits(total_bytes=1000)))


def test_a_gzip_bomb_is_stopped_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(BOMB))
    with pytest.raises(InputError, match="unpacks to more than 200 times"):
        contents(path)
    with pytest.raises(InputError, match="unpacks to more than 1,000 bytes"):
        contents(path, Limits(total_bytes=1000))


def test_a_gzip_bomb_in_a_zip_is_stopped_while_it_is_read(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.csv.gz": gzip.compress(BOMB)})
    with pytest.raises(InputError, match=r"a\.csv\.gz: unpacks to more than 200 times"):
        contents(path)


def test_what_the_members_of_a_zip_unpack_to_counts_together(tmp_path: Path) -> None:
    packed = {f"{number}.csv.gz": gzip.compress(bytes(600)) for number in range(2)}
    path = zipped(tmp_path / "a.zip", packed)
    assert len(contents(path, Limits(total_bytes=1200))) == 2
    with pytest.raises(InputError, match=r"1\.csv\.gz: unpacks to more than 1,199 bytes"):
        contents(path, Limits(total_bytes=1199))


@pytest.mark.parametrize("suffix", [".zip", ".gz"])
@given(kept=st.integers(0, 100), flipped=st.integers(0, 100))
def test_a_damaged_archive_is_read_whole_or_refused(
    suffix: str, kept: int, flipped: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / f"damaged{suffix}"
    if suffix == ".gz":
        path.write_bytes(gzip.compress(b"some text " * 9))
    else:
        zipped(path, {"a.csv": b"some text " * 9})
    packed = bytearray(path.read_bytes())
    packed[flipped % len(packed)] ^= 0xFF
    path.write_bytes(packed[: len(packed) * kept // 100])
    try:
        contents(path)
    except InputError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize("cut", [1, 9, 20])
def test_a_gzip_cut_short_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"some text")[:-cut])
    with pytest.raises(InputError, match="is damaged or cut short"):
        contents(path)


def test_a_workbook_is_checked_like_an_archive(tmp_path: Path) -> None:
    bomb = zipped(tmp_path / "bomb.xlsx", {"xl/sheet.xml": BOMB})
    with (
        bomb.open("rb") as stream,
        pytest.raises(InputError, match=r"book:xl/sheet\.xml: unpacks to more"),
        checked_workbook(stream, "book"),
    ):
        pytest.fail("the workbook was given")
    with (
        pytest.raises(InputError, match=r"book: is not an \.xlsx workbook"),
        checked_workbook(io.BytesIO(b"no zip"), "book"),
    ):
        pytest.fail("the workbook was given")


def test_a_stream_that_cannot_seek_is_copied(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"one"))
    (member,) = open_members(path)
    with member.open() as stream, seekable(stream) as file:
        assert not stream.seekable()
        assert (file.read(), file.seek(0), file.read()) == (b"one", 0, b"one")


@pytest.mark.parametrize("name", ["utf-8-sig", "utf-16", "utf-32"])
@given(text=st.text(st.characters(exclude_categories=["Cs"])).filter(lambda t: t[:1] != "\0"))
def test_a_byte_order_mark_decides_and_every_text_comes_back(name: str, text: str) -> None:
    member = of_bytes(text.encode(name))
    encoding = detect_encoding(member)
    assert encoding.name == name
    assert "".join(str(line) for _, line in decoded_lines(member, encoding)) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_utf_8_is_recognised_without_a_word(text: str) -> None:
    member = of_bytes(b"first\n" + text.encode())
    encoding = detect_encoding(member)
    assert encoding == Encoding("utf-8", "")
    assert "".join(str(line) for _, line in decoded_lines(member, encoding)) == "first\n" + text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("“A café” said for £5\n", "cp1252"),
        ("Café\n", "cp1252"),
        ("naïve résumé über alles\n", "cp1252"),
        ("Совет повысил налоги на землю\n", "cp1251"),
        ("市議会は予算を可決しました\n", "cp932"),
    ],
)
def test_another_encoding_is_found_and_said(text: str, name: str) -> None:
    said: list[str] = []
    member = of_bytes(b"plain\n" + text.encode(name))
    encoding = encoding_of(member, ReadOptions(say=said.append))
    assert encoding.name == name
    assert said == [f"a.csv: encoding: {name}, detected; if that is wrong, give --encoding"]
    assert [line for _, line in decoded_lines(member, encoding)] == ["plain\n", text]


def test_a_few_bad_lines_in_utf_8_are_reported_one_by_one() -> None:
    member = of_bytes("é\né\n".encode() + b"a \xe9t\xe9\n" + "é\n".encode())
    encoding = detect_encoding(member)
    lines = dict(decoded_lines(member, encoding))
    assert encoding == Encoding("utf-8", "")
    assert (lines[1], lines[4]) == ("é\n", "é\n")
    error = lines[3]
    assert isinstance(error, WrongEncodingError)
    assert (error.code, error.text) == ("wrong_encoding", "a �t�\n")
    assert "the bytes e9 74 e9 0a are not utf-8" in str(error)
    assert "--encoding" in str(error)


def test_an_encoding_that_was_given_is_used_and_an_unknown_one_refused() -> None:
    member = of_bytes("Łódź".encode("cp1250"))
    encoding = encoding_of(member, ReadOptions(encoding="cp1250"))
    assert list(decoded_lines(member, encoding)) == [(1, "Łódź")]
    for name in ("utf-99", "hex"):
        with pytest.raises(ConfigError, match=f"no text encoding '{name}'; try utf-8"):
            encoding_of(member, ReadOptions(encoding=name))


def test_broken_utf_16_is_refused() -> None:
    member = of_bytes("one\ntwo".encode("utf-16") + b"x")
    with pytest.raises(InputError, match="is not utf-16"):
        list(decoded_lines(member, Encoding("utf-16", "")))


@pytest.mark.parametrize("encode", [str.encode, lambda text: text.encode("utf-16")])
def test_a_line_that_is_too_long_is_an_error_and_the_next_is_read(
    encode: Callable[[str], bytes],
) -> None:
    member = of_bytes(encode("a" * (MAX_LINE_BYTES + 1) + "\nnext\n"))
    (_, first), second = decoded_lines(member, detect_encoding(member))
    assert isinstance(first, RowError)
    assert first.code == "line_too_long"
    assert second == (2, "next\n")
