"""Takes people out: an erasure, old lists, what is kept longer than it should be."""
