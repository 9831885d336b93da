"""Runs the scenarios that are named on the command line, or all of them. Called by `.ci/interop`."""

import argparse
import os
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path

import report_page
import with_ci
import with_localstack
import with_moto
import with_node
from check import Failure

SCENARIOS = {
    "moto": with_moto.scenario,
    "localstack": with_localstack.scenario,
    "node": with_node.scenario,
    "report": report_page.scenario,
    "ci": with_ci.scenario,
}
LOG_LINES_SHOWN = 60


def main() -> int:
    """Exit status: 0 when every scenario passes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repository", type=Path, required=True)
    parser.add_argument("--binaries", type=Path, required=True, help="folder of shardform and shardform-node")
    parser.add_argument("--scratch", type=Path, required=True, help="folder for the scenarios' files")
    parser.add_argument("--localstack-python", type=Path, help="only the scenario localstack needs it")
    parser.add_argument("--ci-tools", type=Path, help="folder of check-jsonschema and shellcheck, for the scenario ci")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    arguments = parser.parse_args()
    if unknown := set(arguments.scenarios) - set(SCENARIOS):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")

    # So that `with` and `finally` end what was started, also when we are asked to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    # boto3 in this process must not find the caller's credentials or proxies.
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"

    failed = [name for name in arguments.scenarios or SCENARIOS if not passes(name, arguments)]
    if failed:
        print(f"interop: failed: {', '.join(failed)}", flush=True)
    return 1 if failed else 0


def passes(name: str, arguments: argparse.Namespace) -> bool:
    """Runs one scenario in a scratch folder of its own; the folder stays when it fails."""
    scratch = arguments.scratch.resolve() / f"{name}-{os.getpid()}"
    scratch.mkdir(parents=True)
    print(f"  {name}", flush=True)
    start = time.monotonic()
    try:
        SCENARIOS[name](
            repository=arguments.repository.resolve(),
            scratch=scratch,
            binaries=arguments.binaries.resolve(),
            localstack_python=arguments.localstack_python,
            ci_tools=arguments.ci_tools,
        )
    except Exception as error:
        show_failure(name, error, scratch)
        return False
    print(f"  {name}: passes, {time.monotonic() - start:.0f} s", flush=True)
    shutil.rmtree(scratch, ignore_errors=True)
    return True


def show_failure(name: str, error: Exception, scratch: Path):
    """What went wrong, where, and the end of every peer's log."""
    for log in sorted((scratch / "logs").glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        print(f"--- end of {log}", *lines, sep="\n")
    print(f"--- {name} fails")
    if isinstance(error, Failure):
        place = traceback.extract_tb(error.__traceback__)
        print(*(f"  {Path(frame.filename).name}:{frame.lineno} {frame.line}" for frame in place[1:-1]), sep="\n")
        print(error)
    else:
        print("".join(traceback.format_exception(error)))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
