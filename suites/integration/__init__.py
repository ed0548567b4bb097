"""Integration: do batches, concurrent requests and wrong input come out right?"""
