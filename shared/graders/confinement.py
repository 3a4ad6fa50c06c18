"""Shuts the process it is called in: from then on it computes, and uses what it holds open.

Linux alone can do this, by a filter on system calls (seccomp). Those that are not named here fail
with EPERM: no file can be opened, no socket made, no process started, seen or signalled.
"""

import ctypes
import resource

ALLOWED = (
    "brk",
    "clock_gettime",
    "clock_nanosleep",
    "close",
    "exit",
    "exit_group",
    "futex",
    "getpid",
    "getrandom",
    "gettid",
    "lseek",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "read",
    "restart_syscall",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_yield",
    "sigaltstack",
    "write",
)
"""System calls that computing, memory, and open files need; those a machine lacks are left out."""

MEMORY_BYTES = 1 << 30

_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1
"""SCMP_ACT_ALLOW and SCMP_ACT_ERRNO(EPERM) of seccomp.h."""


class Unconfined(Exception):
    """This machine cannot shut a process; the message says what it lacks."""


def limit(*, cpu_s: int, output_bytes: int) -> None:
    """Bound what this process may use: seconds of the processor, memory, and bytes it writes."""
    for kind, most in (
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, output_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def confine() -> None:
    """Shut this process for good.

    Raises:
        Unconfined: the kernel or libseccomp is not there.
    """
    seccomp = _library()
    rules = seccomp.seccomp_init(_REFUSE)
    for name in ALLOWED:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            seccomp.seccomp_rule_add_array(rules, _ALLOW, number, 0, None)
    if not rules or seccomp.seccomp_load(rules) != 0:
        raise Unconfined("the kernel takes no filter of system calls")


def _library() -> ctypes.CDLL:
    try:
        seccomp = ctypes.CDLL("libseccomp.so.2")
    except OSError as error:
        raise Unconfined(str(error)) from None
    seccomp.seccomp_init.restype = ctypes.c_void_p
    seccomp.seccomp_rule_add_array.argtypes = (
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_void_p,
    )
    seccomp.seccomp_load.argtypes = (ctypes.c_void_p,)
    return seccomp
