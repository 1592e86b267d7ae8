"""The real servers behind the test run: each process has its own PostgreSQL and Valkey and shares nothing with the others.

`start_engines()` runs while `tests/conftest.py` is imported, before Django reads its settings. The main process migrates a
template database once, as the role `owner`, and caches the server's data folder in `.data-test` until a migration or the day
changes. Every pytest-xdist worker, or a run without xdist, starts a copy of that server, clones the template in a fraction of
a second and connects as the role `app`. Commits are real and nothing is flushed: tests create their own companies.

`private_valkey()`, `private_engines()` and `private_platform()` start servers for a single test, which may stop, kill and
damage them.
"""

import atexit
import contextlib
import datetime as dt
import hashlib
import importlib.util
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from core.engines import programs
from core.engines.identity import Identity, choose_identity
from core.engines.locks import lock_holder
from core.engines.pair import Engines
from core.engines.roles import ensure_database
from core.engines.valkey import Valkey

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = "pomelo_template"
# Attempts to delete all rows before a deadlock fails the run.
REMOVALS = 5
FOLDER_PREFIX = "pomelo-test-"
CACHE = ROOT / ".data-test"
EXAMPLE_APP = "tests.example_app"
STALE_SECONDS = 3600
_BUILDING = "building-"
# The address of this process's server.
_ADDRESSES = ("POMELO_TEST_SUPERUSER_URL", "POMELO_TEST_APP_URL", "POMELO_TEST_OWNER_URL")


def start_engines() -> None:
    """Start the servers of this process and set the environment variables that Django's settings read.

    POMELO_TEST_POSTGRES is the folder with another PostgreSQL's programs, for running the suite on an older version.
    POMELO_TEST_EARLIER_SERVER is a copy of a server with fewer migrations, on which the missing ones are run.
    """
    if folder := os.environ.get("POMELO_TEST_POSTGRES"):
        programs.other_programs = Path(folder)
    if "PYTEST_XDIST_WORKER" not in os.environ:
        # An example extension, installed like any other and covered by every suite. Workers inherit the variable.
        os.environ["EXTENSIONS"] = ",".join(filter(None, (EXAMPLE_APP, os.environ.get("EXTENSIONS", ""))))
    _start_postgres()
    folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
    valkey = _start_valkey(folder)
    _at_exit(_discard, folder, valkey)
    database = os.environ.get("PYTEST_XDIST_WORKER") or "main"
    clone_template(database)
    os.environ |= {
        "DATA_DIR": str(folder),
        "DATABASE_URL": _at_database(os.environ["POMELO_TEST_APP_URL"], database),
        "DATABASE_OWNER_URL": _at_database(os.environ["POMELO_TEST_OWNER_URL"], database),
        "VALKEY_URL": valkey.url,
        "CELERY_BROKER_URL": valkey.broker_url,
    }


def superuser_url(database: str | None = None) -> str:
    """Return the superuser's URL of a database of this run, by default this process's own."""
    name = database or conninfo_to_dict(os.environ["DATABASE_URL"])["dbname"]
    return _at_database(os.environ["POMELO_TEST_SUPERUSER_URL"], str(name))


def clone_template(name: str) -> None:
    """Create the database `name` as a copy of the migrated template."""
    with psycopg.connect(os.environ["POMELO_TEST_SUPERUSER_URL"], autocommit=True) as connection:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER owner STRATEGY file_copy")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(TEMPLATE)))


def remove_rows() -> None:
    """Delete every row of this process's database, except those written by migrations.

    Background threads may be writing concurrently, so the deletion is retried after a deadlock.
    """
    for left in reversed(range(REMOVALS)):
        try:
            _remove_rows()
        except psycopg.errors.DeadlockDetected:
            if not left:
                raise
        else:
            return


def _remove_rows() -> None:
    with psycopg.connect(superuser_url(), autocommit=True) as connection:
        # DELETE, because TRUNCATE recreates the files of two hundred tables and partitions, which takes a second. Empty files are
        # skipped, because planning a deletion for every partition would be slow.
        connection.execute(
            """
            DO $$
            DECLARE name regclass;
            BEGIN
                SET LOCAL session_replication_role = replica;
                FOR name IN
                    SELECT oid FROM pg_class
                    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0
                        AND relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission', 'billing_tierlimits')
                LOOP EXECUTE format('DELETE FROM %s', name);
                END LOOP;
            END $$
            """
        )


