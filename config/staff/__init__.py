"""The staff site's pages that combine several apps: home, company, Ctrl+K."""
