"""Keeps what Sendworthy writes to its owner."""

from __future__ import annotations

import os

# no right for the group and for others
_NOBODY_ELSE = 0o077


def keep_to_owner() -> None:
    """From now on, what this process and those that it starts make is readable by its owner only: files 0600, folders 0700.

    What is there already keeps its mode. A default ACL of the folder above takes the place of all this: that is how a
    group is let in on purpose.
    """
    before = os.umask(_NOBODY_ELSE)
    os.umask(before | _NOBODY_ELSE)
