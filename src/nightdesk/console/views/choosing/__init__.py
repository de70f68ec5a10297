"""Pages of comparisons of approaches to out of hours."""
