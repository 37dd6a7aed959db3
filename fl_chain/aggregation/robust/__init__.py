"""Rules that withstand malicious updates, in exact integers. Pure."""
