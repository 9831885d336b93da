//! What a single value may look like: names, ids, networks and ARNs, as far as AWS's rules can be known offline.
//!
//! Each check takes the text and gives it back as it is stored, or says what is wrong and what is allowed. Knows no
//! tree and no other field.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::decode::{Refusal, shortened};
use crate::lifetime::{LONGEST_OWNER, Length};

type Checked = Result<String, Refusal>;

/// Any text but none.
pub(super) fn not_empty(text: &str) -> Checked {
    if text.trim().is_empty() {
        return Err(Refusal::new("an empty value", "some text; leave the field out for its default"));
    }
    Ok(text.to_owned())
}

/// The stack's name: ElastiCache's rule for group ids, in lower case as ElastiCache stores it.
pub(super) fn stack_name(text: &str) -> Checked {
    const ALLOWED: &str = "1 to 40 letters, digits and hyphens; a letter first, no `--`, no `-` at the end";
    let bad = text.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-');
    let length = text.chars().count();
    let why = if let Some(bad) = bad {
        Some(format!("has `{}` in it", bad.escape_debug()))
    } else if length > 40 {
        Some(format!("has {length} characters"))
    } else if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        Some("doesn't begin with a letter".to_owned())
    } else if text.contains("--") {
        Some("has `--` in it".to_owned())
    } else if text.ends_with('-') {
        Some("ends with `-`".to_owned())
    } else if text.to_ascii_lowercase().starts_with("sg-") {
        // The stack's security groups begin with its name, and EC2 keeps this prefix for ids.
        Some("begins with `sg-`, as only the ids of security groups do".to_owned())
    } else {
        None
    };
    match why {
        Some(_) if text.is_empty() => Err(Refusal::new("the stack's name is empty", ALLOWED)),
        Some(why) => Err(Refusal::new(format!("the name `{}` {why}", shortened(text)), ALLOWED)),
        None => Ok(text.to_ascii_lowercase()),
    }
}

/// An AWS region.
pub(super) fn region(text: &str) -> Checked {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let without_letter = text.strip_suffix(|c: char| c.is_ascii_lowercase());
    match without_letter {
        Some(region) if plain && region.ends_with(|c: char| c.is_ascii_digit()) && region.contains('-') => {
            Err(Refusal::new(format!("`{text}` is a zone, not a region"), format!("its region is `{region}`")))
        }
        _ if plain => Ok(text.to_owned()),
        _ => {
            Err(Refusal::new(format!("`{}` is not a region", shortened(text)), "a region's code, such as `us-east-1`"))
        }
    }
}

/// A zone, such as `us-east-1a`.
pub(super) fn zone(text: &str) -> Checked {
    let plain = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let lettered = text.strip_suffix(|c: char| c.is_ascii_lowercase());
    if plain && lettered.is_some_and(|rest| rest.ends_with(|c: char| c.is_ascii_digit())) {
        return Ok(text.to_owned());
    }
    Err(Refusal::new(format!("`{}` is not a zone", shortened(text)), "a zone's name, such as `us-east-1a`"))
}

/// An EC2 instance type.
pub(super) fn instance_type(text: &str) -> Checked {
    if let Some(rest) = text.strip_prefix("cache.") {
        let message = format!("`{}` is a type of cache nodes", shortened(text));
        return Err(Refusal::new(message, format!("an EC2 instance type, such as `{rest}`")));
    }
    if is_dotted(text, 2) {
        return Ok(text.to_owned());
    }
    Err(Refusal::new(
        format!("`{}` is not an instance type", shortened(text)),
        "an EC2 instance type, such as `t2.micro`",
    ))
}

