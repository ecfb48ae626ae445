"""The former name of `target_activecampaign.api`, kept for scripts that import it."""

from .api import *  # noqa: F403 - an alias has the names of what it stands for
