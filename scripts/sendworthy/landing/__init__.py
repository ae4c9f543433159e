"""Delivered files: which ones cannot be read, what is kept of old drops, and replays."""