/// A type of cache nodes.
pub(super) fn node_type(text: &str) -> Checked {
    const ALLOWED: &str = "`cache.family.size`, such as `cache.t2.micro`";
    if text.starts_with("cache.t1.") {
        let message = format!("`{}` nodes have no failover, so a cluster can't use them", shortened(text));
        return Err(Refusal::new(message, "`cache.t2.micro` is the smallest that can"));
    }
    if text.starts_with("cache.") && is_dotted(text, 3) {
        return Ok(text.to_owned());
    }
    let hint = match is_dotted(text, 2) && !text.starts_with("cache.") {
        true => format!("{ALLOWED}; did you mean `cache.{text}`?"),
        false => ALLOWED.to_owned(),
    };
    Err(Refusal::new(format!("`{}` is not a node type", shortened(text)), hint))
}

fn is_dotted(text: &str, parts: usize) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    text.split('.').count() == parts && text.split('.').all(is_part)
}

/// An image id.
pub(super) fn ami_id(text: &str) -> Checked {
    id(text, "ami-", "an image id")
}

/// A VPC id.
pub(super) fn vpc_id(text: &str) -> Checked {
    id(text, "vpc-", "a VPC id")
        .map_err(|refusal| Refusal { hint: format!("{}, or `{{tag: {{key: value}}}}`", refusal.hint), ..refusal })
}

/// A subnet id.
pub(super) fn subnet_id(text: &str) -> Checked {
    id(text, "subnet-", "a subnet id")
}

/// A security group id.
pub(super) fn security_group_id(text: &str) -> Checked {
    id(text, "sg-", "a security group id")
}

fn id(text: &str, prefix: &str, what: &str) -> Checked {
    let digits = text.strip_prefix(prefix).unwrap_or_default();
    if !digits.is_empty() && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Ok(text.to_owned());
    }
    Err(Refusal::new(format!("`{}` is not {what}", shortened(text)), format!("`{prefix}` and digits 0-9a-f")))
}

/// A network in CIDR form; `allowed` says what else the field takes.
pub(super) fn network_or(text: &str, allowed: &str) -> Checked {
    let refuse = |message: String, hint: &str| Err(Refusal::new(message, hint));
    let shown = shortened(text);
    let Some((address, prefix)) = text.split_once('/') else {
        if let Ok(address) = text.parse::<IpAddr>() {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            return refuse(
                format!("`{shown}` has no prefix length"),
                &format!("this address alone is `{address}/{bits}`"),
            );
        }
        return refuse(format!("`{shown}` is not a source"), allowed);
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return refuse(format!("`{shown}` is not a network"), allowed);
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let digits = !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_digit());
    let bits = prefix.parse::<u32>().ok().filter(|bits| digits && *bits <= most);
    let Some(bits) = bits else {
        return refuse(format!("`{shown}` is not a network"), &format!("a prefix length from 0 to {most}"));
    };
    let network = network_of(address, bits);
    if network == address {
        Ok(format!("{network}/{bits}"))
    } else {
        refuse(
            format!("`{shown}` is an address with a prefix length, and not a network"),
            &format!("the network is `{network}/{bits}`; the address alone is `{address}/{most}`"),
        )
    }
}

