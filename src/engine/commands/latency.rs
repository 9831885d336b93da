//! LATENCY: spikes, and how long commands take.

use super::command::{Command, Flags};
use super::error::{Error, Outcome};
use super::help::{container, help};
use super::table::CommandId;
use crate::engine::resp::Reply;
use crate::engine::state::Engine;
use crate::engine::state::latency::Spikes;

const OPERATOR: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE);

const fn row(
    name: &'static str,
    arity: i16,
    since: &'static str,
    execute: super::command::Execute,
    summary: &'static str,
) -> Command {
    Command::new(name, arity, execute).flags(OPERATOR).about("server", since, summary)
}

/// The commands of this file.
pub const COMMANDS: &[Command] =
    &[Command::new("latency", -2, container).about("server", "2.8.13", "What took long.").with(&[
        row("doctor", 2, "2.8.13", doctor, "Says in words what took long."),
        row("graph", 3, "2.8.13", graph, "Draws the spikes of an event."),
        row("histogram", -2, "7.0.0", histogram, "Shows how long commands take."),
        row("history", 3, "2.8.13", history, "Shows the spikes of an event."),
        row("latest", 2, "2.8.13", latest, "Shows the latest spike of each event."),
        row("reset", -2, "2.8.13", reset, "Forgets spikes."),
        Command::new("help", 2, show_help).flags(Flags::LOADING.and(Flags::STALE)).about(
            "server",
            "2.8.13",
            "Shows what LATENCY can do.",
        ),
    ])];

fn history(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let Engine { reply, observed, .. } = engine;
    let Some(spikes) = observed.latency.event(arguments[2]) else {
        reply.array(0);
        return Ok(());
    };
    reply.array(spikes.samples().len());
    for spike in spikes.samples() {
        reply.array(2);
        reply.integer(spike.at_seconds);
        reply.integer(spike.ms);
    }
    Ok(())
}

fn latest(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    let Engine { reply, observed, .. } = engine;
    reply.array(observed.latency.events().len());
    for (name, spikes) in observed.latency.events() {
        let last = spikes.latest();
        reply.array(4);
        reply.text(name);
        reply.integer(last.at_seconds);
        reply.integer(last.ms);
        reply.integer(spikes.worst_ms);
    }
    Ok(())
}

fn reset(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let latency = &mut engine.observed.latency;
    let forgotten = match arguments.get(2..) {
        Some(names) if !names.is_empty() => names.iter().map(|name| latency.reset(Some(name))).sum(),
        _ => latency.reset(None),
    };
    engine.reply.count(forgotten);
    Ok(())
}

fn graph(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let now = engine.now() / 1000;
    let Some(spikes) = engine.observed.latency.event(arguments[2]) else {
        let name = String::from_utf8_lossy(arguments[2]);
        return Err(Error::worded(format!("ERR No samples available for event '{name}'")));
    };
    let text = draw(&String::from_utf8_lossy(arguments[2]), spikes, now);
    engine.reply.verbatim("txt", &text);
    Ok(())
}

/// A bar for each spike, four rows high, with its age below, written downwards.
fn draw(name: &str, spikes: &Spikes, now: i64) -> String {
    let most = spikes.samples().map(|spike| spike.ms).max().unwrap_or(0);
    let least = spikes.samples().map(|spike| spike.ms).min().unwrap_or(0);
    let last = spikes.latest().ms;
    let heading = format!("{name} - high {most} ms, low {least} ms (all time high {} ms)", spikes.worst_ms);
    let rule = "-".repeat(80);
    let height = |ms: i64| if most == least { 1 } else { 1 + (ms - least) * 3 / (most - least) };
    let rows = (1..=4).rev().map(|level| {
        let bars = spikes.samples().map(|spike| match height(spike.ms) - level {
            0 => '#',
            1.. => '|',
            _ => ' ',
        });
        bars.collect::<String>().trim_end().to_owned()
    });
    let ages: Vec<Vec<char>> = spikes.samples().map(|spike| age(now - spike.at_seconds).chars().collect()).collect();
    let deepest = ages.iter().map(Vec::len).max().unwrap_or(0);
    let labels = (0..deepest).map(|row| {
        let letters = ages.iter().map(|age| age.get(row).copied().unwrap_or(' '));
        letters.collect::<String>().trim_end().to_owned()
    });
    let lines: Vec<String> = rows.filter(|row| !row.is_empty()).chain([String::new()]).chain(labels).collect();
    format!("{heading}\n{rule}\n{}\n\nlatest {last} ms\n", lines.join("\n"))
}

