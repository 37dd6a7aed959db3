"""The command fl-chain: parses, calls a role, prints, sets the exit code."""
