"""Faults: one file each, what a disturbance is and which attributes it takes. No IO."""
