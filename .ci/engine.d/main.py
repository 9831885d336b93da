"""Holds the embedded engine against real parts, one suite a run. Called by `.ci/engine`."""

import argparse
import signal
import sys
from pathlib import Path

import figures
import oracle
import mixed_cluster
import redis_rs
import redis_suite
import tools
from context import Context
from servers import Program

SUITES = {module.NAME: module for module in (redis_suite, redis_rs, oracle, mixed_cluster, figures)}


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog=".ci/engine", description=__doc__)
    parser.add_argument("--program", type=Path, help="shardform-node, or another program that has `engine`")
    parser.add_argument("--self-test", action="store_true", help="redis-server in the place of ours: all must be equal")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is fetched, scratch files and results")
    parser.add_argument("--ports", default="21600:400", metavar="FIRST:COUNT", help="ports of 127.0.0.1 to use")
    parser.add_argument("--json", type=Path, help="where the figures go as JSON")
    suites = parser.add_subparsers(dest="suite", required=True, metavar="SUITE")
    for name, module in SUITES.items():
        module.add_options(suites.add_parser(name, help=module.__doc__, description=module.__doc__))
    options = parser.parse_args()
    if options.program is None and not options.self_test:
        parser.error("--program or --self-test is needed")
    return options


def main() -> int:
    """Exit status: 0 when the suite's demands are met, 1 when not, 2 when it can't be run."""
    options = parsed()
    # So that `with` and `finally` end what was started, also when we are asked to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    redis = Program("redis-server", ("redis-server",))
    if options.self_test:
        ours = Program("ours", redis.command)
    else:
        ours = Program("ours", (str(options.program.resolve()), "engine"))
    first_port, port_count = (int(number) for number in options.ports.split(":"))
    context = Context(ours, redis, options.work.resolve(), first_port, port_count, options)
    try:
        return SUITES[options.suite].run(context)
    except tools.Missing as missing:
        print(f"engine: {missing}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