fn network_of(address: IpAddr, bits: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

/// A key pair's name.
pub(super) fn key_name(text: &str) -> Checked {
    let ascii = text.chars().all(|c| c.is_ascii() && !c.is_ascii_control());
    if !text.is_empty() && text.len() <= 255 && ascii && text.trim() == text {
        return Ok(text.to_owned());
    }
    Err(Refusal::new(
        format!("`{}` is not the name of a key pair", shortened(text)),
        "1 to 255 ASCII characters, no space at its ends",
    ))
}

/// A description of the cluster.
pub(super) fn description(text: &str) -> Checked {
    let length = text.chars().count();
    if (1..=255).contains(&length) {
        return Ok(text.to_owned());
    }
    Err(Refusal::new(format!("a description of {length} characters"), "1 to 255 characters"))
}

/// An SNS topic.
pub(super) fn topic_arn(text: &str) -> Checked {
    arn(text, "sns", "an SNS topic's ARN", "`arn:aws:sns:region:account:topic`")
}

/// An Outpost.
pub(super) fn outpost_arn(text: &str) -> Checked {
    arn(text, "outposts", "an Outpost's ARN", "`arn:aws:outposts:region:account:outpost/op-…`")
}

/// An RDB file in S3.
pub(super) fn snapshot_arn(text: &str) -> Checked {
    let allowed = "`arn:aws:s3:::bucket/file.rdb`, no commas";
    let checked = arn(text, "s3", "an S3 object's ARN", allowed)?;
    if text.contains(',') || !text.contains('/') {
        return Err(Refusal::new(format!("`{}` is not an S3 object's ARN", shortened(text)), allowed));
    }
    Ok(checked)
}

fn arn(text: &str, service: &str, what: &str, allowed: &str) -> Checked {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", partition, found, _, _, rest]
            if partition.starts_with("aws") && *found == service && !rest.is_empty() =>
        {
            Ok(text.to_owned())
        }
        _ => Err(Refusal::new(format!("`{}` is not {what}", shortened(text)), allowed)),
    }
}

/// A node group's id.
pub(super) fn node_group_id(text: &str) -> Checked {
    if text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err(Refusal::new(format!("`{}` is not a node group's id", shortened(text)), "four digits, such as `\"0001\"`"))
}

/// The key of a tag that is looked for.
pub(super) fn tag_key(key: &str) -> Result<(), Refusal> {
    let length = key.chars().count();
    if !(1..=128).contains(&length) {
        return Err(Refusal::new(format!("a tag's key of {length} characters"), "1 to 128 characters"));
    }
    Ok(())
}

/// The key of a tag that the stack's resources get.
pub(super) fn own_tag_key(key: &str) -> Result<(), Refusal> {
    tag_key(key)?;
    let lower = key.to_lowercase();
    for (prefix, whose) in [("aws:", "AWS"), ("shardform:", "shardform")] {
        if lower.starts_with(prefix) {
            let message = format!("the tag `{}` begins with `{prefix}`", shortened(key));
            return Err(Refusal::new(message, format!("tags with this prefix are {whose}'s own")));
        }
    }
    tag_characters(key)
}

/// The value of a tag.
pub(super) fn tag_value(value: &str) -> Checked {
    let length = value.chars().count();
    if length > 256 {
        return Err(Refusal::new(format!("a tag's value of {length} characters"), "at most 256 characters"));
    }
    tag_characters(value)?;
    Ok(value.to_owned())
}

/// How long a stack lives.
pub(super) fn lifetime(text: &str) -> Checked {
    if Length::parse(text).is_some() {
        return Ok(text.to_owned());
    }
    let message = format!("`{}` is not a time that a stack can live", shortened(text));
    Err(Refusal::new(message, "a number with s, m, h or d, from `10m` to `366d`; leave the field out for no end"))
}

/// Whose a stack is.
pub(super) fn owner(text: &str) -> Checked {
    let length = text.chars().count();
    if !(1..=LONGEST_OWNER).contains(&length) || text.trim() != text {
        let message = format!("an owner of {length} characters");
        let message = if text.trim() == text { message } else { format!("the owner `{}`", shortened(text)) };
        return Err(Refusal::new(message, format!("1 to {LONGEST_OWNER} characters, no space at its ends")));
    }
    tag_characters(text)?;
    Ok(text.to_owned())
}

