"""The processes of the Procfile under honcho, each with a supervisor of its own (config.run.supervise)."""

import multiprocessing
import os
import shlex
import sys
from collections.abc import Collection
from pathlib import Path

from honcho.environ import parse_procfile
from honcho.manager import Manager

from config.run import supervise
from config.run.options import ROOT

PROCFILE = ROOT / "Procfile"
DEV_PROCFILE = ROOT / "Procfile.dev"


class SupervisedManager(Manager):
    """Honcho's manager, except that it kills nothing: every supervisor does that, after its program's grace period."""

    def kill(self) -> None:
        """Leave it to the supervisors. Honcho's five seconds are too few for a worker that finishes a job."""


def make_manager(
    environment: dict[str, str], procfile: Path = PROCFILE, *, without: Collection[str] = ()
) -> Manager:
    """Return a manager of every process of the Procfile except `without`. They end with this process, even by SIGKILL (Linux)."""
    # Honcho runs each in a process of its own. Forked from a clean one, it inherits neither our threads nor our locks.
    multiprocessing.set_start_method("forkserver", force=True)
    multiprocessing.set_forkserver_preload(["honcho.process"])
    manager = SupervisedManager()
    for name, command in parse_procfile(procfile.read_text()).processes.items():
        if name not in without:
            supervised = [sys.executable, "-I", "-S", supervise.__file__, str(os.getpid()), command]
            manager.add_process(name, f"exec {shlex.join(supervised)}", env=environment, cwd=str(ROOT))
    return manager
