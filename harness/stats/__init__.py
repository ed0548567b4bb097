"""L0: intervals, sequential tests, dependence, resampling, multiplicity. numpy and the standard library only."""
