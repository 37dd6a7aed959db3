"""Records to contract calls and back from event logs."""
