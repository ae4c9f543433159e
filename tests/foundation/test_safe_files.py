"""What stands under a name that others can write: read where it is a file of that folder, refused in words where it is not."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sendworthy.foundation.safe_files import (
    UnsafeFile,
    check_file,
    files_below,
    open_file,
    read_file,
    remove_folder,
    special_files,
    write_file,
)

MOST = 100


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """A pipe that nobody writes to is waited for without an end: ten seconds are enough for any of these tests."""

    def end(signum: int, frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("outside", encoding="utf-8")
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "other.txt").write_text("inside", encoding="utf-8")
    return tmp_path / "settings"


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def a_link_to_a_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


def without_an_end(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 40)


# what stands there, and what is said of it
REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pipe": (os.mkfifo, "a named pipe"),
    "a socket": (listening, "a socket"),
    "a folder": (Path.mkdir, "a folder"),
    "a link to a device": (lambda path: path.symlink_to("/dev/zero"), "leads out of the folder settings/"),
    "a link out": (lambda path: path.symlink_to("../secret.txt"), "leads out of the folder settings/"),
    "a link to nothing": (lambda path: path.symlink_to("gone.txt"), "a link to a file that is not there"),
    "a link to a pipe": (a_link_to_a_pipe, "a named pipe"),
    "a long file": (lambda path: path.write_bytes(b"x" * (MOST + 1)), "longer than"),
    "a file without an end": (without_an_end, "longer than"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_file_of_its_folder_is_refused_in_words(folder: Path, case: str) -> None:
    make, words = REFUSED[case]
    path = folder / "a.txt"
    make(path)
    for reader in (read_file, open_file, check_file):
        with pytest.raises(UnsafeFile) as caught:
            reader(path, folder, MOST)
        assert words in str(caught.value.strerror) and caught.value.filename == str(path)
        assert caught.value.fix and "outside" not in str(caught.value)


def test_a_folder_that_is_a_link_leads_out_too(folder: Path) -> None:
    (folder / "nested").symlink_to("..")
    with pytest.raises(UnsafeFile, match="leads out of the folder"):
        read_file(folder / "nested" / "secret.txt", folder, MOST)


def test_files_and_links_within_the_folder_are_read(folder: Path, tmp_path: Path) -> None:
    (folder / "a.txt").symlink_to("other.txt")
    (tmp_path / "also").symlink_to("settings")
    (folder / "full.txt").write_bytes(b"x" * MOST)
    assert read_file(folder / "a.txt", folder, MOST) == b"inside"
    # how the folder itself is reached is nobody's business
    assert read_file(tmp_path / "also" / "other.txt", tmp_path / "also", MOST) == b"inside"
    assert len(read_file(folder / "full.txt", folder, MOST)) == MOST
    assert check_file(folder / "a.txt", folder, MOST) == (folder / "other.txt").resolve()


def test_what_is_not_there_or_not_ours_to_read_is_the_system_s_error(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_file(folder / "none.txt", folder, MOST)
    (folder / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="loop"):
        read_file(folder / "loop", folder, MOST)


def test_a_file_is_as_long_as_it_is_and_not_as_the_system_says() -> None:
    # it has no length before it is read
    with pytest.raises(UnsafeFile, match="longer than"):
        read_file(Path("/proc/self/limits"), Path("/proc"), 10)


def test_a_file_that_is_replaced_by_a_link_between_look_and_open_is_not_followed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "other.txt"
    opened = os.open

    def swap(name: Path, flags: int, *more: int) -> int:
        path.unlink()
        path.symlink_to("../secret.txt")
        return opened(name, flags, *more)

    monkeypatch.setattr(os, "open", swap)
    with pytest.raises(OSError, match="symbolic links"):
        read_file(path, folder, MOST)


def test_what_is_written_under_a_foreseeable_name_stays_in_its_folder(folder: Path, tmp_path: Path) -> None:
    (folder / "new").symlink_to("../secret.txt")
    write_file(folder / "new", b"ours")
    assert (tmp_path / "secret.txt").read_bytes() == b"outside"
    assert (folder / "new").read_bytes() == b"ours" and not (folder / "new").is_symlink()
    write_file(folder / "new", b"again")
    assert (folder / "new").read_bytes() == b"again"


def test_removing_a_folder_that_is_a_link_removes_the_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("settings")
    remove_folder(tmp_path / "link")
    assert not (tmp_path / "link").is_symlink() and (folder / "other.txt").exists()
    (folder / "link").symlink_to("../secret.txt")
    remove_folder(folder)
    remove_folder(folder)
    assert not folder.exists() and (tmp_path / "secret.txt").exists()
    with pytest.raises(OSError):
        remove_folder(tmp_path / "secret.txt")
    remove_folder(tmp_path / "secret.txt", ignore_errors=True)


def test_a_folder_is_walked_without_following_links(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "up").symlink_to("..")
    (folder / "deep" / "file").symlink_to("../other.txt")
    os.mkfifo(folder / "pipe")
    assert sorted(files_below(folder)) == ["deep/file", "deep/up", "other.txt", "pipe"]
    assert sorted(special_files(folder)) == [
        ("deep/file", "a link"),
        ("deep/up", "a link"),
        ("pipe", "a named pipe"),
    ]
