"""Integer updates to an integer aggregate. Pure and exact."""
