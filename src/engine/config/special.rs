//! Directives whose value is more than one word or number: how each is read, shown and written again.

use std::fmt::Write as _;

use super::directive::{Line, Special, word_error};
use super::events::KeyspaceEvents;
use super::settings::{Config, OutputBufferLimit, SavePoint, ShutdownOptions};
use super::words::{format_memory, parse_lenient_integer, quote};
use crate::engine::data::numbers::parse_memory;

/// What most special directives say of too many or too few arguments.
const WRONG_NUMBER: &str = "wrong number of arguments";
/// What is listened at when nothing is said.
const DEFAULT_BIND: [&str; 2] = ["*", "-::*"];
/// How many addresses can be listened at.
const MOST_ADDRESSES: usize = 16;

/// `dir`: the working folder. Setting it goes there at once, so that later relative names mean what they say.
pub const DIR: Special = Special {
    set: |config, arguments, files| {
        let [folder] = arguments else { return Err(WRONG_NUMBER.into()) };
        config.general.dir = files.enter(&text(folder)?).map_err(|error| super::files::words_of(&error))?;
        Ok(())
    },
    show: |config| config.general.dir.clone().into_bytes(),
    lines: |config| vec![Line::new(quote(config.general.dir.as_bytes()), true)],
};

/// `save`: pairs of seconds and changes; a single empty argument for none. What is given replaces what there was:
/// a file with several lines is gathered by the loader.
pub const SAVE: Special = Special {
    set: |config, arguments, _| {
        let arguments = without_lone_empty(arguments);
        let mut points = Vec::new();
        let (pairs, odd) = arguments.as_chunks::<2>();
        for [seconds, changes] in pairs {
            match (parse_lenient_integer(seconds), parse_lenient_integer(changes)) {
                (Some(seconds @ 1..), Some(changes @ 0..)) => points.push(SavePoint { seconds, changes }),
                _ => return Err("Invalid save parameters".into()),
            }
        }
        if !odd.is_empty() {
            return Err("Invalid save parameters".into());
        }
        config.snapshot.save = points;
        Ok(())
    },
    show: |config| {
        let points = config.snapshot.save.iter().map(|point| format!("{} {}", point.seconds, point.changes));
        points.collect::<Vec<_>>().join(" ").into_bytes()
    },
    lines: |config| {
        if config.snapshot.save.is_empty() {
            return vec![Line::new("\"\"", true)];
        }
        let line = |point: &SavePoint| Line::new(format!("{} {}", point.seconds, point.changes), true);
        config.snapshot.save.iter().map(line).collect()
    },
};

