"""Opens files that others wrote: regular files, inside their folder, of a bounded size.

What stands under a name may be a link that leads elsewhere, a pipe that nobody writes to, or a device without an end.
Everything that people and other programs can put in our way is opened here.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

KB, MB = 1024, 1024 * 1024

# the most that is read of a file, by what it is; each is far above what anybody has needed
MAX_SETTINGS = 1 * MB
MAX_SEED = 256 * MB
MAX_MANIFEST = 64 * MB
MAX_LIST = 64 * 1024 * MB

_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class UnsafeFile(OSError):
    """A file that is not read: `strerror` says why, `fix` what to do."""

    def __init__(self, path: Path, why: str, fix: str) -> None:
        super().__init__(errno.EPERM, why, str(path))
        self.fix = fix


def open_file(path: Path, inside: Path, most: int) -> BinaryIO:
    """Open a regular file of at most `most` bytes that lies in the folder `inside`. OSError, and UnsafeFile, where it is none."""
    place = check_file(path, inside, most)
    # it may have been replaced since: no link is followed now, and no pipe waited for
    descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _check_kind(path, os.fstat(descriptor), most)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_file(path: Path, inside: Path, most: int) -> bytes:
    """The content of a file, see `open_file`."""
    content = bytearray()
    with open_file(path, inside, most) as file:
        # some files are longer than the system says
        while block := file.read(MB):
            content += block
            if len(content) > most:
                raise _too_long(path, most)
    return bytes(content)


def check_file(path: Path, inside: Path, most: int) -> Path:
    """Where a file really lies, for programs that open it by name. OSError, and UnsafeFile, where it must not be read."""
    try:
        place = Path(os.path.realpath(path, strict=True))
    except FileNotFoundError:
        if path.is_symlink():
            fix = "put the file there, or remove the link"
            raise UnsafeFile(path, "it is a link to a file that is not there", fix) from None
        raise
    if not place.is_relative_to(os.path.realpath(inside)):
        raise UnsafeFile(
            path, f"it is a link that leads out of the folder {inside.name}/", "put the file itself there"
        )
    _check_kind(path, place.stat(), most)
    return place


def is_safe(path: Path, inside: Path, most: int) -> bool:
    """Whether `open_file` would open it."""
    try:
        check_file(path, inside, most)
    except OSError:
        return False
    return True


def files_below(folder: Path) -> Iterator[str]:
    """The paths below a folder of all that is no folder; a link is one of them, wherever it leads."""
    for place, folders, files in os.walk(folder):
        linked = [name for name in folders if (Path(place) / name).is_symlink()]
        for name in (*files, *linked):
            yield (Path(place) / name).relative_to(folder).as_posix()


def special_files(folder: Path) -> Iterator[tuple[str, str]]:
    """What lies below a folder and is neither a folder nor a file: its path, and what it is."""
    for name in files_below(folder):
        mode = (folder / name).lstat().st_mode
        if not stat.S_ISREG(mode):
            yield name, _kind(mode)


def _kind(mode: int) -> str:
    return _KINDS.get(stat.S_IFMT(mode), "no file")


def _check_kind(path: Path, found: os.stat_result, most: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise UnsafeFile(path, f"it is {_kind(found.st_mode)}, not a file", "put a file there, or remove it")
    if found.st_size > most:
        raise _too_long(path, most)


def _too_long(path: Path, most: int) -> UnsafeFile:
    allowed = f"{most // MB:,} MB" if most >= MB else f"{most // KB:,} KB"
    return UnsafeFile(path, f"it is longer than {allowed}", "shorten it; is it the right file?")


def write_file(path: Path, content: bytes) -> None:
    """Write a new file under a name that anybody could foresee. What stands there is replaced; a link is not followed."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def remove_folder(path: Path, *, ignore_errors: bool = False) -> None:
    """Remove a folder with all that is in it. Of a link only the link: what it leads to belongs to somebody else."""
    try:
        if path.is_symlink():
            path.unlink()
        elif path.exists():
            shutil.rmtree(path)
    except OSError:
        if not ignore_errors:
            raise
