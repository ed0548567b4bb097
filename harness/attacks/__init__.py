"""Attacks, one file each: generators that yield queries and are sent answers. They do no IO."""
