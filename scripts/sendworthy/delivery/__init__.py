"""Lists and what goes with them: files, changes since the last night, the manifest, and how a delivery is verified."""
