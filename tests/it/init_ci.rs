//! `init --ci`: which files it writes, what it leaves alone, and what it says. That the files are right is for
//! `.ci/interop` to say, which holds them against the CI systems' schemas and runs their steps.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use expect_test::{Expect, expect};

use crate::sandbox::{Ran, Sandbox};

fn shown(ran: &Ran, expected: &Expect) {
    expected.assert_eq(ran.shown());
}

fn read(sandbox: &Sandbox, path: &str) -> String {
    fs::read_to_string(sandbox.folder().join(path)).unwrap()
}

#[test]
fn github_gets_two_workflows_and_a_plan_file_for_the_tests() {
    let sandbox = Sandbox::new();
    sandbox.run_well(&["init", "stacks.yaml"]);
    shown(
        &sandbox.run(&["init", "stacks.yaml", "--ci", "github"]),
        &expect![[r#"
        status: 0
        --- stdout
        wrote .github/workflows/shardform.yml       plan on a pull request, apply on main, cleanup every hour
        wrote .github/workflows/shardform-test.yml  a cluster for each run of the tests
        wrote shardform-ci.yaml                     the plan file of the tests' clusters

        Next:
          on AWS, IAM: an identity provider for token.actions.githubusercontent.com, and the roles below that trust it
          on GitHub, Settings > Secrets and variables > Actions > Variables:
            SHARDFORM_GIT          URL of shardform's source; there is no release to install yet
            SHARDFORM_REV          the commit to build
            SHARDFORM_PLAN_ROLE    ARN of an IAM role that may only read
            SHARDFORM_APPLY_ROLE   ARN of the role that makes changes
            SHARDFORM_TEST_ROLE    ARN of the role that makes and deletes test clusters
            SHARDFORM_TEST_RUNNER  a runner in the VPC; without it the test job is left out
            CI_NETWORK             where that runner is, such as 10.0.0.0/16
          on GitHub, Settings > Environments: `production`, with reviewers if somebody is to agree to each apply
          in stacks.yaml, if it has a client host: `client.key_pair` with a key of yours; a runner forgets a generated one
        --- stderr
    "#]],
    );
    assert!(read(&sandbox, ".github/workflows/shardform.yml").contains(r#"paths: ["stacks.yaml", "#));
    assert!(read(&sandbox, ".github/workflows/shardform-test.yml").contains(r#"PLAN_FILE: "shardform-ci.yaml""#));
    sandbox.run_well(&["validate", "shardform-ci.yaml", "--set", "CI_JOB_ID=12345678901-1"]);

    // Nothing is overwritten, unless that is asked for; the plan file of the tests not even then.
    sandbox.file("shardform-ci.yaml", "# mine\n");
    sandbox.file(".github/workflows/shardform-test.yml", "# mine\n");
    shown(
        &sandbox.run(&["init", "stacks.yaml", "--ci", "github"]),
        &expect![[r#"
        status: 1
        --- stdout
        --- stderr
        error: .github/workflows/shardform.yml exists
          hint: overwrite it with `--force`
    "#]],
    );
    fs::remove_file(sandbox.folder().join(".github/workflows/shardform.yml")).unwrap();
    assert_eq!(sandbox.run(&["init", "stacks.yaml", "--ci", "github"]).status, 1);
    assert!(!sandbox.folder().join(".github/workflows/shardform.yml").exists(), "all or nothing");
    let ran = sandbox.run_well(&["init", "stacks.yaml", "--ci", "github", "--force"]);
    assert!(ran.stdout.contains("kept  shardform-ci.yaml"), "{}", ran.stdout);
    assert_eq!(read(&sandbox, "shardform-ci.yaml"), "# mine\n");
    assert!(read(&sandbox, ".github/workflows/shardform-test.yml").contains("make test"));
}

#[test]
fn gitlab_gets_its_jobs_in_a_file_of_their_own() {
    let sandbox = Sandbox::new();
    shown(
        &sandbox.run(&["init", "--ci", "gitlab"]),
        &expect![[r#"
        status: 0
        --- stdout
        wrote .gitlab-ci.shardform.yml  plan, apply, a cluster for each run of the tests, cleanup
        wrote .gitlab-ci.yml            includes it
        wrote shardform-ci.yaml         the plan file of the tests' clusters

        Next:
          shardform init shardform.yaml: there is no such plan file yet
          on AWS, IAM: an identity provider for your GitLab instance, and the roles below that trust it
          on GitLab, Settings > CI/CD > Variables:
            SHARDFORM_GIT            URL of shardform's source; there is no release to install yet
            SHARDFORM_REV            the commit to build
            SHARDFORM_PLAN_ROLE      ARN of an IAM role that may only read
            SHARDFORM_APPLY_ROLE     ARN of the role that makes changes
            SHARDFORM_TEST_ROLE      ARN of the role that makes and deletes test clusters
            SHARDFORM_TEST_RUNNER    a runner in the VPC; without it the test job is left out
            CI_NETWORK               where that runner is, such as 10.0.0.0/16
            SHARDFORM_COMMENT_TOKEN  a project access token that may comment; without it there is no comment
          on GitLab, Build > Pipeline schedules: one an hour, for the job `shardform cleanup`
          in shardform.yaml, if it has a client host: `client.key_pair` with a key of yours; a runner forgets a generated one
        --- stderr
    "#]],
    );
    assert!(read(&sandbox, ".gitlab-ci.yml").contains("local: .gitlab-ci.shardform.yml"));
    assert!(read(&sandbox, ".gitlab-ci.shardform.yml").contains(r#"PLAN_FILE: "shardform.yaml""#));

    // A pipeline that is there already stays as it is.
    let other = Sandbox::new();
    other.file(".gitlab-ci.yml", "build: {script: [make]}\n");
    let ran = other.run_well(&["init", "--ci", "gitlab"]);
    assert!(ran.stdout.contains("in .gitlab-ci.yml: include:"), "{}", ran.stdout);
    assert_eq!(read(&other, ".gitlab-ci.yml"), "build: {script: [make]}\n");
}

#[test]
fn programs_read_what_was_written() {
    let sandbox = Sandbox::new();
    sandbox.file(".gitlab-ci.yml", "build: {script: [make]}\n");
    let told = sandbox.run_well(&["init", "day19.yaml", "--ci", "gitlab", "--json"]).json();
    assert_eq!(told["written"], serde_json::json!([".gitlab-ci.shardform.yml", "shardform-ci.yaml"]));
    assert_eq!(told["kept"], serde_json::json!([".gitlab-ci.yml"]));
    assert_eq!(told["variables"][0]["name"], "SHARDFORM_GIT");
}

#[test]
fn a_path_that_would_mean_something_else_is_refused() {
    let sandbox = Sandbox::new();
    shown(
        &sandbox.run(&["init", "../day 19.yaml", "--ci", "github"]),
        &expect![[r#"
        status: 1
        --- stdout
        --- stderr
        error: a CI job can't name the plan file ../day 19.yaml
          hint: a path from the repository's root, of letters, digits and the characters . _ - /
    "#]],
    );
    shown(
        &sandbox.run(&["init", "--ci", "jenkins"]),
        &expect![[r#"
        status: 1
        --- stdout
        --- stderr
        error: invalid value 'jenkins' for '--ci <SYSTEM>'
          [possible values: github, gitlab]

        For more information, try '--help'.
    "#]],
    );
    shown(
        &sandbox.run(&["init", "--ci", "github", "--template", "ci"]),
        &expect![[r#"
        status: 1
        --- stdout
        --- stderr
        error: the argument '--ci <SYSTEM>' cannot be used with '--template <NAME>'

        Usage: shardform init --ci <SYSTEM> [FILE]

        For more information, try '--help'.
    "#]],
    );
    assert_eq!(fs::read_dir(sandbox.folder()).unwrap().count(), 1, "the home alone");
}

/// The names of API operations that a source file calls, as IAM has them: `describe_vpcs()` is `DescribeVpcs`.
fn operations(text: &str) -> Vec<String> {
    const VERBS: [&str; 18] = [
        "add",
        "authorize",
        "copy",
        "create",
        "decrease",
        "delete",
        "describe",
        "get",
        "import",
        "increase",
        "list",
        "modify",
        "remove",
        "revoke",
        "run",
        "send",
        "terminate",
        "test",
    ];
    let calls = text.split('.').filter_map(|part| part.split_once("()"));
    let names = calls.map(|(name, _)| name).filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
    // `create_time` is a part of an answer.
    let names = names.filter(|name| *name != "create_time");
    let operations = names.filter(|name| name.split_once('_').is_some_and(|(verb, _)| VERBS.contains(&verb)));
    let camel = |name: &str| {
        let words = name.split('_').map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..]));
        words.collect::<String>()
    };
    operations.map(camel).collect()
}

/// Every Rust file below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

#[test]
fn the_roles_of_the_page_may_do_every_call_that_is_made() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/ci.md")).unwrap().to_lowercase();
    let files = sources(&root.join("src/aws"));
    let called: BTreeSet<String> =
        files.iter().flat_map(|file| operations(&fs::read_to_string(file).unwrap())).collect();
    assert!(called.len() > 35 && called.contains("DescribeReplicationGroups"), "{called:?}");
    let may = |name: &str| name.starts_with("Describe") || page.contains(&format!(":{}\"", name.to_lowercase()));
    let missing: Vec<&String> = called.iter().filter(|name| !may(name)).collect();
    assert!(missing.is_empty(), "docs/ci.md gives no role these: {missing:?}");
}
