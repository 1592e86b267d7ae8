"""Work that nobody waits for: threads, jobs, retries, and what happens to a row that cannot be worked on."""
