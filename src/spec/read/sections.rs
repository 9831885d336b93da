//! The plan file's upper half: name, region, tags, network and client.
//!
//! Knows the YAML forms of these fields and gives their strict types. Decides no defaults.

use std::collections::BTreeMap;

use super::decode::{Field, Refusal, Section};
use super::fields;
use super::problems::Problems;
use super::tree::{Form, Kind, Node};
use super::{cluster, values};
use crate::lifetime::Length;
use crate::spec::{
    ClientSpec, KeyPairSpec, NetworkSpec, RedisClientInstall, Spec, SshSource, SubnetSelector, VpcSelector,
};

/// Tags that a plan file may have: AWS allows 50, and up to five are ours (stack, expiry, owner, user data, `Name`).
const MOST_TAGS: usize = 45;

/// Decodes the whole file; `None` only where there is a problem.
pub(super) fn plan(root: &Node, problems: &mut Problems) -> Option<Spec> {
    let section = Section::root(root, problems)?;
    let name = section
        .required("name", "add `name: …`: the stack's name, the prefix of every resource", problems)
        .and_then(|field| field.text(problems, values::stack_name));
    let region = section.field("region").and_then(|field| field.text(problems, values::region));
    let tags = section.field("tags").map(|field| tags(&field, problems)).unwrap_or_default();
    let expires_in = section.field("expires_in").and_then(|field| {
        let text = field.text(problems, values::lifetime)?;
        Length::parse(&text)
    });
    let owner = section.field("owner").and_then(|field| field.text(problems, values::owner));
    let network = section.field("network").and_then(|field| network(&field, problems));
    let client = section.field("client").and_then(|field| client(&field, problems));
    let cluster = section
        .required("cluster", "add `cluster:`; every field in it has a default", problems)
        .and_then(|field| cluster::cluster(&field, problems));
    // Rules about several fields are worth checking even where the name is refused.
    Some(Spec {
        name: name.unwrap_or_default(),
        region,
        tags,
        expires_in,
        owner,
        network: network.unwrap_or_default(),
        client,
        cluster: cluster.unwrap_or_default(),
    })
}

fn tags(field: &Field<'_>, problems: &mut Problems) -> BTreeMap<String, String> {
    let tags = tag_pairs(field, problems, values::own_tag_key);
    if tags.len() > MOST_TAGS {
        let message = format!("{} tags are too many", tags.len());
        let hint = format!("at most {MOST_TAGS}: AWS allows 50, and shardform adds its own");
        field.refuse(problems, &Refusal::new(message, hint));
    }
    tags
}

fn tag_pairs(
    field: &Field<'_>,
    problems: &mut Problems,
    check_key: impl Fn(&str) -> Result<(), Refusal>,
) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    for (key, name, value) in field.pairs(problems, "a mapping of tags, each as `key: value`") {
        if let Err(refusal) = check_key(&name) {
            problems.doubt(&value.dotted);
            problems.at_key(key, &refusal.message, Some(&refusal.hint));
            continue;
        }
        if let Some(text) = scalar_text(&value, problems, "text; `\"\"` for an empty value") {
            match values::tag_value(&text) {
                Ok(text) => {
                    tags.insert(name, text);
                }
                Err(refusal) => value.refuse(problems, &refusal),
            }
        }
    }
    tags
}

/// A scalar of any type by its own text.
pub(super) fn scalar_text(field: &Field<'_>, problems: &mut Problems, allowed: &str) -> Option<String> {
    let text = field.scalar().map(str::to_owned);
    if text.is_none() {
        field.mismatch(problems, allowed);
    }
    text
}

fn network(field: &Field<'_>, problems: &mut Problems) -> Option<NetworkSpec> {
    let section = field.section(&fields::NETWORK, problems)?;
    let vpc = section.field("vpc").and_then(|field| match field.node.kind {
        Kind::Map(_) => selector_tags(&field, problems).map(VpcSelector::Tags),
        Kind::List(_) => {
            field.mismatch(problems, "one id `vpc-…`, or `{tag: {key: value}}`");
            None
        }
        _ => field.text(problems, values::vpc_id).map(VpcSelector::Id),
    });
    let subnets = section.field("subnets").and_then(|field| subnets(&field, problems));
    Some(NetworkSpec { vpc, subnets })
}

fn subnets(field: &Field<'_>, problems: &mut Problems) -> Option<SubnetSelector> {
    const ALLOWED: &str = "a list of ids `[subnet-…, subnet-…]`, or `{tag: {key: value}}`";
    match &field.node.kind {
        Kind::Map(_) => selector_tags(field, problems).map(SubnetSelector::Tags),
        Kind::List(items) if (1..=20).contains(&items.len()) => {
            let ids = field.texts(problems, ALLOWED, values::subnet_id)?;
            Some(SubnetSelector::Ids(ids))
        }
        Kind::List(items) => {
            let message = format!("`subnets` has {} subnets", items.len());
            field
                .refuse(problems, &Refusal::new(message, "1 to 20 subnets; leave the field out to use all of the VPC"));
            None
        }
        _ => {
            field.mismatch(problems, ALLOWED);
            None
        }
    }
}

