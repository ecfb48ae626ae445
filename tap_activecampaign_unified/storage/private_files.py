"""Writes files that only their user may read: reports, results, ledgers, deferred rows."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MODE = 0o600
#: Error numbers of a full or broken disk.
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
# Windows has neither O_NOFOLLOW nor file modes.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def open_private(path: Path, flags: int) -> int:
    """Open or create a file, and set its mode to 0600.

    A symbolic link raises `OSError`, because another user of the folder could redirect the write to
    any file. Devices and pipes keep their mode. Raises `OSError`.
    """
    is_special = path.exists() and not path.is_file()
    descriptor = os.open(path, flags | os.O_CREAT | (0 if is_special else _NO_LINK), MODE)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fchmod(descriptor, MODE)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


class naming:  # noqa: N801 - a context manager, named like those of contextlib
    """Add the file's name to an `OSError` of the block. The system omits it for open files."""

    # A generator would take as long as writing a line of the results file.
    def __init__(self, path: Path | None) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, problem: BaseException | None, traceback: object) -> None:
        if isinstance(problem, OSError) and problem.filename is None and self._path is not None:
            raise OSError(problem.errno, problem.strerror, str(self._path)) from None


def replace_private(path: Path, text: str) -> None:
    """Replace a file in one step, with mode 0600. It treats links and devices like `open_private`.

    Raises `OSError`. After an error, the old file is unchanged.
    """
    if path.exists() and not path.is_file():
        with os.fdopen(open_private(path, os.O_WRONLY), "w", encoding="utf-8") as special:
            special.write(text)
        return
    if path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = open_private(temporary, os.O_WRONLY | os.O_EXCL)
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(text)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
