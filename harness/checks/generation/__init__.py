"""Judges of generated text: streams, parameters, tools, structure, token counts."""
