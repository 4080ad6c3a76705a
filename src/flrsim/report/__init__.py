"""One self-contained page from a comparison and the pictures handed in."""