fn age(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn doctor(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    let Engine { reply, observed, config, .. } = engine;
    if config.statistics.latency_monitor_threshold_ms == 0 {
        reply.verbatim(
            "txt",
            "Latency monitoring is disabled: no spikes are noted. To have them noted from 100 milliseconds on, say \
             CONFIG SET latency-monitor-threshold 100.\n",
        );
        return Ok(());
    }
    let mut text = String::new();
    for (name, spikes) in observed.latency.events() {
        let count = spikes.samples().len();
        let mean = spikes.samples().map(|spike| spike.ms).sum::<i64>() / i64::try_from(count.max(1)).unwrap_or(1);
        text += &format!(
            "{name}: {count} latency spikes, {mean} ms on average, worst {} ms, latest {} ms at {}.\n",
            spikes.worst_ms,
            spikes.latest().ms,
            spikes.latest().at_seconds
        );
    }
    if text.is_empty() {
        text += "No latency spikes were noted since the start, or since LATENCY RESET.\n";
    }
    reply.verbatim("txt", &text);
    Ok(())
}

fn histogram(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let Engine { reply, table, statistics, .. } = engine;
    let wanted: Vec<CommandId> = match arguments.get(2..) {
        Some(names) if !names.is_empty() => {
            let named = names.iter().filter_map(|name| table.by_full_name(name));
            named.flat_map(|id| std::iter::once(id).chain(table.within(id))).collect()
        }
        _ => (0..table.len()).collect(),
    };
    reply.map_of(|reply| {
        let mut shown = 0;
        for id in wanted {
            let Some(histogram) = &statistics.commands[id].histogram else { continue };
            reply.text(&table.row(id).full_name);
            distribution(reply, &histogram[..]);
            shown += 1;
        }
        shown
    });
    Ok(())
}

/// How many calls took at most so many microseconds, for each power of two at which the number grows.
fn distribution(reply: &mut Reply, histogram: &[u64]) {
    reply.map(2);
    reply.text("calls");
    let calls: u64 = histogram.iter().sum();
    reply.integer(i64::try_from(calls).unwrap_or(i64::MAX));
    reply.text("histogram_usec");
    reply.map_of(|reply| {
        let (mut shown, mut until_now) = (0, 0);
        for (bucket, count) in merged(histogram).into_iter().filter(|(_, count)| *count > 0) {
            until_now += count;
            reply.integer(upper_micros(bucket));
            reply.integer(i64::try_from(until_now).unwrap_or(i64::MAX));
            shown += 1;
        }
        shown
    });
}

/// The buckets with what they hold; those of none and of one microsecond are one.
fn merged(histogram: &[u64]) -> Vec<(usize, u64)> {
    let first: u64 = histogram.iter().take(2).sum();
    std::iter::once((1, first)).chain(histogram.iter().copied().enumerate().skip(2)).collect()
}

/// The most microseconds of a bucket, in the steps of Redis's histogram: powers of two nanoseconds, of which it keeps
/// two digits.
fn upper_micros(bucket: usize) -> i64 {
    match bucket {
        0 | 1 => 1,
        bucket => {
            let nanoseconds = 1024_i64 << bucket.min(40);
            // From 32 microseconds on, its steps are wider than one.
            (if bucket > 4 { nanoseconds + nanoseconds / 128 - 1 } else { nanoseconds }) / 1000
        }
    }
}

fn show_help(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let lines = [
        ("DOCTOR", "Says in words what took long."),
        ("GRAPH <event>", "Draws the spikes of an event."),
        ("HISTOGRAM [COMMAND ...]", "Shows how long commands take, all or these."),
        ("HISTORY <event>", "Shows the spikes of an event."),
        ("LATEST", "Shows the latest spike of each event."),
        ("RESET [<event> ...]", "Forgets the spikes of these events, or of all."),
    ];
    help(engine, arguments, &lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::state::latency::LatencyMonitor;

    #[test]
    fn buckets_are_named_as_in_redis() {
        assert_eq!((0..11).map(upper_micros).collect::<Vec<_>>(), [1, 1, 4, 8, 16, 33, 66, 132, 264, 528, 1056]);
    }

    #[test]
    fn spikes_are_drawn() {
        let mut monitor = LatencyMonitor::default();
        for (at, ms) in [(1, 10), (2, 40), (90, 20)] {
            monitor.add("command", at, ms);
        }
        let drawn = draw("command", monitor.event(b"command").unwrap(), 100);
        assert!(drawn.starts_with("command - high 40 ms, low 10 ms (all time high 40 ms)\n---"), "{drawn}");
        assert!(drawn.contains("\n |#\n#||\n\n111\nmm0\n  s\n"), "{drawn}");
    }
}
