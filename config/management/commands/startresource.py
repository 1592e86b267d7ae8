"""`manage.py startresource products --fields name:text …`: make a new app with one resource, from its table to its tests."""

import keyword
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser, DjangoHelpFormatter
from inflection import singularize

from config.scaffold.edits import AnchorMissing, edited_files
from config.scaffold.fields import KINDS
from config.scaffold.files import NewResource, Places, list_fields, render_files
from config.scaffold.specs import RESERVED, BadField, list_targets, parse_fields
from core.resources import ID_PREFIXES, RESOURCES
from core.tenancy import CompanyModel, TenantModel

_WORDS = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_PREFIX = re.compile(r"[a-z]{2,4}")
LONGEST_NAME = 24
FINISH = """
import django
django.setup()
from django.core.management import call_command
call_command("makemigrations", {app!r}, verbosity=0)
if {is_ours}:
    call_command("generate_error_docs", verbosity=0)
    call_command("generate_audit_docs", verbosity=0)
    call_command("generate_openapi", verbosity=0)
"""


class HelpFormatter(DjangoHelpFormatter):
    """Leaves the lines of the description and the epilog as they are written."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "".join(indent + line for line in text.splitlines(keepends=True))


class Command(BaseCommand):
    """Generates the app, then its migration and the pages of docs/ that are generated."""

    help = "Make an app with one resource: table, API, scopes, events, pages, staff page, samples and tests."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Write the help with a list of types and an example."""
        kinds = "\n".join(f"  {name:<10}{kind.meaning}" for name, kind in KINDS.items())
        epilog = (
            "fields:\n"
            "  name:type, with :unique for one that no two objects of a company and mode share, and ? at the end for one\n"
            "  that may be left out.\n\n"
            f"types:\n{kinds}\n  and for a reference to another object the name of its collection: {', '.join(sorted(list_targets()))}\n\n"
            "example:\n"
            "  manage.py startresource products --fields name:text sku:text:unique unit_amount:money 'supplier:customers?'\n\n"
            "What it makes passes `make check` and the suites as it is. Nothing that exists is overwritten."
        )
        return super().create_parser(
            prog_name, subcommand, epilog=epilog, formatter_class=HelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take a name, its fields, and where to put it."""
        parser.add_argument("name", help="the collection, in the plural: products")
        parser.add_argument(
            "--fields", nargs="+", required=True, metavar="FIELD", help="its fields, see below"
        )
        parser.add_argument(
            "--object", metavar="NAME", help="one of them (default: the singular of the name)"
        )
        parser.add_argument(
            "--prefix", help="the beginning of identifiers, 2 to 4 letters (default: of the object's name)"
        )
        parser.add_argument("--icon", default="box", help="the icon in the side bar (default: %(default)s)")
        parser.add_argument(
            "--directory",
            type=Path,
            help="make the package in this folder, outside of Pomelo's own, and edit nothing of Pomelo's; "
            "it is installed by EXTENSIONS",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say which files it would write, and write none"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Check everything first, then write. Raises CommandError, having written nothing, for what cannot be meant."""
        new = self._read(options)
        root = Path(settings.BASE_DIR)
        folder: Path | None = options["directory"]
        places = _places(new, root, folder.resolve() if folder else None)
        files = render_files(new, places)
        taken = sorted(
            str(path) for path in {places.app, places.templates, places.tests, *files} if path.exists()
        )
        if taken:
            raise CommandError(
                f"{taken[0]} exists. Nothing is overwritten: choose another name, or remove it."
            )
        try:
            edits = {} if folder else edited_files(new, root)
        except AnchorMissing as error:
            raise CommandError(str(error)) from error
        for path in sorted([*files, *edits]):
            self.stdout.write(f"{'edit' if path in edits else 'write'} {os.path.relpath(path)}")
        if options["dry_run"]:
            return
        for path, text in {**files, **edits}.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        _tidy([path for path in files if path.suffix == ".py"], root)
        _finish(new.app, root, folder.resolve() if folder else None)
        self.stdout.write(self.style.SUCCESS(_next_steps(new, folder)))

    def _read(self, options: dict[str, Any]) -> NewResource:
        """Return what is wanted; raises CommandError saying what cannot be meant and how to write it."""
        app = str(options["name"])
        one = str(options["object"] or singularize(app))
        for what, name in (("collection", app), ("object", one)):
            if not _WORDS.fullmatch(name) or len(name) > LONGEST_NAME:
                raise CommandError(
                    f"{name!r} is no name of {'a' if what == 'collection' else 'an'} {what}: use lower-case words joined by _, "
                    f"at most {LONGEST_NAME} characters, such as {'products' if what == 'collection' else 'product'}."
                )
            if (
                keyword.iskeyword(name)
                or keyword.issoftkeyword(name)
                or name in RESERVED
                or name in sys.builtin_module_names
            ):
                raise CommandError(f"{name} already means something in Python or here; choose another name.")
        if app == one:
            raise CommandError(
                f"{app} is its own singular: name the collection in the plural, and one of them by --object if need be."
            )
        if app in RESOURCES or any(one == found.object for found in RESOURCES.values()):
            raise CommandError(f"There is already a resource {app if app in RESOURCES else one}.")
        if options["directory"] is None and find_spec(app) is not None:
            raise CommandError(f"There is already a Python package {app}; choose another name.")
        if app in {config.label for config in apps.get_app_configs()}:
            raise CommandError(f"There is already an app {app}; choose another name.")
        try:
            fields = parse_fields(options["fields"], resource=app)
        except BadField as error:
            raise CommandError(str(error)) from error
        return NewResource(
            app, one, self._prefix(options["prefix"], one), str(options["icon"]), tuple(fields)
        )

    def _prefix(self, wanted: str | None, one: str) -> str:
        prefix = wanted or one.replace("_", "")[:4]
        if not _PREFIX.fullmatch(prefix):
            raise CommandError(
                f"{prefix!r} is no prefix of identifiers: use 2 to 4 lower-case letters (--prefix)."
            )
        models = {
            model.id_prefix for model in apps.get_models() if issubclass(model, (TenantModel, CompanyModel))
        }
        if prefix in {*ID_PREFIXES.values(), *models}:
            raise CommandError(
                f"Identifiers of something else begin with {prefix}_: choose another by --prefix."
            )
        return prefix


def _places(new: NewResource, root: Path, folder: Path | None) -> Places:
    if folder is None:
        tests = root / "tests" / new.app
        return Places(root / new.app, root / "templates" / new.app, tests, f"tests.{new.app}")
    app = folder / new.app
    return Places(app, app / "templates" / new.app, app / "tests", f"{new.app}.tests")


def _tidy(files: list[Path], root: Path) -> None:
    """Format what was written as the rest is, where ruff is installed (`make check` installs it)."""
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent))
    if ruff is None:
        return
    settings_file = f"--config={root / 'pyproject.toml'}"
    for command in (["check", "--quiet", "--fix", "--select=I,F401"], ["format", "--quiet"]):
        subprocess.run([ruff, *command, settings_file, *map(str, files)], check=True, cwd=root)  # noqa: S603


def _finish(app: str, root: Path, folder: Path | None) -> None:
    """Make the migration, and write the pages of docs/ that are generated, in a process that knows the new app."""
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings.test"}
    if folder is not None:
        known = environment.get("EXTENSIONS", "")
        environment["EXTENSIONS"] = ",".join(filter(None, (known, app)))
        environment["PYTHONPATH"] = os.pathsep.join(
            filter(None, (str(folder), environment.get("PYTHONPATH", "")))
        )
    script = FINISH.format(app=app, is_ours=folder is None)
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CommandError(f"The files are written, but this failed: {done.stderr.strip()}")


def _next_steps(new: NewResource, folder: Path | None) -> str:
    made = f"{new.app} is made, with {list_fields(new.fields)}."
    if folder is None:
        return f"{made} Migrate (`make run` does it), and add what makes it yours: docs/extending.md."
    return (
        f"{made} It is installed by EXTENSIONS={new.app} with {folder} on PYTHONPATH, for `make run`, `make test` and every "
        "command; docs/extending.md says the rest."
    )
