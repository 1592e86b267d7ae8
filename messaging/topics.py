"""The format of bulk mail topics, in the API and on pages."""

TOPIC = r"^[A-Za-z0-9_.:-]{1,50}\Z"
TOPIC_FORM = "Use 1 to 50 letters, digits and the characters _ . : -"
