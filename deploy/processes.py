"""Child processes that never outlive their parent."""

import ctypes
import os
import pwd
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int, with_signal: signal.Signals = signal.SIGKILL) -> None:
    """Ask the kernel to send `with_signal` to this process when `parent` dies, however it dies."""
    _libc.prctl(_PR_SET_PDEATHSIG, int(with_signal), 0, 0, 0)
    if os.getppid() != parent:  # it died before the request was made
        os._exit(1)


def before_exec(
    parent: int, with_signal: signal.Signals, user: pwd.struct_passwd | None = None
) -> Callable[[], None]:
    """For `Popen(preexec_fn=…)`: own process group, another user, death with the parent."""

    def prepare() -> None:
        os.setpgid(0, 0)
        if user is not None:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
        die_with_parent(parent, with_signal)  # a change of user would undo it: last

    return prepare


def unprivileged_user() -> pwd.struct_passwd | None:
    """Who runs PostgreSQL, which refuses to run as root; None when we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("callplane", "postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL does not run as root, and there is no other user to run it")
