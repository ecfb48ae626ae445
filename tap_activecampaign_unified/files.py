"""Files that only their user may read: reports, results, ledgers, rows that are kept."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MODE = 0o600
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
