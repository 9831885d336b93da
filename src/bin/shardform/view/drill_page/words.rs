//! Times, counts and findings as the page says them. Knows nothing of markup.

use std::time::Duration;

use jiff::Timestamp;
use shardform::cluster::drill::report::{Bystander, Node, Outage, Outcome, SeenRole, ShardDrill, Traffic};

use crate::view::duration;

/// A length of time: `310ms`, `3.2s`, `4m 12s`.
pub fn span(length_ms: u64) -> String {
    match length_ms {
        0 => "0s".to_owned(),
        1..1000 => format!("{length_ms}ms"),
        _ => duration(Duration::from_millis(length_ms)),
    }
}

/// A length of time to the millisecond: `3.214s`.
pub fn exact(length_ms: u64) -> String {
    format!("{}.{:03}s", grouped(length_ms / 1000), length_ms % 1000)
}

/// A moment against the call: `+3.214s`, `−0.500s`.
pub fn since_call(at_ms: i64) -> String {
    let sign = if at_ms < 0 { '−' } else { '+' };
    format!("{sign}{}", exact(at_ms.unsigned_abs()))
}

/// A latency: `850µs`, `1.2ms`, `340ms`, `2.1s`.
pub fn latency(time_us: u64) -> String {
    match time_us {
        0..1000 => format!("{time_us}µs"),
        1000..10_000 => format!("{}.{}ms", time_us / 1000, time_us % 1000 / 100),
        10_000..1_000_000 => format!("{}ms", time_us / 1000),
        _ => span(time_us / 1000),
    }
}

/// A number with its thousands apart: `12,345`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 write`, `2,000 writes`.
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// The moment `after_ms` after `began_ms` (since 1970) in UTC, ISO 8601; `None`: no calendar has it.
pub fn moment(began_ms: u64, after_ms: i64) -> Option<String> {
    let at = i64::try_from(began_ms).ok()?.checked_add(after_ms)?;
    let at = Timestamp::from_millisecond(at).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

/// The same, its time of day alone.
pub fn time_of_day(began_ms: u64, after_ms: i64) -> Option<String> {
    let whole = moment(began_ms, after_ms)?;
    whole.split_once('T').map(|(_, time)| time.trim_end_matches('Z').to_owned())
}

/// A node's name for people: its member id, or where that is not known its endpoint.
pub fn name(node: &Node) -> &str {
    match (node.member.as_str(), node.endpoint.as_str()) {
        ("", "") => "a node without a name",
        ("", endpoint) => endpoint,
        (member, _) => member,
    }
}

/// The name with the zone: `day19-0001-001 (us-east-1a)`.
pub fn placed(node: &Node) -> String {
    let zone = if node.zone.is_empty() { String::new() } else { format!(" ({})", node.zone) };
    format!("{}{zone}", name(node))
}

/// A role in one word.
pub fn role(role: SeenRole) -> &'static str {
    match role {
        SeenRole::Primary => "primary",
        SeenRole::Replica => "replica",
        SeenRole::Syncing => "syncing",
        SeenRole::Down => "down",
    }
}

/// An outcome as a clause.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Restored => "failed over, and at full strength again",
        Outcome::NotRestored => "failed over, but not at full strength yet",
        Outcome::NotFailedOver => "nobody else became primary",
        Outcome::Left => "left before it was done",
    }
}

/// The same in few words.
pub fn short_outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Restored => "full strength",
        Outcome::NotRestored => "not at full strength",
        Outcome::NotFailedOver => "not failed over",
        Outcome::Left => "left",
    }
}

/// Whether anything was sent.
pub fn was_measured(traffic: &Traffic) -> bool {
    traffic.succeeded > 0 || traffic.failed > 0 || !traffic.outages.is_empty()
}

/// Whether nothing succeeded any more when watching ended.
fn is_open(outage: &Outage, ended_ms: u64) -> bool {
    outage.to_ms >= ended_ms && outage.length_ms() > 0
}

/// For how long requests failed, at the longest: `3.2s`, `at least 3.2s`, `not at all`, `not measured`.
pub fn failed_for(traffic: &Traffic, ended_ms: u64) -> String {
    let longest = traffic.outages.iter().max_by_key(|outage| outage.length_ms());
    match longest {
        Some(outage) if is_open(outage, ended_ms) => format!("at least {}", span(outage.length_ms())),
        Some(outage) => span(outage.length_ms()),
        None if was_measured(traffic) => "not at all".to_owned(),
        None => "not measured".to_owned(),
    }
}

