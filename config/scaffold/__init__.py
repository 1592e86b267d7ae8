"""Generates new apps for `manage.py startresource`. `app/` contains the file templates."""
