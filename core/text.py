"""Text of strangers, made fit to be stored."""


def storable(text: str) -> str:
    """Return `text` in a form that PostgreSQL and UTF-8 can hold: NUL and lone surrogates are replaced.

    For what others say (a provider's answer, an error's message), which is kept whatever it is; what a caller sends is
    refused instead.
    """
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
