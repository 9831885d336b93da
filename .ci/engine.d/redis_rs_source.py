"""redis-rs's test suite, from the crate that this project's own tests use, made into a package that can be built.

The published crate has its tests, and lacks two things of its workspace: the helper crate redis-test, which is published
too, and the attribute `async_test`, for which `async_test/` stands in.
"""

import json
import re
import shutil
from pathlib import Path

import tools

HELPER = "1.0.4"
"""The version of redis-test that fits."""
FEATURES = "tokio-comp,cluster,cluster-async,connection-manager,aio"
LEFT_OUT = re.compile(r"\[\[(bench|example)\]\]|\[dev-dependencies\.criterion\]")


def crate_folder(repository: Path) -> Path:
    """Where cargo has the crate `redis` of the version in Cargo.lock."""
    words = ["cargo", "metadata", "--locked", "--format-version", "1", "--manifest-path", repository / "Cargo.toml"]
    packages = json.loads(tools.run(words))["packages"]
    [found] = [Path(package["manifest_path"]).parent for package in packages if package["name"] == "redis"]
    return found


def prepare(crate: Path, folder: Path) -> Path:
    """A package with the crate's code and tests, unless it is there already."""
    package = folder / crate.name
    if (package / ".complete").exists():
        return package
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(crate, package)
    stand_in = Path(__file__).parent / "async_test"
    manifest = without_sections((crate / "Cargo.toml").read_text())
    manifest += f'\n[dev-dependencies.redis-test]\nversion = "={HELPER}"\nfeatures = ["aio"]\n'
    manifest += f'\n[dev-dependencies.test-macros]\npath = "{stand_in}"\n'
    manifest += '\n[patch.crates-io]\nredis = { path = "." }\n\n[workspace]\n'
    (package / "Cargo.toml").write_text(manifest)
    (package / "Cargo.lock").unlink(missing_ok=True)
    (package / ".complete").touch()
    return package


def without_sections(manifest: str) -> str:
    """A manifest without what is only for measuring and showing."""
    sections = re.split(r"(?m)^(?=\[)", manifest)
    return "".join(section for section in sections if not LEFT_OUT.match(section))


def build(package: Path, suites: list[str], target: Path) -> dict[str, Path]:
    """Builds the suites: a program for each."""
    words = ["cargo", "test", "--no-run", "--features", FEATURES, "--target-dir", target, "--message-format", "json"]
    words += [word for suite in suites for word in ("--test", suite)]
    found = {}
    for line in tools.run(words, folder=package, deadline_s=3600).splitlines():
        message = json.loads(line) if line.startswith("{") else {}
        if message.get("executable") and message["target"]["name"] in suites:
            found[message["target"]["name"]] = Path(message["executable"])
    return found
