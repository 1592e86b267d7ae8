"""What a topic of bulk mail looks like, at the API and on the pages."""

TOPIC = r"^[A-Za-z0-9_.:-]{1,50}\Z"
TOPIC_FORM = "Use 1 to 50 letters, digits and the characters _ . : -"