fn selector_tags(field: &Field<'_>, problems: &mut Problems) -> Option<BTreeMap<String, String>> {
    let section = field.section(&fields::SELECTOR, problems)?;
    let tag = section.required("tag", "write `{tag: {key: value}}`", problems)?;
    let tags = tag_pairs(&tag, problems, values::tag_key);
    if tags.is_empty() && !problems.doubts(&tag.dotted) {
        tag.refuse(problems, &Refusal::new("`tag` names no tag", "at least one `key: value` that must match"));
    }
    Some(tags)
}

fn client(field: &Field<'_>, problems: &mut Problems) -> Option<ClientSpec> {
    if matches!(&field.node.kind, Kind::Scalar { form: Form::Bool(_), .. }) {
        field.mismatch(problems, "leave `client` out for no client host; `client: {}` is one with all defaults");
        return None;
    }
    let section = field.section(&fields::CLIENT, problems)?;
    let installs = [("package", RedisClientInstall::Package), ("source", RedisClientInstall::Source)];
    Some(ClientSpec {
        instance_type: section.field("instance_type").and_then(|field| field.text(problems, values::instance_type)),
        ami: section.field("ami").and_then(|field| field.text(problems, values::ami_id)),
        ssh_from: section.field("ssh_from").and_then(|field| ssh_from(&field, problems)),
        key_pair: section.field("key_pair").and_then(|field| key_pair(&field, problems)),
        redis_client: section.field("redis_client").and_then(|field| field.word(problems, &installs)),
        subnet: section.field("subnet").and_then(|field| field.text(problems, values::subnet_id)),
        public_ip: section.field("public_ip").and_then(|field| field.boolean(problems)),
        disk_gib: section.field("disk_gib").and_then(|field| field.whole(problems, 8, 16384)),
    })
}

fn ssh_from(field: &Field<'_>, problems: &mut Problems) -> Option<Vec<SshSource>> {
    const ALLOWED: &str =
        "`ec2-instance-connect`, a network such as `203.0.113.7/32`, a list of these, or `[]` for nobody";
    if matches!(field.node.kind, Kind::Null) {
        field.mismatch(problems, ALLOWED);
        return None;
    }
    if field.scalar().is_some() {
        return ssh_source(field, problems).map(|source| vec![source]);
    }
    let mut sources = Vec::new();
    for item in field.items(problems, ALLOWED)? {
        if let Some(source) = ssh_source(&item, problems) {
            item.push_once(problems, &mut sources, source);
        }
    }
    Some(sources)
}

fn ssh_source(field: &Field<'_>, problems: &mut Problems) -> Option<SshSource> {
    let text = field.text(problems, |text| match text {
        "ec2-instance-connect" => Ok(text.to_owned()),
        _ => values::network_or(text, "`ec2-instance-connect` or a network such as `203.0.113.7/32`"),
    })?;
    Some(match text.as_str() {
        "ec2-instance-connect" => SshSource::Ec2InstanceConnect,
        _ => SshSource::Cidr(text),
    })
}

const KEY_PAIR_FORMS: &str =
    "`generate`, `{private_key_file: path}`, `{public_key_file: path}` or `{name: an-existing-key}`";

fn key_pair(field: &Field<'_>, problems: &mut Problems) -> Option<KeyPairSpec> {
    match &field.node.kind {
        Kind::Scalar { text, .. } if text == "generate" => {
            return Some(KeyPairSpec::Generate { private_key_file: None });
        }
        Kind::Map(_) => {}
        _ => {
            field.mismatch(problems, KEY_PAIR_FORMS);
            return None;
        }
    }
    let section = field.section(&fields::KEY_PAIR, problems)?;
    let generate = section.field("generate").map(|field| field.boolean(problems));
    let mut text = |name| section.field(name).map(|field| field.text(problems, values::not_empty));
    let (private, public) = (text("private_key_file"), text("public_key_file"));
    let existing = section.field("name").map(|field| field.text(problems, values::key_name));
    if problems.doubts(&field.dotted) {
        return None;
    }
    match (generate.flatten(), private, public, existing) {
        (Some(true), None, None, None) => Some(KeyPairSpec::Generate { private_key_file: None }),
        (None | Some(true), Some(file), None, None) => Some(KeyPairSpec::Generate { private_key_file: file }),
        (None, None, Some(file), None) => file.map(KeyPairSpec::PublicKeyFile),
        (None, None, None, Some(name)) => name.map(KeyPairSpec::Existing),
        _ => {
            let message = "`key_pair` must say one way to get the key";
            field.refuse(problems, &Refusal::new(message, KEY_PAIR_FORMS));
            None
        }
    }
}
