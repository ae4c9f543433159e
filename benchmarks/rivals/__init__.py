"""The same lists by other programs, written from the project's rules and not from its SQL."""