/// `client-output-buffer-limit`: fours of class, hard limit, soft limit and soft seconds.
pub const OUTPUT_BUFFER_LIMIT: Special = Special {
    set: |config, arguments, _| {
        let (fours, rest) = arguments.as_chunks::<4>();
        if !rest.is_empty() {
            return Err("Wrong number of arguments in buffer limit configuration.".into());
        }
        let mut limits = config.clients.output_buffer_limits;
        for [class, hard, soft, seconds] in fours {
            let limit = match class.to_ascii_lowercase().as_slice() {
                b"normal" => &mut limits.normal,
                b"slave" | b"replica" => &mut limits.replica,
                b"pubsub" => &mut limits.pubsub,
                _ => return Err("Invalid client class specified in buffer limit configuration.".into()),
            };
            *limit = parse_limit(hard, soft, seconds)
                .ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?;
        }
        config.clients.output_buffer_limits = limits;
        Ok(())
    },
    show: |config| {
        let limits = &config.clients.output_buffer_limits;
        let mut shown = String::new();
        for (class, limit) in [("normal", limits.normal), (" slave", limits.replica), (" pubsub", limits.pubsub)] {
            let _ = write!(shown, "{class} {} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_seconds);
        }
        shown.into_bytes()
    },
    lines: |config| {
        let (limits, mut defaults) = (&config.clients.output_buffer_limits, Config::default());
        let words = super::table::output_buffer_limit_default();
        let _ = (OUTPUT_BUFFER_LIMIT.set)(&mut defaults, &words, &mut super::files::NoFiles);
        let defaults = defaults.clients.output_buffer_limits;
        let classes = [
            ("normal", limits.normal, defaults.normal),
            ("replica", limits.replica, defaults.replica),
            ("pubsub", limits.pubsub, defaults.pubsub),
        ];
        classes.map(|(class, limit, default)| Line::new(limit_line(class, limit), limit != default)).to_vec()
    },
};

fn parse_limit(hard: &[u8], soft: &[u8], seconds: &[u8]) -> Option<OutputBufferLimit> {
    Some(OutputBufferLimit {
        hard_bytes: parse_memory(hard)?,
        soft_bytes: parse_memory(soft)?,
        soft_seconds: parse_lenient_integer(seconds).filter(|seconds| *seconds >= 0)?,
    })
}

fn limit_line(class: &str, limit: OutputBufferLimit) -> Vec<u8> {
    let [hard, soft] = [limit.hard_bytes, limit.soft_bytes].map(|bytes| format_memory(i128::from(bytes)));
    format!("{class} {hard} {soft} {}", limit.soft_seconds).into_bytes()
}

/// `oom-score-adj-values`: for a primary, a replica and a process that saves.
pub const OOM_SCORE_VALUES: Special = Special {
    set: |config, arguments, _| {
        let Ok(arguments) = <&[Vec<u8>; 3]>::try_from(arguments) else { return Err(WRONG_NUMBER.into()) };
        let mut values = [0; 3];
        for (value, argument) in values.iter_mut().zip(arguments) {
            let number = parse_lenient_integer(argument).and_then(|number| i32::try_from(number).ok());
            *value = number
                .filter(|number| (-2000..=2000).contains(number))
                .ok_or("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")?;
        }
        config.general.oom_score_adj_values = values;
        Ok(())
    },
    show: |config| config.general.oom_score_adj_values.map(|value| value.to_string()).join(" ").into_bytes(),
    lines: |config| {
        let values = config.general.oom_score_adj_values;
        vec![Line::new(values.map(|value| value.to_string()).join(" "), values != [0, 200, 800])]
    },
};

/// `notify-keyspace-events`: letters.
pub const KEYSPACE_EVENTS: Special = Special {
    set: |config, arguments, _| {
        let [letters] = arguments else { return Err(WRONG_NUMBER.into()) };
        config.collections.notify_keyspace_events =
            KeyspaceEvents::from_letters(letters).ok_or("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")?;
        Ok(())
    },
    show: |config| config.collections.notify_keyspace_events.letters().into_bytes(),
    lines: |config| {
        let events = config.collections.notify_keyspace_events;
        vec![Line::new(quote(events.letters().as_bytes()), events != KeyspaceEvents::default())]
    },
};

/// `bind`: addresses; a single empty argument for none.
pub const BIND: Special = Special {
    set: |config, arguments, _| {
        if arguments.len() > MOST_ADDRESSES {
            return Err("Too many bind addresses specified.".into());
        }
        let addresses = without_lone_empty(arguments).iter().map(|address| text(address));
        config.network.bind = addresses.collect::<Result<_, _>>()?;
        Ok(())
    },
    show: |config| config.network.bind.join(" ").into_bytes(),
    lines: |config| match &config.network.bind {
        bind if *bind == DEFAULT_BIND => Vec::new(),
        bind if bind.is_empty() => vec![Line::new("\"\"", true)],
        bind => vec![Line::new(bind.join(" "), true)],
    },
};

/// `replicaof`: a host and a port, or `no one`. In a cluster it is never written to a file.
pub const REPLICA_OF: Special = Special {
    set: |config, arguments, _| {
        let [host, port] = arguments else { return Err(WRONG_NUMBER.into()) };
        if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
            config.replication.primary = None;
            return Ok(());
        }
        let port = parse_lenient_integer(port).and_then(|port| u16::try_from(port).ok());
        config.replication.primary = Some((text(host)?, port.ok_or("Invalid master port")?));
        Ok(())
    },
    show: |config| match &config.replication.primary {
        Some((host, port)) => format!("{host} {port}").into_bytes(),
        None => Vec::new(),
    },
    lines: |config| match &config.replication.primary {
        Some((host, port)) if !config.cluster.enabled => vec![Line::new(format!("{host} {port}"), true)],
        _ => Vec::new(),
    },
};

