"""The front door: what stands between the socket and Django, so that no peer can hold a thread by being slow."""
