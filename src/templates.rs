//! The plan files that `init` starts from; [`ci`] has the CI job files.
//!
//! Knows the embedded texts and where the stack's name goes. Writes no files; the fields' meaning is in `spec`.

pub mod ci;

/// A plan file to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// What the command line calls it.
    pub name: &'static str,
    /// What it is for, in one line.
    pub summary: &'static str,
    /// Whether it can be applied on the local cloud as it is: what it names is there, and it asks for no TLS.
    pub runs_locally: bool,
    /// Its text; `{{name}}` stands for the stack's name.
    pub text: &'static str,
}

/// All templates, the one for beginners first.
pub const TEMPLATES: &[Template] = &[
    Template {
        name: "quickstart",
        summary: "3 shards x 3 small nodes, and a client host with redis-cli",
        runs_locally: true,
        text: include_str!("../templates/quickstart.yaml"),
    },
    Template {
        name: "production",
        summary: "own VPC, TLS, encryption at rest, backups, logs",
        runs_locally: false,
        text: include_str!("../templates/production.yaml"),
    },
    Template {
        name: "cluster-only",
        summary: "no client host: applications that exist already are let in",
        runs_locally: false,
        text: include_str!("../templates/cluster-only.yaml"),
    },
    Template {
        name: "ci",
        summary: "one small cluster for each CI job",
        runs_locally: true,
        text: include_str!("../templates/ci.yaml"),
    },
    Template {
        name: "full",
        summary: "every field with its meaning and its default",
        runs_locally: true,
        text: include_str!("../templates/full.yaml"),
    },
];

impl Template {
    /// The template `name`.
    pub fn named(name: &str) -> Option<&'static Template> {
        TEMPLATES.iter().find(|template| template.name == name)
    }

    /// The plan file for the stack `stack`.
    pub fn render(&self, stack: &str) -> String {
        self.text.replace("{{name}}", stack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{ReadOptions, TABLES, read};

    #[test]
    fn every_template_is_a_plan_file() {
        let options = ReadOptions { variable: &|_| None };
        for template in TEMPLATES {
            let text = template.render("day19");
            match read(template.name, &text, &options) {
                Ok(file) => assert!(file.spec.name.starts_with("day19"), "{}", template.name),
                Err(problems) => {
                    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
                    panic!("{}", told.join("\n"));
                }
            }
        }
        assert_eq!(Template::named("ci").map(|template| template.name), Some("ci"));
        assert_eq!(Template::named("none"), None);
    }

    #[test]
    fn the_full_template_explains_every_field() {
        let text = Template::named("full").map(|template| template.render("day19")).unwrap();
        for table in TABLES {
            for name in table.names {
                let explained = text.lines().any(|line| {
                    let line = line.trim_start_matches([' ', '#', '-', '{']);
                    line.starts_with(&format!("{name}:")) || text.contains(&format!("{{{name}:"))
                });
                assert!(explained, "`{name}` of {} isn't explained", table.title);
            }
        }
    }

    /// No example in a comment is wrong: each is read in its place.
    #[test]
    fn examples_in_comments_are_right() {
        let options = ReadOptions { variable: &|_| None };
        for template in TEMPLATES {
            let text = template.render("day19");
            let mut tried = 0;
            for (at, _) in text.lines().enumerate() {
                let Some(uncommented) = uncommented(&text, at) else {
                    continue;
                };
                tried += 1;
                if let Err(problems) = read(template.name, &uncommented, &options) {
                    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
                    let wrong: Vec<&String> = told.iter().filter(|told| !needs_another_field(told)).collect();
                    assert!(wrong.is_empty(), "{}:{}: {wrong:#?}", template.name, at + 1);
                }
            }
            assert!(template.name != "full" || tried > 35, "{tried}");
        }
    }

    /// A rule about two fields may well speak up where only one of them is uncommented.
    fn needs_another_field(told: &str) -> bool {
        ["needs", "only `cache.r6gd` nodes", "`node_groups` has"].iter().any(|part| told.contains(part))
    }

    /// The text with the field commented out at line `at`, and what is indented below it, uncommented.
    fn uncommented(text: &str, at: usize) -> Option<String> {
        let body = |line: &str| {
            let indent = line.len() - line.trim_start().len();
            let rest = line.trim_start().strip_prefix("# ")?;
            Some((indent, rest.to_owned()))
        };
        let lines: Vec<&str> = text.lines().collect();
        let (indent, rest) = body(lines.get(at)?)?;
        let is_field = |rest: &str| {
            let name = rest.split(':').next().unwrap_or_default();
            TABLES.iter().any(|table| table.names.contains(&name)) && rest.contains(':')
        };
        if !is_field(&rest) {
            return None;
        }
        let below = lines
            .iter()
            .skip(at + 1)
            .map_while(|line| body(line).filter(|(_, rest)| rest.starts_with("  ")))
            // Alternatives of one field are written as a mapping of braces.
            .filter(|(_, rest)| !rest.trim_start().starts_with('{'));
        let mut block = vec![format!("{}{rest}", " ".repeat(indent))];
        block.extend(below.map(|(_, rest)| format!("{}{rest}", " ".repeat(indent))));
        let before = lines.iter().take(at).map(|line| (*line).to_owned());
        let after = lines.iter().skip(at + block.len()).map(|line| (*line).to_owned());
        let all: Vec<String> = before.chain(block.clone()).chain(after).collect();
        Some(all.join("\n") + "\n")
    }
}
