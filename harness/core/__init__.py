"""L0: the basic types of the project. Standard library only; no clock, no files, no sockets."""
