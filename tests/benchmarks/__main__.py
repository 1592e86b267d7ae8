"""`make bench`: run every `bench_*.py` in its own process. ARGS="guard webhooks" runs only these."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def main() -> None:
    """Run the selected benchmarks, or all of them. The exit status is the number of failures."""
    known = sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))
    names = [name for name in sys.argv[1:] if not name.startswith("-")]
    options = [option for option in sys.argv[1:] if option.startswith("-")]
    if unknown := sorted(set(names) - set(known)):
        sys.exit(f"Unknown benchmark: {', '.join(unknown)}. Available: {', '.join(known)}.")
    failed = 0
    for name in names or known:
        run = [sys.executable, "-m", f"tests.benchmarks.bench_{name}", *options]
        failed += subprocess.run(run, cwd=FOLDER.parents[1], check=False).returncode != 0
    sys.exit(failed)


if __name__ == "__main__":
    main()
