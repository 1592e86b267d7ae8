"""The processes of the Procfile under honcho, each with its own supervisor (config.run.supervise)."""

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
    """Honcho's manager, except that it leaves killing to the supervisors, which honor their programs' grace periods."""

    def kill(self) -> None:
        """Do nothing. Honcho's limit of five seconds is too short for a worker that is finishing a job."""


def make_manager(
    environment: dict[str, str], procfile: Path = PROCFILE, *, without: Collection[str] = ()
) -> Manager:
    """Return a manager for the Procfile's processes except `without`. They end with this process, even by SIGKILL (Linux)."""
    # Honcho runs each in a separate process, forked from a clean one so that it inherits neither threads nor locks.
    multiprocessing.set_start_method("forkserver", force=True)
    multiprocessing.set_forkserver_preload(["honcho.process"])
    manager = SupervisedManager()
    for name, command in parse_procfile(procfile.read_text()).processes.items():
        if name not in without:
            supervised = [sys.executable, "-I", "-S", supervise.__file__, str(os.getpid()), command]
            manager.add_process(name, f"exec {shlex.join(supervised)}", env=environment, cwd=str(ROOT))
    return manager
