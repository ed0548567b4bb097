"""What several adapters share; `harness.protocols` lists what other packages may import."""
