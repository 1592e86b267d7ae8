"""Pages that show several apps at once, and what every page has: the shell around it, the theme, the documentation."""
