"""A real Celery worker that knows billing's tasks only: what other tests left in the broker is not for it."""

from config.celery import app

app.loader.import_default_modules()
for _name in list(app.tasks):
    if not _name.startswith(("billing.", "celery.")):
        app.tasks.unregister(_name)
