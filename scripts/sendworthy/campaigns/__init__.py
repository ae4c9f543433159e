"""Campaign folders: read, checked, compiled into seeds, and begun from the rules of a kind."""
