"""L1: the wire protocols, one adapter a file, without IO."""
