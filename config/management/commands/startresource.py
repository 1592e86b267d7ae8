"""`manage.py startresource products --fields name:text …`: generate an app with one resource, from its table to its tests."""

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
from config.scaffold.specs import RESERVED, InvalidField, list_targets, parse_fields
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
    call_command("generate_scope_docs", verbosity=0)
    call_command("generate_openapi", verbosity=0)
"""


class HelpFormatter(DjangoHelpFormatter):
    """Keeps the line breaks of the description and the epilog."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "".join(indent + line for line in text.splitlines(keepends=True))


class Command(BaseCommand):
    """Generates the app, then its migration and the generated pages in docs/."""

    help = (
        "Generate an app with one resource: table, API, scopes, events, pages, staff page, samples and tests."
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Add the list of types and an example to the help."""
        kinds = "\n".join(f"  {name:<10}{kind.meaning}" for name, kind in KINDS.items())
        epilog = (
            "fields:\n"
            "  name:type. Append :unique for a value that must be unique per company and mode, and ? for an optional field.\n\n"
            f"types:\n{kinds}\n  and, for a reference to another object, the name of its collection: {', '.join(sorted(list_targets()))}\n\n"
            "example:\n"
            "  manage.py startresource products --fields name:text sku:text:unique unit_amount:money 'supplier:customers?'\n\n"
            "The generated app passes `make check` and the suites as is. Existing files are never overwritten."
        )
        return super().create_parser(
            prog_name, subcommand, epilog=epilog, formatter_class=HelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the name, the fields and the options."""
        parser.add_argument("name", help="the name of the collection, a plural: products")
        parser.add_argument(
            "--fields", nargs="+", required=True, metavar="FIELD", help="the resource's fields, see below"
        )
        parser.add_argument(
            "--object", metavar="NAME", help="the name of one object (default: the singular of the name)"
        )
        parser.add_argument(
            "--prefix",
            help="the prefix of its IDs, 2 to 4 letters (default: the first letters of the object's name)",
        )
        parser.add_argument("--icon", default="box", help="the icon in the sidebar (default: %(default)s)")
        parser.add_argument(
            "--directory",
            type=Path,
            help="create the package in this folder, outside Pomelo's, without editing Pomelo; "
            "install it with EXTENSIONS",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would be written without writing it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Validate everything first, then write. Raises CommandError before writing anything if an argument is invalid."""
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
                f"{taken[0]} already exists and is not overwritten. Choose another name, or remove it."
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
        _format([path for path in files if path.suffix == ".py"], root)
        _finish(new.app, root, folder.resolve() if folder else None)
        self.stdout.write(self.style.SUCCESS(_next_steps(new, folder)))

    def _read(self, options: dict[str, Any]) -> NewResource:
        """Parse the options. Raises CommandError, which says what is invalid and how to fix it."""
        app = str(options["name"])
        one = str(options["object"] or singularize(app))
        for what, name in (("collection", app), ("object", one)):
            if not _WORDS.fullmatch(name) or len(name) > LONGEST_NAME:
                raise CommandError(
                    f"{name!r} is not a valid {what} name: use lowercase words joined by _, "
                    f"at most {LONGEST_NAME} characters, such as {'products' if what == 'collection' else 'product'}."
                )
            if (
                keyword.iskeyword(name)
                or keyword.issoftkeyword(name)
                or name in RESERVED
                or name in sys.builtin_module_names
            ):
                raise CommandError(f"{name} is reserved by Python or Pomelo. Choose another name.")
        if app == one:
            raise CommandError(
                f"{app} is its own singular: use a plural for the collection, and --object to name one object if necessary."
            )
        if app in RESOURCES or any(one == found.object for found in RESOURCES.values()):
            raise CommandError(f"There is already a resource {app if app in RESOURCES else one}.")
        if options["directory"] is None and find_spec(app) is not None:
            raise CommandError(f"There is already a Python package {app}. Choose another name.")
        if app in {config.label for config in apps.get_app_configs()}:
            raise CommandError(f"There is already an app {app}. Choose another name.")
        try:
            fields = parse_fields(options["fields"], resource=app)
        except InvalidField as error:
            raise CommandError(str(error)) from error
        return NewResource(
            app, one, self._prefix(options["prefix"], one), str(options["icon"]), tuple(fields)
        )

    def _prefix(self, wanted: str | None, one: str) -> str:
        prefix = wanted or one.replace("_", "")[:4]
        if not _PREFIX.fullmatch(prefix):
            raise CommandError(
                f"{prefix!r} is not a valid ID prefix: use 2 to 4 lowercase letters (--prefix)."
            )
        models = {
            model.id_prefix for model in apps.get_models() if issubclass(model, (TenantModel, CompanyModel))
        }
        if prefix in {*ID_PREFIXES.values(), *models}:
            raise CommandError(f"The ID prefix {prefix}_ is already in use. Choose another with --prefix.")
        return prefix


def _places(new: NewResource, root: Path, folder: Path | None) -> Places:
    if folder is None:
        tests = root / "tests" / new.app
        return Places(root / new.app, root / "templates" / new.app, tests, f"tests.{new.app}")
    app = folder / new.app
    return Places(app, app / "templates" / new.app, app / "tests", f"{new.app}.tests")


def _format(files: list[Path], root: Path) -> None:
    """Format the written files, if ruff is installed (`make check` installs it)."""
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent))
    if ruff is None:
        return
    settings_file = f"--config={root / 'pyproject.toml'}"
    for command in (["check", "--quiet", "--fix", "--select=I,F401"], ["format", "--quiet"]):
        subprocess.run([ruff, *command, settings_file, *map(str, files)], check=True, cwd=root)  # noqa: S603


def _finish(app: str, root: Path, folder: Path | None) -> None:
    """Create the migration and the generated pages in docs/, in a process that has loaded the new app."""
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
        raise CommandError(f"The files were written, but then this failed: {done.stderr.strip()}")


def _next_steps(new: NewResource, folder: Path | None) -> str:
    created = f"Created {new.app} with the fields {list_fields(new.fields)}."
    if folder is None:
        return f"{created} Next, migrate (`make run` does) and adapt it: docs/extending.md."
    return (
        f"{created} Install it with EXTENSIONS={new.app} with {folder} on PYTHONPATH, for `make run`, `make test` and every "
        "command. See docs/extending.md for next steps."
    )
