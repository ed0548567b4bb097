"""The proof that checks can fail: the endpoint seen through a link of our own that changes its answers."""
