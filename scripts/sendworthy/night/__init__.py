"""The run from the landing zone to the lists, and what is taken back between two nights."""
