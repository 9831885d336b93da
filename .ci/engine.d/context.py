"""What every suite gets: the two programs, folders, ports, and where to write its figures."""

import argparse
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from ports import Ports
from servers import Program


@dataclass
class Context:
    """One run's surroundings."""

    ours: Program
    redis: Program
    work: Path
    """Ignored by git; kept from run to run."""
    first_port: int
    port_count: int
    options: argparse.Namespace

    def __post_init__(self):
        # The upper half is for suites that hand a range on to somebody else.
        self.ports = Ports(self.first_port, self.port_count // 2)

    def ports_for(self, count: int) -> int:
        """The first of `count` ports that `ports` never hands out."""
        if count > self.port_count - self.port_count // 2:
            raise RuntimeError(f"the suite needs {2 * count} ports; give it more with --ports")
        return self.first_port + self.port_count // 2

    def folder(self, name: str) -> Path:
        """A folder that stays."""
        path = self.work / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def fresh_folder(self, name: str) -> Path:
        """An empty folder; what an earlier run left there is gone."""
        shutil.rmtree(self.work / "scratch" / name, ignore_errors=True)
        return self.folder(f"scratch/{name}")

    def say(self, words: str):
        """A line of progress."""
        print(words, file=sys.stderr, flush=True)

    def write_json(self, name: str, content):
        """The run's figures, for programs."""
        path = self.options.json or self.folder("results") / f"{name}.json"
        path.write_text(json.dumps(content, indent=1) + "\n")
        self.say(f"written: {path}")
