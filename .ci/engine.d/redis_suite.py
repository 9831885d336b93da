"""Redis's own test suite, ours beside redis-server: a table file by file, the failed tests by name, and JSON."""

import json
from dataclasses import dataclass
from pathlib import Path

import redis_source
import tools
from context import Context
from suite_files import THRESHOLDS, SuiteFile, chosen
from suite_run import RUNNER_PORTS, SPAWNED_PORTS, Result, Tree, run_file
from table import per_cent, render

NAME = "redis-suite"
DETAILS_SHOWN = 300


def add_options(parser):
    """The suite's options."""
    parser.add_argument("files", nargs="*", metavar="FILE", help="such as unit/type/string or string; else whole groups")
    parser.add_argument("--group", action="append", choices=list(THRESHOLDS), help="95, 85 or rest; else 95 and 85")
    parser.add_argument("--source", type=Path, help=f"unpacked source of Redis {redis_source.VERSION}, instead of fetching it")
    parser.add_argument("--functions", action="store_true", help="run the tests of scripts by functions as well as by EVAL")
    parser.add_argument("--refresh", action="store_true", help="run redis-server too where its results are known already")
    parser.add_argument("--details", action="store_true", help="show why each test failed")


@dataclass
class Compared:
    """Both programs' results of a file."""

    file: SuiteFile
    theirs: Result
    ours: Result

    @property
    def common(self) -> int:
        """How many of the tests that redis-server passes ours passes too."""
        return sum(min(count, self.ours.passed.get(name, 0)) for name, count in self.theirs.passed.items())

    @property
    def per_cent(self) -> float:
        """Of what redis-server passes."""
        return per_cent(self.common, self.theirs.passes)

    @property
    def missed(self) -> dict[str, str]:
        """Tests that redis-server passes and ours doesn't, with the reason as far as it is known."""
        names = [name for name, count in self.theirs.passed.items() if self.ours.passed.get(name, 0) < count]
        return {name: self.ours.stopped.get(name) or self.ours.failed.get(name) or "did not run" for name in names}

    @property
    def holds(self) -> bool:
        """Whether the file's threshold is reached."""
        return self.per_cent >= THRESHOLDS[self.file.group]


def run(context: Context) -> int:
    """Exit status 0 when every file reaches its threshold."""
    tools.need({"tclsh": "tcl", "redis-server": "redis-server", "redis-cli": "redis-tools"})
    options = context.options
    files = chosen(options.files, options.group or ["95", "85"])
    source = options.source or redis_source.fetch(context.folder("source"))
    kept = "redis-server-with-functions.json" if options.functions else "redis-server.json"
    known = Known(context.folder("known") / kept, context.redis.version())
    compared = []
    for file in files:
        theirs = None if options.refresh else known.get(file)
        if theirs is None:
            theirs = run_with(context, source, file, context.redis)
            known.put(file, theirs)
        ours = run_with(context, source, file, context.ours)
        compared.append(Compared(file, theirs, ours))
        context.say(f"{file.path}: {compared[-1].common} of {theirs.passes}, {ours.duration_s:.0f} s {ours.trouble.splitlines()[:1] or ''}")
    show(compared, context)
    return 0 if all(row.holds for row in compared) else 1


def run_with(context: Context, source: Path, file: SuiteFile, program) -> Result:
    """One file, one program."""
    scratch = context.fresh_folder(f"suite-{program.name}")
    tree = Tree(source, scratch / "tree", program, context.options.functions)
    ports = context.ports_for(RUNNER_PORTS + SPAWNED_PORTS)
    return run_file(file, program, tree, scratch, context.ports, ports)


class Known:
    """redis-server's results, kept from run to run as they don't change with ours."""

    def __init__(self, path: Path, version: str):
        self.path, self.version = path, version
        content = json.loads(path.read_text()) if path.exists() else {}
        self.files = content.get("files", {}) if content.get("version") == version else {}

    def get(self, file: SuiteFile) -> Result | None:
        """What is known of a file."""
        return Result(**self.files[file.path]) if file.path in self.files else None

    def put(self, file: SuiteFile, result: Result):
        """Keeps a file's result."""
        self.files[file.path] = result.as_json()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps({"version": self.version, "files": self.files}, indent=1))


def show(compared: list[Compared], context: Context):
    """The table, what ours lacks, and the JSON file."""
    header = ["file", "group", "mode", "redis-server", "ours", "per cent", "wanted", ""]
    print(render(header, [row_of(row) for row in compared]))
    for group, threshold in THRESHOLDS.items():
        rows = [row for row in compared if row.file.group == group]
        if rows:
            theirs, ours = sum(row.theirs.passes for row in rows), sum(row.common for row in rows)
            print(f"group {group}: {ours} of {theirs}, {per_cent(ours, theirs):.1f} % (wanted {threshold:.0f} %)")
    for row in compared:
        if row.missed:
            print(f"\n{row.file.path}: {len(row.missed)} tests that redis-server passes and ours doesn't")
            for name, reason in row.missed.items():
                shown = reason.replace("\n", "\n        ")[:DETAILS_SHOWN] if context.options.details else ""
                print(f"  {name}{'' if not shown else chr(10) + '        ' + shown}")
    context.write_json(NAME, [as_json(row) for row in compared])


def row_of(row: Compared) -> list:
    """A file's line of the table."""
    wanted = THRESHOLDS[row.file.group]
    verdict = "" if row.holds else "TOO FEW"
    return [
        row.file.path,
        row.file.group,
        row.file.mode,
        row.theirs.passes,
        row.common,
        f"{row.per_cent:.1f}",
        f"{wanted:.0f}" if wanted else "",
        verdict,
    ]


def as_json(row: Compared) -> dict:
    """A file's part of the JSON."""
    return {
        "file": row.file.path,
        "group": row.file.group,
        "redis_server_passes": row.theirs.passes,
        "ours_passes": row.common,
        "per_cent": round(row.per_cent, 1),
        "missed": row.missed,
        "seconds": row.ours.duration_s,
    }
