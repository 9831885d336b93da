"""The job files that `shardform init --ci` writes: right by the CI systems' own schemas, and their steps run against
`shardform-node` with real nodes. Nothing in them is replaced: `cargo` is one that copies what is built already, and the
API for comments is a server of ours.
"""

from pathlib import Path

import yaml

import peers
from check import Failure, check, check_equal
from ci_comments import BOT, SOMEBODY, TOKEN, Comments
from ci_jobs import GithubWorkflow, GitlabPipeline, joined
from commands import run
from live import TAG, clients, tags_of
from processes import clean_environment

SHARDS, PORT = 1, 17500
EXPIRES_TAG = "shardform:expires"
MARK = "<!-- shardform plan stacks/shop.yaml -->"
GITHUB_FILES = [".github/workflows/shardform.yml", ".github/workflows/shardform-test.yml"]
GITLAB_FILE = ".gitlab-ci.shardform.yml"
VARIABLES = {"SHARDFORM_GIT": "https://git.invalid/shardform", "SHARDFORM_REV": "0123abc"}
VARIABLES |= {"SHARDFORM_TEST_RUNNER": "vpc", "CI_NETWORK": "10.0.0.0/16"}

# Stands for `cargo install`, which would compile for minutes: copies, and only if it is asked as it should be.
CARGO = """#!/bin/sh
set -eu
[ "$*" = "install --locked --root .shardform --bin shardform --git https://git.invalid/shardform --rev 0123abc" ]
mkdir -p .shardform/bin
cp "{program}" .shardform/bin/shardform
"""
# The user's tests: use the cluster, and end as the file `wanted` says.
MAKEFILE = """test:
\ttest "$$(redis-cli -c -h $$REDIS_HOST -p $$REDIS_PORT set order 7)" = OK
\ttest "$$(redis-cli -c -h $$REDIS_HOST -p $$REDIS_PORT get order)" = 7
\techo used >>used
\ttest ! -e fail
"""
PLAN_FILE = """name: shop
region: us-east-1
cluster:
  node_type: cache.t2.micro
  shards: {shards}
  replicas_per_shard: 1
  port: {port}
"""


def scenario(scratch: Path, binaries: Path, ci_tools: Path, **_):
    """Both systems, one after the other, each with a local cloud of its own."""
    for system in (Github, Gitlab):
        folder = scratch / system.name
        folder.mkdir()
        environment = clean_environment(folder)
        with peers.node(environment, folder, binaries) as node, Comments(system.name) as comments:
            repository = Repository(folder / "shop", binaries, environment, system)
            repository.check_files(ci_tools)
            environment |= {"AWS_ENDPOINT_URL": node.url, "PATH": f"{repository.tools}:{environment['PATH']}"}
            ci = system(repository, environment, comments)
            live = clients(node.url)
            check_when(ci)
            check_plan_and_apply(ci, repository, live)
            check_tests(ci, repository, live)
            check_cleanup(ci, live)


class Repository:
    """A user's repository, with the files that `init` writes."""

    def __init__(self, folder: Path, binaries: Path, environment: dict[str, str], system):
        self.folder, self.system = folder, system
        self.environment, self.program = dict(environment), binaries / "shardform"
        self.tools = folder.parent / "tools"
        for needed in (folder / "stacks", self.tools):
            needed.mkdir(parents=True)
        cargo = self.tools / "cargo"
        cargo.write_text(CARGO.format(program=self.program))
        cargo.chmod(0o755)
        (folder / "Makefile").write_text(MAKEFILE)
        self.write_plan_file(SHARDS)
        run([self.program, "init", "stacks/shop.yaml", "--ci", system.name], environment, folder)
        tests = folder / "shardform-ci.yaml"
        tests.write_text(f"{tests.read_text()}  port: {PORT + 1}\n")

    def write_plan_file(self, shards: object):
        """The plan file of the main branch's cluster."""
        (self.folder / "stacks/shop.yaml").write_text(PLAN_FILE.format(shards=shards, port=PORT))

    def check_files(self, tools: Path):
        """The schemas of SchemaStore and GitLab, as `check-jsonschema` ships them; and the steps by ShellCheck."""
        for file in self.system.files:
            schema = ["--builtin-schema", self.system.schema]
            run([tools / "check-jsonschema", *schema, file], self.environment, self.folder)
        scripts = self.system.scripts(self.folder)
        check(len(scripts) >= 3, "the scripts of all jobs", scripts)
        for number, script in enumerate(scripts):
            file = self.folder.parent / f"script-{number}.sh"
            file.write_text(f"#!/bin/bash\n{script}")
            run([tools / "shellcheck", "--severity", "warning", file], self.environment, self.folder)