/// `latency-tracking-info-percentiles`: numbers from 0 to 100; a single empty argument for none.
pub const PERCENTILES: Special = Special {
    set: |config, arguments, _| {
        let percentiles = without_lone_empty(arguments).iter().map(|argument| parse_percentile(argument));
        config.statistics.latency_tracking_info_percentiles = percentiles.collect::<Result<_, _>>()?;
        Ok(())
    },
    show: |config| show_percentiles(config).into_bytes(),
    lines: |config| match show_percentiles(config) {
        shown if shown.is_empty() => vec![Line::new("\"\"", true)],
        shown => vec![Line::new(shown, true)],
    },
};

fn parse_percentile(argument: &[u8]) -> Result<f64, String> {
    let number = std::str::from_utf8(argument).ok().and_then(|text| text.parse::<f64>().ok());
    let number = number.filter(|number| !number.is_nan());
    let number = number.ok_or("Invalid latency-tracking-info-percentiles parameters")?;
    if !(0.0..=100.0).contains(&number) {
        return Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into());
    }
    Ok(number)
}

fn show_percentiles(config: &Config) -> String {
    let shown =
        config.statistics.latency_tracking_info_percentiles.iter().map(|&percentile| show_percentile(percentile));
    shown.collect::<Vec<_>>().join(" ")
}

/// A percentile with at most six decimals and no zeros at the end, as CONFIG GET and INFO show it.
pub fn show_percentile(percentile: f64) -> String {
    format!("{percentile:.6}").trim_end_matches('0').trim_end_matches('.').into()
}

/// `shutdown-on-sigint`.
pub const ON_SIGINT: Special = Special {
    set: |config, arguments, _| {
        config.general.shutdown_on_sigint = parse_shutdown(arguments)?;
        Ok(())
    },
    show: |config| show_shutdown(config.general.shutdown_on_sigint),
    lines: |config| shutdown_lines(config.general.shutdown_on_sigint),
};

/// `shutdown-on-sigterm`.
pub const ON_SIGTERM: Special = Special {
    set: |config, arguments, _| {
        config.general.shutdown_on_sigterm = parse_shutdown(arguments)?;
        Ok(())
    },
    show: |config| show_shutdown(config.general.shutdown_on_sigterm),
    lines: |config| shutdown_lines(config.general.shutdown_on_sigterm),
};

fn parse_shutdown(arguments: &[Vec<u8>]) -> Result<ShutdownOptions, String> {
    const WORDS: [&str; 5] = ["default", "save", "nosave", "now", "force"];
    let mut options = ShutdownOptions::default();
    if arguments.is_empty() {
        return Err(word_error(&WORDS));
    }
    for argument in arguments {
        match argument.to_ascii_lowercase().as_slice() {
            b"default" => {}
            b"save" => options.save = true,
            b"nosave" => options.nosave = true,
            b"now" => options.now = true,
            b"force" => options.force = true,
            _ => return Err(word_error(&WORDS)),
        }
    }
    if options.save && options.nosave {
        return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
    }
    Ok(options)
}

fn show_shutdown(options: ShutdownOptions) -> Vec<u8> {
    let words = [
        (options.save, "save"),
        (options.nosave, "nosave"),
        (options.now, "now"),
        (options.force, "force"),
        (options == ShutdownOptions::default(), "default"),
    ];
    let shown = words.into_iter().filter(|(set, _)| *set).map(|(_, word)| word);
    shown.collect::<Vec<_>>().join(" ").into_bytes()
}

fn shutdown_lines(options: ShutdownOptions) -> Vec<Line> {
    vec![Line::new(show_shutdown(options), options != ShutdownOptions::default())]
}

/// A single empty argument says "none".
fn without_lone_empty(arguments: &[Vec<u8>]) -> &[Vec<u8>] {
    match arguments {
        [only] if only.is_empty() => &[],
        all => all,
    }
}

fn text(argument: &[u8]) -> Result<String, String> {
    String::from_utf8(argument.to_vec()).map_err(|_| String::from("argument is not valid UTF-8"))
}
