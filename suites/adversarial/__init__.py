"""Adversarial: does the service hold against inputs made to break it, and does it keep what it was told to itself?"""
