"""The pages of the staff site that show several apps: its home, a company, Ctrl+K."""
