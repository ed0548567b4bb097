"""Judges of HTTP itself: connections, headers, credentials, legal and malformed forms."""