@contextlib.contextmanager
def cloned_database() -> Iterator[dict[str, str]]:
    """Yield the environment of a database for one test."""
    with _own_database() as name:
        clone_template(name)
        yield _environment(name)


@contextlib.contextmanager
def empty_database() -> Iterator[dict[str, str]]:
    """Yield the environment of an unmigrated database: it has the roles and their privileges, but no tables."""
    with _own_database() as name:
        ensure_database(superuser_url=superuser_url(), name=name)
        yield _environment(name)


def template_owner_url() -> str:
    """Return the owner's URL of the migrated template, for comparing databases."""
    return _at_database(os.environ["POMELO_TEST_OWNER_URL"], TEMPLATE)


@contextlib.contextmanager
def private_valkey(*, durable: bool = False) -> Iterator[Valkey]:
    """A Valkey that one test may `stop()`, `process.kill()` and `restart()`."""
    folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
    valkey = _start_valkey(folder, durable=durable)
    try:
        yield valkey
    finally:
        _discard(folder, valkey)


@contextlib.contextmanager
def private_engines(*, durable: bool = False) -> Iterator[Engines]:
    """An unmigrated PostgreSQL and a Valkey that one test may do anything to."""
    with (
        tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX) as folder,
        Engines(folder, durable=durable) as engines,
    ):
        yield engines


@contextlib.contextmanager
def private_platform(
    *, durable: bool = False, migrated: Path | None = None
) -> Iterator[tuple[Engines, dict[str, str]]]:
    """Private engines with the migrated database TEMPLATE. Yields them and the environment of a process that uses them.

    `migrated` is the folder of another stopped server to copy, for example of another version.
    """
    with tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX) as folder:
        if migrated:
            copy_server(migrated, Path(folder))
        is_cached = bool(migrated) or copy_migrated_server(Path(folder))
        with Engines(folder, durable=durable) as engines:
            if not is_cached:
                migrate_template(engines)
            yield (
                engines,
                engines.environment
                | {
                    "DATA_DIR": str(engines.data_dir),
                    "DATABASE_URL": engines.database_url("app", TEMPLATE),
                    "DATABASE_OWNER_URL": engines.database_url("owner", TEMPLATE),
                },
            )


def copy_migrated_server(folder: Path) -> bool:
    """Copy the cached migrated server to `folder`. Returns False if there is none."""
    return _copy_cached(CACHE / _fingerprint(), folder)


def copy_server(folder: Path, into: Path) -> None:
    """Copy the data and passwords of a stopped server to the empty folder `into`."""
    _copy([str(folder / name) for name in ("postgres", "secrets.env", "admin.env")], into)


@contextlib.contextmanager
def _own_database() -> Iterator[str]:
    name = f"own_{secrets.token_hex(6)}"
    try:
        yield name
    finally:
        with psycopg.connect(os.environ["POMELO_TEST_SUPERUSER_URL"], autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )


def _environment(database: str) -> dict[str, str]:
    return {
        "DATABASE_URL": _at_database(os.environ["POMELO_TEST_APP_URL"], database),
        "DATABASE_OWNER_URL": _at_database(os.environ["POMELO_TEST_OWNER_URL"], database),
    }


def _start_postgres() -> None:
    _remove_stale_folders()
    folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
    cached = CACHE / _fingerprint()
    is_cached = _copy_cached(cached, folder)
    if not is_cached and (earlier := os.environ.get("POMELO_TEST_EARLIER_SERVER")):
        _copy_cached(Path(earlier), folder)
    engines = Engines(folder, durable=False, valkey=not is_cached)
    _at_exit(_stop, folder, engines)
    engines.start()
    if not is_cached:
        migrate_template(engines)
        engines.stop()
        _keep(folder, cached)
        engines.start()
    urls = (engines.superuser_url, engines.database_url("app"), engines.database_url("owner"))
    os.environ |= dict(zip(_ADDRESSES, urls, strict=True))


def _copy_cached(cached: Path, folder: Path) -> bool:
    """Copy the cached server's folder. Returns False if there is none, or another run is replacing it."""
    try:
        _copy([f"{cached}/."], folder)
    except subprocess.CalledProcessError:
        shutil.rmtree(folder / "postgres", ignore_errors=True)
        return False
    return True


