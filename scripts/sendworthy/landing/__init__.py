"""Delivered files: which ones cannot be read, what is kept of what was read, and replays."""
