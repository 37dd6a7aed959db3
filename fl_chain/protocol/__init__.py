"""What every party must agree on. Pure: no I/O, no clock, no global randomness."""
