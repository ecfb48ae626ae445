"""``python as_nobody.py FOLDER COMMAND …``: PostgreSQL refuses to run as root.

It runs the command in the folder, as the user ``nobody`` if the caller is root.
"""

from __future__ import annotations

import os
import pwd
import sys

NOBODY = "nobody"


def main() -> None:
    """Become the user ``nobody``, then run the command."""
    folder, *command = sys.argv[1:]
    if os.geteuid() == 0:
        user = pwd.getpwnam(NOBODY)
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    os.chdir(folder)
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
