"""Value types shared by all apps: IDs, money, numbers, timestamps, text and addresses. No database, no settings."""
