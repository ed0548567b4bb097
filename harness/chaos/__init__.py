"""Chaos: experiments, the injector and its guardian, the proof that a fault struck, the fault proxy."""