/// What is behind that: `41 of 9,214 requests`, and how often.
pub fn failures(traffic: &Traffic) -> String {
    let all = counted(traffic.succeeded.saturating_add(traffic.failed), "request");
    let requests = format!("{} of {all} failed", grouped(traffic.failed));
    match traffic.outages.len() {
        0 | 1 => requests,
        times => format!("{requests}; {times} times, {} together", span(traffic.unavailable_ms())),
    }
}

/// Whether the other shard felt something, in a few words.
pub fn bystander(bystander: &Bystander) -> String {
    let both = [&bystander.writes, &bystander.reads];
    let longest = both.iter().map(|traffic| traffic.longest_outage_ms()).max().unwrap_or(0);
    if !both.iter().any(|traffic| was_measured(traffic)) {
        "not measured".to_owned()
    } else if longest > 0 || both.iter().any(|traffic| traffic.failed > 0) {
        format!("outages of {}", span(longest))
    } else {
        "nothing".to_owned()
    }
}

/// One shard's result in one sentence, without its end.
pub fn result(drill: &ShardDrill) -> String {
    let before = name(&drill.primary_before);
    let writes = match failed_for(&drill.writes, drill.ended_ms).as_str() {
        "not measured" => "no writes were made".to_owned(),
        "not at all" => "no write failed".to_owned(),
        time => format!("writes failed for {time}"),
    };
    let strength = drill.restoration_ms().map(|time| format!("it was at full strength again after {}", span(time)));
    let strength = strength.unwrap_or_else(|| "it was not at full strength when watching ended".to_owned());
    match (&drill.primary_after, drill.outcome) {
        (_, Outcome::NotFailedOver) => {
            format!("Shard {} was not failed over: {before} stayed primary, as far as was seen; {writes}", drill.shard)
        }
        (Some(after), _) if after != &drill.primary_before => {
            format!("Shard {} failed over from {before} to {}: {writes}, and {strength}", drill.shard, name(after))
        }
        (_, Outcome::Left) => format!("The drill of shard {} was left before it was done: {writes}", drill.shard),
        _ => format!("Shard {}: {writes}, and {strength}", drill.shard),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_finely_as_they_matter() {
        assert_eq!([0, 310, 3_200, 252_000].map(span), ["0s", "310ms", "3.2s", "4m 12s"]);
        assert_eq!([0, 850, 1_250, 340_000, 2_100_000].map(latency), ["0µs", "850µs", "1.2ms", "340ms", "2.1s"]);
        assert_eq!([3_214, 1_234_005].map(exact), ["3.214s", "1,234.005s"]);
        assert_eq!([-500, 0, i64::MIN].map(since_call), ["−0.500s", "+0.000s", "−9,223,372,036,854,775.808s"]);
    }

    #[test]
    fn moments_are_of_utc_and_never_wrong() {
        assert_eq!(moment(1_795_381_712_345, 0).as_deref(), Some("2026-11-22T21:08:32.345Z"));
        assert_eq!(time_of_day(1_795_381_712_345, -345).as_deref(), Some("21:08:32.000"));
        assert_eq!((moment(u64::MAX, 0), moment(0, i64::MAX)), (None, None));
    }

    #[test]
    fn an_outage_that_had_not_ended_lasted_at_least_so_long() {
        let of = |outages: &[(u64, u64)]| {
            let outages = outages.iter().map(|&(from_ms, to_ms)| Outage { from_ms, to_ms }).collect();
            Traffic { succeeded: 1, outages, ..Traffic::default() }
        };
        assert_eq!(failed_for(&of(&[(0, 500), (1000, 4000)]), 9000), "3.0s");
        assert_eq!(failed_for(&of(&[(0, 500), (1000, 4000)]), 4000), "at least 3.0s");
        assert_eq!(failed_for(&of(&[]), 4000), "not at all");
        assert_eq!(failed_for(&Traffic::default(), 4000), "not measured");
        assert_eq!(failures(&of(&[(0, 500), (1000, 4000)])), "0 of 1 request failed; 2 times, 3.5s together");
    }
}
