"""Runs jobs of a GitHub workflow and of a GitLab pipeline as those systems do: the steps word for word, by the same
shell with the same options, with the variables that a runner sets. What it doesn't know, it refuses.
"""

import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from check import Failure, check
from commands import Outcome

# Actions whose part the scenario's environment plays: the files are there, and so are credentials.
ACTIONS = {"actions/checkout", "actions/cache", "aws-actions/configure-aws-credentials"}
DEADLINE_S = 180


@dataclass
class Job:
    """What a job has done: its end, and each of its steps by name."""

    succeeded: bool
    steps: dict[str, Outcome]

    def __str__(self):
        return "\n".join(f"[{name}]\n{outcome}" for name, outcome in self.steps.items())


def evaluate(expression: str, atom):
    """An expression of `||`, `&&`, `==` and `!=` without brackets; `atom` gives the values of what it is made of.
    As both systems have it, `||` and `&&` give one of their sides."""
    for operator, ends_at in (("||", True), ("&&", False)):
        if operator in expression:
            for part in expression.split(operator):
                found = evaluate(part, atom)
                if bool(found) is ends_at:
                    break
            return found
    for operator, wanted in (("==", True), ("!=", False)):
        if operator in expression:
            left, right = (atom(side.strip()) or "" for side in expression.split(operator))
            return (left == right) is wanted
    return atom(expression.strip())


class GithubWorkflow:
    """A workflow file, with what GitHub would know of one event."""

    def __init__(self, file: Path, environment: dict[str, str], github: dict, variables: dict[str, str]):
        self.workflow = yaml.safe_load(file.read_text())
        self.folder = Path(environment["GITHUB_WORKSPACE"])
        self.environment = environment
        self.known = {"github": github, "vars": variables, "runner": {"os": "Linux", "arch": "X64"}, "steps": {}}

    def wants(self, job: str) -> bool:
        """Whether the job runs at this event."""
        return bool(self._value(str(self.workflow["jobs"][job].get("if", "true"))))

    def run(self, name: str, until: str | None = None) -> Job:
        """Runs a job; up to the step `until`, where the runner is to die before it."""
        job = self.workflow["jobs"][name]
        check(self.wants(name), f"the job {name} runs at this event", self.known["github"])
        check(self.workflow["permissions"] == {}, "no permission by default", self.workflow)
        check(self.workflow["defaults"]["run"]["shell"] == "bash", "the shell is bash", self.workflow)
        self.known["steps"] = {}
        environment = self.environment | self._filled(self.workflow.get("env", {}))
        environment |= self._filled(job.get("env", {}))
        result = Job(True, {})
        for step in job["steps"]:
            if until and step.get("name") == until:
                break
            condition = str(step.get("if", "success()"))
            if not (result.succeeded or "always()" in condition) or not self._value(condition):
                continue
            if "uses" in step:
                check(step["uses"].split("@")[0] in ACTIONS, "an action that the scenario plays", step)
                self._filled(step.get("with", {}))
                continue
            outcome = self._step(step, environment)
            result.steps[step["name"]] = outcome
            result.succeeded = result.succeeded and outcome.status == 0
        return result

    def _step(self, step: dict, environment: dict[str, str]) -> Outcome:
        """Runs one step; what it writes for the following ones comes into `environment`."""
        files = {name: self.folder / f".{name.lower()}" for name in ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH")}
        for file in files.values():
            file.write_text("")
        check("${{" not in step["run"], "what people can choose comes as a variable, never into a script", step)
        everything = environment | self._filled(step.get("env", {}))
        everything |= {name: str(file) for name, file in files.items()}
        # GitHub's own command line for `shell: bash`.
        options = ["--noprofile", "--norc", "-eo", "pipefail"]
        outcome = bash(step["name"], options, step["run"], everything, self.folder)
        pairs = {name: dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
                 for name, file in files.items()}
        if "id" in step:
            self.known["steps"][step["id"]] = {"outputs": pairs["GITHUB_OUTPUT"]}
        environment |= pairs["GITHUB_ENV"]
        for folder in files["GITHUB_PATH"].read_text().split():
            environment["PATH"] = f"{folder}{os.pathsep}{environment['PATH']}"
        return outcome

    def _filled(self, values: dict) -> dict[str, str]:
        """Values with their `${{ … }}` filled in."""
        def fill(text) -> str:
            found = re.sub(r"\$\{\{(.*?)\}\}", lambda match: str(self._value(match[1]) or ""), str(text))
            return found
        return {name: fill(value) for name, value in values.items()}

    def _value(self, expression: str):
        return evaluate(expression, self._atom)

    def _atom(self, text: str):
        if text in ("true", "success()", "always()"):
            return True
        if text.startswith("'"):
            return text.strip("'")
        found = self.known
        for part in text.split("."):
            if not isinstance(found, dict):
                raise Failure(f"no such value: {text}")
            # A variable that isn't set is empty; anything else has to be there.
            found = found.get(part, "") if text.startswith(("vars.", "steps.")) else found.get(part)
        if found is None:
            raise Failure(f"the event has no {text}")
        return found


class GitlabPipeline:
    """A pipeline file, with the variables that GitLab would set for one event."""

    def __init__(self, file: Path, environment: dict[str, str], variables: dict[str, str]):
        self.jobs = yaml.safe_load(file.read_text())
        self.folder = Path(environment["CI_PROJECT_DIR"])
        self.environment = environment
        self.variables = variables

    def wants(self, name: str) -> bool:
        """Whether the job is in this pipeline (as far as that doesn't depend on what has changed)."""
        return any(evaluate(rule["if"], self._atom) for rule in self._job(name)["rules"])

    def run(self, name: str, with_end: bool = True) -> Job:
        """Runs a job; without its `after_script`, where the runner is to die before it."""
        job = self._job(name)
        check(self.wants(name), f"the job {name} is in this pipeline", self.variables)
        environment = self.environment | self.variables
        for variable, value in job["variables"].items():
            environment[variable] = re.sub(r"\$(\w+)", lambda match: environment.get(match[1], ""), str(value))
        for token in job["id_tokens"]:
            environment[token] = "a token that the local cloud doesn't ask for"
        # One shell for both parts, as GitLab's runner makes of them, and another for the end.
        script = bash("script", ["-eo", "pipefail"], joined(job["before_script"] + job["script"]), environment, self.folder)
        steps = {"script": script}
        if with_end and "after_script" in job:
            steps["after_script"] = bash(
                "after_script", ["-eo", "pipefail"], joined(job["after_script"]), environment, self.folder
            )
        return Job(script.status == 0, steps)

    def _job(self, name: str) -> dict:
        """A job, with what it extends; of mappings both sides count."""
        job = self.jobs[name]
        base = self.jobs[job["extends"]]
        return base | job | {"variables": base["variables"] | job.get("variables", {})}

    def _atom(self, text: str):
        if text.startswith('"'):
            return text.strip('"')
        check(text.startswith("$"), "a variable or a text", text)
        return self.variables.get(text.removeprefix("$"), "")


def joined(lines: list[str]) -> str:
    """The lines of a `script` as one text."""
    return "\n".join(lines) + "\n"


def bash(name: str, options: list[str], text: str, environment: dict[str, str], folder: Path) -> Outcome:
    """Runs a script, and shows a line of progress."""
    script = folder / ".script.sh"
    script.write_text(text)
    start = time.monotonic()
    done = subprocess.run(
        ["bash", *options, script],
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    print(f"    {time.monotonic() - start:6.1f} s  status {done.returncode}  step: {name}", flush=True)
    return Outcome(["bash", *options, name], done.returncode, done.stdout, done.stderr)
