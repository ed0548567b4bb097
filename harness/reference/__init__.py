"""The reference deployment: a small but real AI service on loopback, to try the harness and to measure it."""
