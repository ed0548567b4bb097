"""L0: intervals, sequential tests, dependent samples, planning of sizes; numpy and the standard library only."""
