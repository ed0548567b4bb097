"""aiharness: a resilience and testing harness for AI services. Every run ends in one release-gate decision."""

__version__ = "0.1.0"
__all__ = ["__version__"]
