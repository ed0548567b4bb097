"""Configuration: options, file, sections and their schema become `Settings`."""
