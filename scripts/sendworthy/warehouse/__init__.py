"""The DuckDB file of a night and its ledgers: opened, read, published, and why a statement failed. It uses foundation."""
