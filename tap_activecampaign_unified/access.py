"""The former name of `tap_activecampaign_unified.query`, kept for scripts that import it."""

from .query import *  # noqa: F403 - an alias has the names of what it stands for
