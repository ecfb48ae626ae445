"""Files that only their user may read: reports, results, ledgers, rows that are kept."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODE = 0o600
#: What the system says where nothing more can be written.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
# Windows has neither links of that kind nor modes.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def open_private(path: Path, flags: int) -> int:
    """Open or make a file for this user alone, whatever the umask and whoever could read it before.

    A link in its place is refused: who may write into its folder could lead us to overwrite any
    file of the user's. Devices and pipes stay as they are. Raises `OSError`.
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


@contextlib.contextmanager
def naming(path: Path | None) -> Iterator[None]:
    """Put a file's name to what the system says of it: of an open file it says only what is wrong.

    Raises `OSError`.
    """
    try:
        yield
    except OSError as problem:
        if problem.filename is not None or path is None:
            raise
        raise OSError(problem.errno, problem.strerror, str(path)) from None


def replace_private(path: Path, text: str) -> None:
    """Write a file for this user alone, whole or not at all; links and specials as above.

    Raises `OSError`, and leaves what was there.
    """
    if path.exists() and not path.is_file():
        with os.fdopen(open_private(path, os.O_WRONLY), "w", encoding="utf-8") as special:
            special.write(text)
        return
    if path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = open_private(new, os.O_WRONLY | os.O_EXCL)
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(text)
        new.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
