"""The project's benchmark: whole nights beside other ways to the same lists. `python -m benchmarks --help`."""
