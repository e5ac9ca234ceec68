"""Code in a new process, to see what it imports."""

from __future__ import annotations

import os
import subprocess
import sys

HEAVY = ("torch", "torchvision", "cv2.dnn", "wsol.methods.gradcam", "wsol.models.forward")


def fresh(*lines: str, **environment: str) -> str:
    """What a new process prints that runs these lines; fails where it does."""
    code = "\n".join(["import sys", *lines])
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def free_of(*modules: str) -> str:
    """A line that fails where one of the modules is loaded."""
    return f"assert not {set(modules)!r} & set(sys.modules), {set(modules)!r} & set(sys.modules)"
