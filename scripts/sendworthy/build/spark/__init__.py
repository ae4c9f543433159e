"""Spark as the engine of a night: dbt-spark builds the models, and what is published is gathered into the DuckDB file."""
