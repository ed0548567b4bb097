"""The fault proxy: a server that speaks Toxiproxy's API, with leases, counters, an event log and an HTTP toxic."""
