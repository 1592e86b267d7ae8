"""A real Celery worker with billing's tasks only, so that it ignores messages from other tests."""

from config.celery import app

app.loader.import_default_modules()
for _name in list(app.tasks):
    if not _name.startswith(("billing.", "celery.")):
        app.tasks.unregister(_name)
