"""Programs of the system that a suite needs, and commands that must succeed."""

import os
import shutil
import subprocess


class Missing(Exception):
    """A program that isn't there and that can't be installed here; the text is for people."""


def need(programs: dict[str, str]):
    """Installs the packages of programs that are not in PATH: package names by program."""
    missing = sorted({package for program, package in programs.items() if shutil.which(program) is None})
    if not missing:
        return
    if os.getuid() != 0 or shutil.which("apt-get") is None:
        raise Missing(f"missing, and installed only on a Debian-like system as root: {' '.join(missing)}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    # The package of a server would start it.
    environment["RUNLEVEL"] = "1"
    run(["apt-get", "update", "-qq"], environment)
    run(["apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing], environment)


def run(command: list, environment: dict[str, str] | None = None, folder=None, deadline_s: float = 600) -> str:
    """Runs a command that must succeed, and gives what it printed."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=deadline_s,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"$ {' '.join(words)}\n[status {done.returncode}]\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout
