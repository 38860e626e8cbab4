"""`feast` whose workers end with their master, whatever ends it; arguments are those of `feast`."""
import ctypes
import os
import signal

from feast.cli.cli import cli

PR_SET_PDEATHSIG = 1
prctl = ctypes.CDLL(None).prctl
os.register_at_fork(after_in_child=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
cli()
