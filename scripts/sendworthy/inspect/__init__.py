"""Questions to a published night: why somebody gets a message, what it looks like, which fields are filled."""
