"""Message templates: what they print, in which dialect, and where they can come out blank. It uses foundation."""
