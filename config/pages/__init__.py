"""Pages that combine several apps, and what all pages share: the shell, the theme, the documentation."""
