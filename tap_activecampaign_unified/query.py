"""The name of version 1.0 for `python_reader`, for scripts that import it."""

from .python_reader import *  # noqa: F403 - the names of `python_reader`, whichever they are
from .python_reader import __all__ as __all__  # noqa: PLC0414 - exported under its own name
