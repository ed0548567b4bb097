"""L0: the words of the project. Standard library only; no clock, no file, no socket."""
