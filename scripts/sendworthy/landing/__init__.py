"""Delivered files: which of them nobody can read, what is kept of old drops, and a night that is worked out again."""
