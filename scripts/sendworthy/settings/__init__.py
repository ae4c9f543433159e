"""What a project sets: its seeds, its destinations, the targets of dbt. It uses what is below."""
