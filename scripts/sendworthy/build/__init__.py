"""Runs dbt as a process of its own, on the engine that a target names."""
