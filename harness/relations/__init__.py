"""Kinds of metamorphic relations, one file each: what is changed, and what must hold between the two answers."""
