"""Values that every app reads and writes one way: identifiers, money, numbers, moments, texts and addresses. No database, no settings."""
