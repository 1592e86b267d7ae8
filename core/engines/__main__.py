"""`python -m core.engines up|down|status|run`: the engines of DATA_DIR without the application."""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from core.engines.envfile import read_env_file
from core.engines.errors import EngineError
from core.engines.locks import lock_holder
from core.engines.pair import ENGINES_FILE, Engines

START_SECONDS = 120


def print_line(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run(data_dir: Path) -> int:
    """Run the engines until SIGTERM or Ctrl-C, restarting servers that die."""
    stopping = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with Engines(data_dir) as engines:
        if engines.attached:
            print_line(f"The engines of {data_dir} are already running (process {lock_holder(data_dir)}).")
            return 1
        print_line(f"Engines of {data_dir} are up.")
        while not stopping:
            time.sleep(0.25)
            for attempt in [] if stopping else engines.revive():
                print_line(str(attempt))
    return 0


def up(data_dir: Path) -> int:
    """Start the engines in the background."""
    if lock_holder(data_dir) is None:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        (data_dir / "logs").mkdir(mode=0o700, exist_ok=True)
        log = data_dir / "logs" / "engines.log"
        with log.open("ab") as output:
            keeper = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "core.engines", "run", "--data-dir", str(data_dir)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not (data_dir / ENGINES_FILE).exists() or lock_holder(data_dir) is None:
            if keeper.poll() is not None or time.monotonic() > deadline:
                print_line(f"The engines did not start; {log} ends:\n{log.read_text()[-2000:]}")
                return 1
            time.sleep(0.05)
    return status(data_dir)


def down(data_dir: Path) -> int:
    """Stop the engines started by `up` (or by a forgotten run), and wait until they have exited."""
    holder = lock_holder(data_dir)
    if holder is None:
        print_line(f"No engines run for {data_dir}.")
        return 0
    os.kill(holder, signal.SIGTERM)
    deadline = time.monotonic() + START_SECONDS
    while lock_holder(data_dir) is not None:
        if time.monotonic() > deadline:
            print_line(f"Process {holder} still holds the engines of {data_dir}.")
            return 1
        time.sleep(0.05)
    print_line(f"Engines of {data_dir} stopped.")
    return 0


def status(data_dir: Path) -> int:
    """Print whether the engines are running, and where their URLs are. The exit status is 3 if they are not."""
    holder = lock_holder(data_dir)
    if holder is None:
        print_line(f"No engines run for {data_dir}.")
        return 3
    print_line(
        f"Engines of {data_dir} are running (process {holder}); URLs and passwords are in {data_dir / ENGINES_FILE}:"
    )
    for name in read_env_file(data_dir / ENGINES_FILE):
        print_line(f"  {name}")
    return 0


def main() -> int:
    """Parse the command line and run the command."""
    parser = argparse.ArgumentParser(prog="python -m core.engines", description=__doc__)
    commands = {"up": up, "down": down, "status": status, "run": run}
    parser.add_argument("command", choices=commands)
    parser.add_argument("--data-dir", type=Path, default=Path(os.environ.get("DATA_DIR", ".data")))
    arguments = parser.parse_args()
    try:
        return commands[arguments.command](arguments.data_dir.resolve())
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
