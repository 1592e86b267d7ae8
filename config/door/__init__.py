"""The front door between the socket and Django, which keeps slow peers from occupying threads."""
