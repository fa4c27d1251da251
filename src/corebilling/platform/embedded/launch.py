"""Become the server: drop privileges, tie this process to its parent's life, execute the program.

Run as a script by the interpreter, never imported. A `preexec_fn` would do the same, but runs Python between fork and
exec, which can deadlock in a process that has threads; and the unprivileged account may not reach our interpreter,
so the uid must change here and not before. The order matters: the kernel forgets PR_SET_PDEATHSIG when the
credentials change, and keeps it over exec.

Arguments: parent pid, uid, gid (-1: stay who we are), number of the signal to get when the parent dies, the program
and its arguments.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Do as the module says; comes back only by exiting with a message."""
    parent, uid, gid, death_signal = (int(argument) for argument in sys.argv[1:5])
    program = sys.argv[5:]
    if sys.platform == "linux":
        # Loaded before the uid changes: the unprivileged account may not reach the interpreter's library.
        import ctypes  # noqa: PLC0415 - some interpreters elsewhere lack it, and it is only for Linux

        prctl = ctypes.CDLL(None, use_errno=True).prctl
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        if prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
            sys.exit(f"prctl(PR_SET_PDEATHSIG) failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        sys.exit("the parent process ended before its server started")
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.execv(program[0], program)  # noqa: S606 - no shell is what we want


if __name__ == "__main__":
    main()
