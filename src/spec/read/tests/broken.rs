//! Files that are not YAML, or not a mapping, or use YAML's rarer forms.

use expect_test::expect;

use super::{QUICKSTART, check, read_text, spec};

#[test]
fn what_is_no_mapping() {
    check(
        "",
        &expect![[r#"
        plan.yaml:1:1: the plan file is empty
          = a plan file is a mapping with at least `name: …` and `cluster: …`
    "#]],
    );
    check(
        "# nothing\n",
        &expect![[r#"
        plan.yaml:1:1: the plan file is empty
          | # nothing
          | ^^^^^^^^^
          = a plan file is a mapping with at least `name: …` and `cluster: …`
    "#]],
    );
    check(
        "- name: a\n",
        &expect![[r#"
        plan.yaml:1:1: the plan file is a list
          | - name: a
          | ^
          = a plan file is a mapping with at least `name: …` and `cluster: …`
    "#]],
    );
    check(
        "\n\nname\n",
        &expect![[r#"
        plan.yaml:3:1: the plan file is a single value
          | name
          | ^^^^
          = a plan file is a mapping with at least `name: …` and `cluster: …`
    "#]],
    );
    check(
        "name: a\ncluster:\n---\nname: b\n",
        &expect![[r#"
        plan.yaml:4:1: a second document begins here
          | name: b
          | ^^^^
          = a plan file is one document: remove the `---`, or make two files
    "#]],
    );
    check(
        "!plan\nname: a\n",
        &expect![[r#"
        plan.yaml:1:1: the plan file is a value with a YAML tag
          | !plan
          | ^^^^^
          = a plan file is a mapping with at least `name: …` and `cluster: …`
    "#]],
    );
}

#[test]
fn what_is_no_yaml() {
    check(
        "name: a\ncluster:\n\tshards: 3\n",
        &expect![[r#"
        plan.yaml:3:1: a tab can't indent YAML
          | 	shards: 3
          | ^^^^^^^
          = indent with spaces, two a level
    "#]],
    );
    check(
        "name: a\ncluster:\n  shards: 3\n port: 1\n",
        &expect![[r#"
        plan.yaml:4:2: no field can begin here
          |  port: 1
          |  ^^^^
          = indent fields of one section alike, each as `field: value`
    "#]],
    );
    check(
        "name: a: b\n",
        &expect![[r#"
        plan.yaml:1:8: a `:` where no field can begin
          | name: a: b
          |        ^^^
          = indent fields of one section alike; put quotes around a value that has `: ` in it
    "#]],
    );
    check(
        "name: a\ncluster\n",
        &expect![[r#"
            plan.yaml:2:1: a field without its `:`
              | cluster
              | ^^^^^^^
              = write each field as `field: value`
        "#]],
    );
    check(
        "name: \"a\ncluster: {}\n",
        &expect![[r#"
            plan.yaml:1:7: quotes that aren't closed
              | name: "a
              |       ^^
              = add the closing quote
        "#]],
    );
    check(
        "name: @a\n",
        &expect![[r#"
        plan.yaml:1:7: a value can't begin with `@`
          | name: @a
          |       ^^
          = put quotes around it
    "#]],
    );
    check(
        "name: a\ncluster:\n  allow_from: [${NET}]\n",
        &expect![[r#"
            plan.yaml:3:16: `${` in a list or mapping of brackets needs quotes
              |   allow_from: [${NET}]
              |                ^^^^^^
              = inside `[ ]` and `{ }`, put quotes around it: `"${NAME}"`
        "#]],
    );
    check(
        "name: a\ncluster: {shards: 3\n",
        &expect![[r#"
            plan.yaml:2:10: a list or mapping of brackets isn't closed
              | cluster: {shards: 3
              |          ^
              = write `[a, b]` or `{key: value}`
        "#]],
    );
    check(
        "name: *a\n",
        &expect![[r#"
        plan.yaml:1:7: an alias (`*name`) without its anchor
          | name: *a
          |       ^^
          = mark the value with `&name` above it, or put quotes around a value that begins with `*`
    "#]],
    );
    check(
        "name: a\u{7}\n",
        &expect![[r#"
        plan.yaml:1:8: control character U+0007
          | name: a�
          |        ^
          = YAML is plain UTF-8 text; inside double quotes, write `\xNN`
    "#]],
    );
    check(
        "a: &a [*a]\n",
        &expect![[r#"
        plan.yaml:1:4: the file is nested too deeply
          | a: &a [*a]
          |    ^^^^^^
          = an alias may not hold itself
    "#]],
    );
}

#[test]
fn what_stands_twice_and_what_is_no_key() {
    check(
        "name: a\ncluster:\n  shards: 1\n  port: 1\n  shards: 2\nname: b\n? [x]\n: y\n",
        &expect![[r#"
            plan.yaml:5:3: `shards` stands here a second time
              |   shards: 2
              |   ^^^^^^
              = keep one of the two
            plan.yaml:6:1: `name` stands here a second time
              | name: b
              | ^^^^
              = keep one of the two
            plan.yaml:7:3: a key must be a plain word
              | ? [x]
              |   ^
              = lists and mappings can't be keys
        "#]],
    );
}

#[test]
fn anchors_and_merge_keys() {
    let text = "\
name: a
network: {vpc: &vpc vpc-1}
tags: &tags {a: b, c: d}
client: {}
cluster: &cluster
  shards: 2
  replicas_per_shard: 1
";
    assert_eq!(spec(text).cluster.shards, Some(2));
    let merged = "name: a\ncluster:\n  log_delivery:\n  - &log {log_type: slow-log, destination_type: cloudwatch-logs, \
                  destination: x}\n  - <<: *log\n    log_type: engine-log\n";
    let logs = spec(merged).cluster.log_delivery;
    assert_eq!(logs.len(), 2);
    assert_eq!(logs[1].destination, "x");
    check(
        "name: a\ntags: &x {shard: 1}\ncluster:\n  <<: *x\n  port: 0\n",
        &expect![[r#"
            plan.yaml:2:11: unknown field `shard` in `cluster`
              | tags: &x {shard: 1}
              |           ^^^^^
              = did you mean `shards`?
            plan.yaml:5:9: `port` is out of range: 0
              |   port: 0
              |         ^
              = a whole number from 1 to 65535
        "#]],
    );
    check(
        "name: a\ncluster:\n  <<: 3\n  <<: [1]\n",
        &expect![[r#"
        plan.yaml:3:3: `<<` takes the entries of another mapping
          |   <<: 3
          |   ^^
          = give it an alias such as `<<: *base`, where `&base` marks a mapping
        plan.yaml:4:3: `<<` takes the entries of another mapping
          |   <<: [1]
          |   ^^
          = give it an alias such as `<<: *base`, where `&base` marks a mapping
    "#]],
    );
}

/// Whatever is cut off or left out: an answer, and never an empty one.
#[test]
fn no_text_is_too_broken() {
    let production = include_str!("../../../../examples/production.yaml");
    for text in [QUICKSTART, production] {
        for (at, c) in text.char_indices() {
            let (before, after) = text.split_at(at);
            let without = format!("{before}{}", &after[c.len_utf8()..]);
            for broken in [before, &without] {
                if let Err(problems) = read_text(broken) {
                    assert!(!problems.is_empty(), "{broken}");
                    for problem in problems {
                        assert!(problem.hint.is_some(), "{problem}");
                        assert!(problem.to_string().starts_with("plan.yaml:"), "{problem}");
                    }
                }
            }
        }
    }
    for c in [
        "\"", "'", "{", "[", "&a ", "*a", "!a ", "- ", ": ", "${", "\t", "|", ">", "%", "é", "\r", "\u{85}", "? ",
        "<<: ",
    ] {
        for at in 0..QUICKSTART.len() {
            if let Some((before, after)) = QUICKSTART.split_at_checked(at) {
                let with = format!("{before}{c}{after}");
                assert!(read_text(&with).err().is_none_or(|problems| !problems.is_empty()), "{with}");
            }
        }
    }
}
