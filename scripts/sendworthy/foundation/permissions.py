"""Makes what Sendworthy writes readable by its owner only, and keeps secrets from other processes."""

from __future__ import annotations

import os
from collections.abc import Mapping

PSEUDONYM_KEY = "SENDWORTHY_PSEUDONYM_KEY"

# what only this process needs to know
_SECRETS = frozenset({PSEUDONYM_KEY})

# no right for the group and for others
_NOBODY_ELSE = 0o077


def keep_to_owner() -> None:
    """From now on, what this process and those that it starts make is readable by its owner only: files 0600, folders 0700.

    What is there already keeps its mode. A default ACL of the folder above takes the place of all this: that is how a
    group is let in on purpose.
    """
    before = os.umask(_NOBODY_ELSE)
    os.umask(before | _NOBODY_ELSE)


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a process that has no need of our secrets, so that it cannot log them."""
    return {name: value for name, value in environment.items() if name not in _SECRETS}
