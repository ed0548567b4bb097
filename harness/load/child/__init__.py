"""What runs in the locust child; alone imports locust and gevent, and only scenarios import it."""
