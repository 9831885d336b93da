"""Redis's source package, for the test suite in it: fetched with apt from the sources that this machine already has.

apt gets a list, state and cache of its own, below the folder that the caller names; the machine's own stay as they are.
"""

import re
import shutil
import tarfile
from pathlib import Path

import tools

VERSION = "7.0.15"


def fetch(folder: Path) -> Path:
    """The unpacked source below `folder`; fetched the first time only."""
    unpacked = folder / f"redis-{VERSION}"
    if (unpacked / "runtest").exists():
        return unpacked
    apt = Apt(folder / "apt")
    apt.run("update", "-qq")
    apt.run("source", "-qq", "--download-only", "redis", folder=folder)
    archives = sorted(folder.glob(f"redis_{VERSION}.orig.tar.*"))
    if not archives:
        raise tools.Missing(
            f"this system's source package of redis isn't {VERSION}. Unpack that version somewhere and name it with --source."
        )
    with tarfile.open(archives[0]) as archive:
        archive.extractall(folder, filter="data")
    shutil.rmtree(folder / "apt", ignore_errors=True)
    return unpacked


class Apt:
    """apt-get with all of its files in one folder."""

    def __init__(self, folder: Path):
        for name in ("lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        sources = folder / "sources.list"
        sources.write_text("".join(f"{line}\n" for line in source_lines()))
        self.options = [
            f"Dir::Etc::sourcelist={sources}",
            "Dir::Etc::sourceparts=/dev/null",
            f"Dir::State::lists={folder / 'lists'}",
            f"Dir::Cache={folder / 'cache'}",
            # Otherwise an update as root writes as a user who may not enter this folder.
            "APT::Sandbox::User=root",
        ]

    def run(self, *arguments: str, folder: Path | None = None):
        """`apt-get ARGUMENTS`."""
        options = [word for option in self.options for word in ("-o", option)]
        tools.run(["apt-get", *options, *arguments], folder=folder, deadline_s=900)


def source_lines() -> list[str]:
    """A `deb-src` line for each place from which this machine's distribution gets its binary packages."""
    form = "$(SITE)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(SIGNED_BY)|$(ORIGIN)"
    listing = tools.run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"])
    lines = set()
    for row in listing.splitlines():
        _, uri, release, component, key, origin = row.split("|")
        if component == "main" and re.fullmatch("Debian|Ubuntu|", origin):
            signed = f"[signed-by={key}] " if key.startswith("/") else ""
            lines.add(f"deb-src {signed}{uri} {release} main")
    return sorted(lines)
