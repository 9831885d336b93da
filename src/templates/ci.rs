//! The CI job files that `init --ci` writes.
//!
//! Knows the embedded texts, where each CI system wants them, and where the plan file's name goes. Writes no files.

use super::Template;

/// The plan file of the clusters that tests get.
pub const TEST_PLAN_FILE: &str = "shardform-ci.yaml";
/// What a test's stack is called before the job's number.
const TEST_STACK: &str = "ci";

/// A CI system that there are job files for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CiSystem {
    /// GitHub Actions.
    Github,
    /// GitLab CI/CD.
    Gitlab,
}

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CiFile {
    /// Where, from the repository's root.
    pub path: &'static str,
    /// What it is for, in one line.
    pub summary: &'static str,
    /// Whether one that is there already is the user's, and stays.
    pub keeps: bool,
    /// Its text.
    pub text: String,
}

/// A path that the job files can name as it is: from the repository's root, and without a character that YAML, a shell
/// or a CI system gives a meaning to. `None` if it isn't one.
pub fn plan_file_path(path: &str) -> Option<&str> {
    let path = path.trim_start_matches("./");
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let is_part = |part: &str| !["", ".", ".."].contains(&part);
    // One that begins with a hyphen would be read as an option.
    let names = path.chars().all(is_plain) && path.split('/').all(is_part) && !path.starts_with('-');
    names.then_some(path)
}

impl CiSystem {
    /// All files for the plan file at `plan_file`, a path that [`plan_file_path`] has let pass.
    pub fn files(self, plan_file: &str) -> Vec<CiFile> {
        let render = |text: &str| text.replace("{{file}}", plan_file).replace("{{test_file}}", TEST_PLAN_FILE);
        let file = |path, summary, text: &str| CiFile { path, summary, keeps: false, text: render(text) };
        let mut files = match self {
            CiSystem::Github => vec![
                file(
                    ".github/workflows/shardform.yml",
                    "plan on a pull request, apply on main, cleanup every hour",
                    include_str!("../../templates/ci/github.yml"),
                ),
                file(
                    ".github/workflows/shardform-test.yml",
                    "a cluster for each run of the tests",
                    include_str!("../../templates/ci/github-test.yml"),
                ),
            ],
            CiSystem::Gitlab => vec![
                file(
                    GITLAB_JOBS,
                    "plan, apply, a cluster for each run of the tests, cleanup",
                    &include_str!("../../templates/ci/gitlab.yml").replace("{{job_file}}", GITLAB_JOBS),
                ),
                CiFile {
                    keeps: true,
                    ..file(".gitlab-ci.yml", "includes it", include_str!("../../templates/ci/gitlab-include.yml"))
                },
            ],
        };
        files.extend(Template::named("ci").map(|template| CiFile {
            path: TEST_PLAN_FILE,
            summary: "the plan file of the tests' clusters",
            keeps: true,
            text: template.render(TEST_STACK),
        }));
        files
    }

    /// The variables that the jobs need, each with what it holds.
    pub fn variables(self) -> &'static [(&'static str, &'static str)] {
        match self {
            CiSystem::Github => &VARIABLES[..VARIABLES.len() - 1],
            CiSystem::Gitlab => VARIABLES,
        }
    }
}

const GITLAB_JOBS: &str = ".gitlab-ci.shardform.yml";

/// The last one is GitLab's alone: a job of GitHub's may comment with its own token.
const VARIABLES: &[(&str, &str)] = &[
    ("SHARDFORM_GIT", "URL of shardform's source; there is no release to install yet"),
    ("SHARDFORM_REV", "the commit to build"),
    ("SHARDFORM_PLAN_ROLE", "ARN of an IAM role that may only read"),
    ("SHARDFORM_APPLY_ROLE", "ARN of the role that makes changes"),
    ("SHARDFORM_TEST_ROLE", "ARN of the role that makes and deletes test clusters"),
    ("SHARDFORM_TEST_RUNNER", "a runner in the VPC; without it the test job is left out"),
    ("CI_NETWORK", "where that runner is, such as 10.0.0.0/16"),
    ("SHARDFORM_COMMENT_TOKEN", "a project access token that may comment; without it there is no comment"),
];

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEMS: [CiSystem; 2] = [CiSystem::Github, CiSystem::Gitlab];

    #[test]
    fn the_plan_files_name_is_filled_in() {
        for system in SYSTEMS {
            let files = system.files("stacks/day19.yaml");
            assert!(files.iter().any(|file| file.text.contains("PLAN_FILE: \"stacks/day19.yaml\"")));
            assert!(files.iter().any(|file| file.text.contains("PLAN_FILE: \"shardform-ci.yaml\"")));
            for file in files {
                for left in ["{{file", "{{test_file", "{{job_file", "{{name"] {
                    assert!(!file.text.contains(left), "{}: {left}", file.path);
                }
            }
        }
    }

    /// A variable that a job file reads is one that `init` tells of, and the other way round.
    #[test]
    fn the_variables_are_those_that_the_jobs_read() {
        for system in SYSTEMS {
            let texts: Vec<String> = system.files("day19.yaml").into_iter().map(|file| file.text).collect();
            let text = texts.join("\n");
            let named = |word: &str| text.contains(&format!("vars.{word}")) || text.contains(&format!("${word}"));
            let braced = |word: &str| text.contains(&format!("${{{word}:"));
            for (name, _) in system.variables() {
                assert!(named(name) || braced(name), "{system:?}: {name}");
            }
            let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            for word in words.filter(|word| word.starts_with("SHARDFORM_")) {
                assert!(system.variables().iter().any(|(name, _)| *name == word), "{system:?}: {word}");
            }
        }
    }

    /// No key of AWS's in a job file: roles alone.
    #[test]
    fn no_job_has_a_long_lived_key() {
        for file in SYSTEMS.iter().flat_map(|system| system.files("day19.yaml")) {
            for word in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "secrets.", "aws-access-key-id"] {
                assert!(!file.text.contains(word), "{}: {word}", file.path);
            }
        }
    }

    #[test]
    fn only_paths_without_a_second_meaning_pass() {
        assert_eq!(plan_file_path("./stacks/day19.yaml"), Some("stacks/day19.yaml"));
        assert_eq!(plan_file_path("shardform.yaml"), Some("shardform.yaml"));
        for wrong in ["/etc/day19.yaml", "../day19.yaml", "a/../b.yaml", "a b.yaml", "$A.yaml", "a\"b", "-f.yaml", ""] {
            assert_eq!(plan_file_path(wrong), None, "{wrong}");
        }
    }
}
