"""What pages are made of: forms and their fields, charts, the style sheet and the script, finding, and the staff site."""
