"""The same lists by other programs, written as somebody would who does not know the project's SQL, but its rules."""