fn tag_characters(text: &str) -> Result<(), Refusal> {
    match text.chars().find(|c| !c.is_alphanumeric() && !" _.:/=+-@".contains(*c)) {
        Some(bad) => Err(Refusal::new(
            format!("`{}` has `{}` in it", shortened(text), bad.escape_debug()),
            "tags have letters, digits, spaces and `_ . : / = + - @`",
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stored form, or what is said.
    fn told(checked: Checked) -> String {
        checked.unwrap_or_else(|refusal| format!("{} | {}", refusal.message, refusal.hint))
    }

    #[test]
    fn networks_are_taken_in_their_own_form() {
        for good in ["0.0.0.0/0", "10.0.0.0/8", "203.0.113.7/32", "::/0", "2001:db8::/32", "::1/128"] {
            assert_eq!(told(network_or(good, "x")), good);
        }
        for (bad, part) in [
            ("10.0.0.5/8", "the network is `10.0.0.0/8`"),
            ("2001:db8::1/64", "the network is `2001:db8::/64`"),
            ("10.0.0.5", "`10.0.0.5/32`"),
            ("::1", "`::1/128`"),
            ("10.0.0.0/33", "from 0 to 32"),
            ("10.0.0.0/", "from 0 to 32"),
            ("10.0.0.0/+8", "from 0 to 32"),
            ("10.0.0/8", "not a network"),
            ("all", "not a source"),
        ] {
            assert!(told(network_or(bad, "x")).contains(part), "{bad}: {}", told(network_or(bad, "x")));
        }
    }

    #[test]
    fn a_stack_name_is_a_group_id() {
        assert_eq!(told(stack_name("Day19")), "day19");
        assert_eq!(told(stack_name(&"a".repeat(40))), "a".repeat(40));
        for bad in ["", "-a", "a-", "a--b", "1a", "a_b", "é", "sg-1", &"a".repeat(41), "a b"] {
            assert!(stack_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_types_and_arns_have_their_forms() {
        for (checked, good) in [
            (region("us-gov-west-1"), true),
            (region("us-east-1a"), false),
            (region("US East"), false),
            (zone("us-east-1a"), true),
            (zone("us-west-2-lax-1a"), true),
            (zone("us-east-1"), false),
            (instance_type("t4g.micro"), true),
            (instance_type("u-6tb1.metal"), true),
            (instance_type("cache.t2.micro"), false),
            (node_type("cache.r6gd.xlarge"), true),
            (node_type("cache.t1.micro"), false),
            (node_type("t2.micro"), false),
            (node_type("cache.t2"), false),
            (security_group_id("sg-0a1b"), true),
            (security_group_id("sg-xyz"), false),
            (vpc_id("vpc-"), false),
            (topic_arn("arn:aws-cn:sns:cn-north-1:123456789012:t"), true),
            (topic_arn("arn:aws:sqs:us-east-1:123456789012:t"), false),
            (snapshot_arn("arn:aws:s3:::bucket/a.rdb"), true),
            (snapshot_arn("arn:aws:s3:::bucket"), false),
            (node_group_id("0001"), true),
            (node_group_id("1"), false),
            (key_name("a key"), true),
            (key_name(" a"), false),
        ] {
            assert_eq!(checked.is_ok(), good, "{checked:?}");
        }
    }

    #[test]
    fn lifetimes_and_owners_have_bounds() {
        for (checked, good) in [
            (lifetime("2h"), true),
            (lifetime("366d"), true),
            (lifetime("9m"), false),
            (lifetime("367d"), false),
            (lifetime("soon"), false),
            (owner("ann"), true),
            (owner("Ann Lee <3"), false),
            (owner("team/ann@example.com"), true),
            (owner(&"a".repeat(64)), true),
            (owner(&"a".repeat(65)), false),
            (owner(" ann"), false),
            (owner(""), false),
        ] {
            assert_eq!(checked.is_ok(), good, "{checked:?}");
        }
    }

    #[test]
    fn tags_of_others_are_refused() {
        for (key, good) in [("owner", true), ("a:b/c", true), ("AWS:x", false), ("shardform:x", false), ("", false)] {
            assert_eq!(own_tag_key(key).is_ok(), good, "{key}");
        }
        assert!(own_tag_key("a*b").is_err());
        assert!(tag_value(&"v".repeat(257)).is_err());
        assert_eq!(told(tag_value("")), "");
    }
}
