"""`manage.py check --deploy` under production settings, with the secrets a production environment would have."""

import base64
import os
import secrets
import sys
import tempfile
from pathlib import Path

from django.core.management import execute_from_command_line

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

with tempfile.TemporaryDirectory() as data_dir:
    os.environ.update(
        DJANGO_SETTINGS_MODULE="config.settings.production",
        DATA_DIR=data_dir,
        SECRET_KEY=secrets.token_urlsafe(64),
        DATABASE_URL="postgresql://app:checked-only@db.example/pomelo",
        DATABASE_OWNER_URL="postgresql://owner:checked-only@db.example/pomelo",
        VALKEY_URL="redis://valkey.example:6379/0",
        API_KEY_PEPPERS=f"1:{secrets.token_hex(32)}",
        FIELD_ENCRYPTION_KEYS=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        AUDIT_SIGNING_KEY=base64.b64encode(secrets.token_bytes(32)).decode(),
        ALLOWED_HOSTS="pomelo.example",
        PUBLIC_URL="https://pomelo.example",
        EMAIL_URL="smtp://mail.example:587",
        REQUIRE_HTTPS="true",
    )
    execute_from_command_line(["manage.py", "check", "--deploy", "--fail-level", "WARNING"])