class Github:
    """GitHub Actions."""

    name, schema, files = "github", "vendor.github-workflows", GITHUB_FILES

    def __init__(self, repository: Repository, environment: dict[str, str], comments: Comments):
        self.folder, self.comments, self.runs = repository.folder, comments, 0
        own = {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(self.folder)}
        own |= {"GITHUB_API_URL": comments.url, "GITHUB_REPOSITORY": "someone/shop"}
        self.environment = environment | own

    @staticmethod
    def scripts(folder: Path) -> list[str]:
        """Every `run`."""
        jobs = [job for file in GITHUB_FILES for job in yaml.safe_load((folder / file).read_text())["jobs"].values()]
        return [step["run"] for job in jobs for step in job["steps"] if "run" in step]

    def at(self, event: str, fork: bool = False, file: int = 0, **variables: str):
        """The workflow of a file at an event."""
        self.runs += 1
        source = self.folder / GITHUB_FILES[file]
        github = {"event_name": event, "repository": "someone/shop", "token": TOKEN, "run_attempt": 1}
        github |= {"run_id": 10_000_000_000 + self.runs, "ref": "refs/heads/main", "event": {}}
        if event == "pull_request":
            head = {"repo": {"full_name": "stranger/shop" if fork else "someone/shop"}}
            github |= {"ref": "refs/pull/12/merge", "event": {"pull_request": {"number": 12, "head": head}}}
        else:
            github["event"] = {"pull_request": {"head": {"repo": {"full_name": ""}}}}
        return GithubWorkflow(source, self.environment, github, VARIABLES | variables)

    def wanted(self, event: str, **options) -> set[str]:
        """The jobs that run at an event."""
        wanted = set()
        for file, jobs in enumerate((("plan", "apply", "cleanup"), ("test",))):
            workflow = self.at(event, file=file, **options)
            # The key `on` is YAML's word for true.
            if event in workflow.workflow[True]:
                wanted |= {job for job in jobs if workflow.wants(job)}
        return wanted

    def plan(self):
        return self.at("pull_request").run("plan")

    def apply(self):
        return self.at("push").run("apply")

    def test(self, dies: bool = False):
        until = "Delete the cluster" if dies else None
        return self.at("pull_request", file=1).run("test", until=until)

    def cleanup(self):
        return self.at("schedule").run("cleanup")


