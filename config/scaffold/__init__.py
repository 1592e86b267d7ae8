"""What `manage.py startresource` makes a new app from: `app/` holds its files as templates."""
