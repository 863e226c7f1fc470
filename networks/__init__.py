"""What policies are made of and how files become networks."""
