"""A worker lives no longer than the server that started it: a killed server must not leave its port taken."""

from __future__ import annotations

import os
import signal
import threading

_LOOK_SECONDS = 1.0
_GRACE_SECONDS = 5.0


def leave_with_parent() -> None:
    """End this process when its parent has died, however it died."""
    parent = os.getppid()
    threading.Thread(target=_watch, args=(parent,), name="lifetime", daemon=True).start()


def _watch(parent: int) -> None:
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(_LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    pause.wait(_GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)
