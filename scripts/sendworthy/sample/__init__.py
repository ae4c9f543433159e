"""Makes the sample data. It uses foundation."""
