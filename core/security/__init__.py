"""Keys, what they seal and how far they reach: encryption and its rotation, scopes, and what a leaked key leaves behind."""