class Gitlab:
    """GitLab CI/CD."""

    name, schema, files = "gitlab", "vendor.gitlab-ci", [GITLAB_FILE, ".gitlab-ci.yml"]

    def __init__(self, repository: Repository, environment: dict[str, str], comments: Comments):
        self.folder, self.comments, self.runs = repository.folder, comments, 0
        own = {"CI": "true", "GITLAB_CI": "true", "CI_PROJECT_DIR": str(self.folder), "CI_API_V4_URL": comments.url}
        self.environment = environment | own

    @staticmethod
    def scripts(folder: Path) -> list[str]:
        """Every script as it is run: with what comes before it."""
        jobs = yaml.safe_load((folder / GITLAB_FILE).read_text())
        before = jobs[".shardform"]["before_script"]
        texts = [joined(before + job["script"]) for job in jobs.values() if "script" in job]
        return texts + [joined(job["after_script"]) for job in jobs.values() if "after_script" in job]

    def at(self, event: str, fork: bool = False, **variables: str):
        """The pipeline at an event."""
        self.runs += 1
        source = self.folder / GITLAB_FILE
        own = {"CI_PIPELINE_SOURCE": event, "CI_JOB_ID": str(10_000_000_000 + self.runs), "CI_DEFAULT_BRANCH": "main"}
        own |= {"CI_PROJECT_ID": "3", "SHARDFORM_COMMENT_TOKEN": TOKEN}
        if event == "merge_request_event":
            own |= {"CI_MERGE_REQUEST_IID": "12", "CI_MERGE_REQUEST_PROJECT_ID": "3"}
            own |= {"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "4" if fork else "3"}
        else:
            own |= {"CI_COMMIT_BRANCH": "main"}
        return GitlabPipeline(source, self.environment, VARIABLES | own | variables)

    def wanted(self, event: str, **options) -> set[str]:
        """The jobs that run at an event."""
        pipeline = self.at({"pull_request": "merge_request_event"}.get(event, event), **options)
        return {job for job in ("plan", "apply", "cleanup", "test") if pipeline.wants(f"shardform {job}")}

    def plan(self):
        return self.at("merge_request_event").run("shardform plan")

    def apply(self):
        return self.at("push").run("shardform apply")

    def test(self, dies: bool = False):
        return self.at("merge_request_event").run("shardform test", with_end=not dies)

    def cleanup(self):
        return self.at("schedule").run("shardform cleanup")


def check_when(ci):
    """Each job runs when it should, and for nobody else."""
    check_equal(ci.wanted("pull_request"), {"plan", "test"}, "jobs at a change")
    check_equal(ci.wanted("pull_request", fork=True), set(), "jobs at a fork's change")
    check_equal(ci.wanted("pull_request", SHARDFORM_TEST_RUNNER=""), {"plan"}, "jobs without a runner in the VPC")
    check_equal(ci.wanted("push"), {"apply"}, "jobs on the main branch")
    check_equal(ci.wanted("schedule"), {"cleanup"}, "jobs of the schedule")


def check_plan_and_apply(ci, repository: Repository, live):
    """One comment, however often it is planned, and not somebody else's; then the cluster."""
    comments = ci.comments
    comments.add(f"{MARK}\nI have copied this", SOMEBODY)
    for number in range(150):
        comments.add(f"comment {number}", SOMEBODY)

    expect(ci.plan())
    [body] = comments.bodies(BOT)
    check_comment(body, "changes, applied when this is merged", "    3 to create, 0 to update, 0 to replace, 0 to delete")
    check_equal(stacks(live), set(), "a plan makes nothing")

    expect(ci.apply())
    check_equal(stacks(live), {"shop"}, "stacks after apply")
    expect(ci.plan())
    check_comment(comments.bodies(BOT)[0], "nothing to change", "      nothing to change\n")

    repository.write_plan_file(SHARDS + 1)
    expect(ci.plan())
    check_comment(comments.bodies(BOT)[0], "changes, applied", "1 -> 2", "0 to create, 1 to update")

    repository.write_plan_file("many")
    expect(ci.plan(), succeeded=False)
    check_comment(comments.bodies(BOT)[0], "failed", "stacks/shop.yaml:5:11: `shards` can't be the text `many`")
    repository.write_plan_file(SHARDS)
    update = {"github": "PATCH", "gitlab": "PUT"}[comments.system]
    check_equal(comments.writes, ["POST", update, update, update], "one comment, then updates of it")
    check_equal(len(comments.bodies(SOMEBODY)), 151, "other people's comments")
    check_equal(comments.bodies(SOMEBODY)[0], f"{MARK}\nI have copied this", "somebody's comment")


def check_comment(body: str, title: str, *parts: str):
    """The comment's first line, its title, and what else it has to say."""
    check(body.startswith(f"{MARK}\n**shardform plan** of `stacks/shop.yaml`: {title}"), "begin of the comment", body)
    for part in parts:
        check(part in body, f"the comment should have {part!r}", body)


def check_tests(ci, repository: Repository, live):
    """A cluster for the tests, gone at their end, however they end."""
    (repository.folder / "fail").touch()
    expect(ci.test(), succeeded=False)
    check_equal(stacks(live), {"shop"}, "stacks after tests that failed")
    (repository.folder / "fail").unlink()
    expect(ci.test())
    check_equal(stacks(live), {"shop"}, "stacks after tests that passed")
    used = (repository.folder / "used").read_text().split()
    check_equal(used, ["used", "used"], "the tests have used their clusters")


def check_cleanup(ci, live):
    """What a runner that has died leaves behind goes when it has expired, and not before; nothing else goes."""
    expect(ci.test(dies=True))
    left = stacks(live) - {"shop"}
    check_equal(len(left), 1, "the stack that is left", left)
    expect(ci.cleanup())
    check_equal(stacks(live), {"shop"} | left, "stacks that have not expired stay")
    expect(ci.test(dies=True))
    check_equal(len(stacks(live)), 3, "stacks that are left")
    let_expire(left.pop(), live)
    expect(ci.cleanup())
    check_equal(len(stacks(live)), 2, "the expired stack has gone, and no other")
    check("shop" in stacks(live), "the cluster of the main branch stays", stacks(live))


def let_expire(stack: str, live):
    """Makes a stack one that has expired long ago: its tags say so."""
    cache, ec2 = live("elasticache"), live("ec2")
    expired = [{"Key": EXPIRES_TAG, "Value": "2020-01-01T00:00:00Z/2h"}]
    for group in ec2.describe_security_groups(Filters=[{"Name": f"tag:{TAG}", "Values": [stack]}])["SecurityGroups"]:
        ec2.create_tags(Resources=[group["GroupId"]], Tags=expired)
    made = cache.describe_replication_groups()["ReplicationGroups"]
    made += cache.describe_cache_subnet_groups()["CacheSubnetGroups"]
    for arn in (one["ARN"] for one in made):
        if tags_of(cache.list_tags_for_resource(ResourceName=arn)["TagList"]).get(TAG) == stack:
            cache.add_tags_to_resource(ResourceName=arn, Tags=expired)


def stacks(live) -> set[str]:
    """Names of the stacks that have a security group or a replication group."""
    cache = live("elasticache")
    groups = [tags_of(group.get("Tags", [])) for group in live("ec2").describe_security_groups()["SecurityGroups"]]
    for group in cache.describe_replication_groups()["ReplicationGroups"]:
        groups.append(tags_of(cache.list_tags_for_resource(ResourceName=group["ARN"])["TagList"]))
    return {tags[TAG] for tags in groups if TAG in tags}


def expect(job, succeeded: bool = True):
    """Checks how a job has ended."""
    if job.succeeded is not succeeded:
        raise Failure(f"the job should {'succeed' if succeeded else 'fail'}\n{job}")
