"""Switches to the user that a server may run as, then executes the server.

Runs as a separate script (`python -I -S launch.py …`), because only a single-threaded process can enter a user namespace, and
because the parent-death signal has to be set after the last change of identity.
"""

import ctypes
import os
import signal
import sys
import tempfile

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 1, 8, 38, 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
CAPABILITY_VERSION_3 = 0x20080522


class CapabilityHeader(ctypes.Structure):
    """`cap_user_header_t` of capget(2)."""

    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class CapabilityData(ctypes.Structure):
    """`cap_user_data_t` of capget(2): one of two 32-bit halves."""

    _fields_ = [
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    ]


def _call(function: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


def _prctl(option: int, *arguments: int) -> None:
    padded = [*arguments, 0, 0, 0, 0][:4]
    _call("prctl", option, *(ctypes.c_ulong(value) for value in padded))


def enter_user_namespace(uid: int, gid: int) -> None:
    """Map this user to `uid` without changing who owns files, so that no ownership or permission has to change."""
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    _call("unshare", CLONE_NEWUSER)
    for name, text in (
        ("uid_map", f"{uid} {outer_uid} 1"),
        ("setgroups", "deny"),
        ("gid_map", f"{gid} {outer_gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def switch_to_user(uid: int, gid: int) -> None:
    """Switch to `uid` permanently, keeping only the capability to traverse folders (capabilities(7)).

    The data folder may be inside a home that others cannot enter, and changing that home's permissions would be worse.
    """
    _prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    header = CapabilityHeader(CAPABILITY_VERSION_3, 0)
    halves = (CapabilityData * 2)()
    _call("capget", ctypes.byref(header), halves)
    held = [cap for cap in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE) if halves[0].permitted & (1 << cap)]
    mask = 1 << held[0] if held else 0
    for half, value in zip(halves, (mask, 0), strict=True):
        half.effective = half.permitted = half.inheritable = value
    _call("capset", ctypes.byref(header), halves)
    if held:
        _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, held[0])


def check_access(folder: str) -> None:
    """Exit with an error unless this user can write in `folder`."""
    with tempfile.TemporaryFile(dir=folder):
        pass


def main(arguments: list[str]) -> None:
    """`MODE UID GID PARENT DEATH_SIGNAL FOLDER -- PROGRAM ARGUMENTS…`; PARENT 0: outlive the parent."""
    mode, uid, gid, parent, death_signal, folder = arguments[:6]
    program = arguments[7:]
    if mode == "namespace":
        enter_user_namespace(int(uid), int(gid))
    elif mode == "account":
        switch_to_user(int(uid), int(gid))
    if mode != "same":
        check_access(folder)
    os.umask(0o077)
    # The caller may ignore these signals, which would be inherited, and the program would miss the parent-death signal.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
        if int(parent):
            _prctl(PR_SET_PDEATHSIG, int(death_signal))
            if os.getppid() != int(parent):  # it died before the call above
                sys.exit("the starting process is gone")
    os.execv(program[0], program)  # noqa: S606 - replaces this process; no shell is involved


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        sys.exit(f"{error}")
