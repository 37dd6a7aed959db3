"""Local data to parameter delta, with torch. Knows nothing of chains or stores."""
