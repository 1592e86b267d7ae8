"""What surrounds every request, pages and API alike: where it came from, whom it says it is from, and where a page may lead."""
