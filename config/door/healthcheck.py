"""`python -m config.door.healthcheck`: exit status 0 if this container's web server passes its health check."""

import os
import ssl
import sys
import urllib.error
import urllib.request


def main() -> int:
    """Request `/healthz` on loopback, over TLS if the server has a certificate."""
    tls = bool(os.environ.get("TLS_CERT_FILE"))
    address = f"{'https' if tls else 'http'}://127.0.0.1:{os.environ.get('PORT') or '8000'}/healthz"
    # The certificate is for the public host name, and there is no man in the middle on loopback.
    context = ssl._create_unverified_context() if tls else None  # noqa: S323, SLF001
    try:
        with urllib.request.urlopen(address, timeout=3, context=context) as answer:  # noqa: S310
            return 0 if answer.status == 200 else 1
    except (OSError, urllib.error.URLError) as error:
        sys.stderr.write(f"{address}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