def _copy(sources: Sequence[str], into: Path) -> None:
    """Copy with `cp`, which takes a third of what shutil takes for the 3,500 files of a server. Raises CalledProcessError."""
    subprocess.run(["cp", "-a", *sources, str(into)], check=True, capture_output=True)


def migrate_template(engines: Engines) -> None:
    """Create the database TEMPLATE on these engines and migrate it."""
    ensure_database(superuser_url=engines.superuser_url, name=TEMPLATE)
    migration = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "migrate", "--database=owner", "--verbosity=0"],
        env=os.environ
        | engines.environment
        | {
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "DATA_DIR": str(engines.data_dir),
            "DATABASE_URL": engines.database_url("app", TEMPLATE),
            "DATABASE_OWNER_URL": engines.database_url("owner", TEMPLATE),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if migration.returncode != 0:
        raise RuntimeError(
            f"The template database could not be migrated:\n{migration.stdout}{migration.stderr}"
        )


def _fingerprint() -> str:
    """Return a hash of everything that the migrated template depends on: schema, roles, packages, and the day (partitions)."""
    sources = [ROOT / "requirements" / "base.txt", ROOT / "config" / "settings" / "base.py"]
    for pattern in (
        "*/migrations/*.py",
        "*/sql/*.sql",
        "*/models.py",
        "*/models/*.py",
        "core/*.py",
        "core/postgres/*",
        "core/engines/**/*",
    ):
        sources += [path for path in ROOT.glob(pattern) if path.is_file() and path.suffix != ".pyc"]
    for app in filter(None, os.environ.get("EXTENSIONS", "").split(",")):
        for place in importlib.util.find_spec(app).submodule_search_locations:
            sources += Path(place).glob("migrations/*.py")
    installed = os.environ.get("EXTENSIONS", "")
    digest = hashlib.sha256(
        f"{dt.datetime.now(dt.UTC).date().isoformat()} {installed} {programs.other_programs}".encode()
    )
    for path in sorted(sources):
        digest.update(os.path.relpath(path, ROOT).encode() + path.read_bytes())
    return digest.hexdigest()[:32]


def _keep(folder: Path, cached: Path) -> None:
    """Cache the folder of a stopped, migrated server for the next runs of this checkout, replacing the previous one."""
    CACHE.mkdir(mode=0o700, exist_ok=True)
    for old in CACHE.iterdir():
        # Another run may be removing the same folder. Folders that another run may still be building are kept.
        if not old.name.startswith(_BUILDING) or time.time() - old.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    building = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=CACHE))
    copy_server(folder, building)
    # Another run of this checkout may have cached its own (the folder exists and is not empty), or removed this one.
    with contextlib.suppress(OSError):
        building.rename(cached)


def _start_valkey(folder: Path, *, durable: bool = False) -> Valkey:
    sockets = folder / "run"
    for path in (sockets, folder / "logs"):
        path.mkdir(mode=0o700)
    identity = _identity(folder)
    os.chown(sockets, *identity.file_owner)
    valkey = Valkey(
        data_dir=folder,
        sockets=sockets,
        identity=identity,
        password=secrets.token_hex(16),
        durable=durable,
    )
    valkey.start()
    valkey.wait_ready()
    return valkey


def _identity(folder: Path) -> Identity:
    with tempfile.TemporaryDirectory(dir=folder) as probe:
        return choose_identity(
            folder=Path(probe), probe=[str(programs.postgres_program("postgres")), "--version"]
        )


def _at_exit(function: Callable[..., None], *arguments: object) -> None:
    """Call `function` at the exit of this process, but not of forked ones."""
    starter = os.getpid()

    def run() -> None:
        if os.getpid() == starter:
            function(*arguments)

    atexit.register(run)


def _stop(folder: Path, engines: Engines) -> None:
    engines.stop()
    shutil.rmtree(folder, ignore_errors=True)


def _discard(folder: Path, valkey: Valkey) -> None:
    valkey.stop()
    shutil.rmtree(folder, ignore_errors=True)


def _at_database(url: str, database: str) -> str:
    before, _, options = url.partition("?")
    return f"{before.rpartition('/')[0]}/{database}?{options}"


def _remove_stale_folders() -> None:
    """Remove the folders of killed runs, whose servers have died with them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            if time.time() - folder.stat().st_mtime > STALE_SECONDS and lock_holder(folder) is None:
                shutil.rmtree(folder, ignore_errors=True)
