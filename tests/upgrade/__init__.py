"""Old data goes through every migration, and back."""
