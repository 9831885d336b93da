//! INFO: which sections there are, and which were asked for. [`super::info_sections`] fills them.

use super::command::{Categories, Command, Flags};
use super::error::Outcome;
use super::info_sections as sections;
use crate::engine::state::Engine;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::new("info", -1, info)
    .flags(Flags::LOADING.and(Flags::STALE))
    .categories(Categories::DANGEROUS)
    .about("server", "1.0.0", "Shows what the server is and does.")];

/// A section of INFO.
struct Section {
    /// Names that ask for it; the first one is in its heading.
    names: &'static [&'static str],
    /// Whether it is shown when none is asked for.
    by_default: bool,
    fill: fn(&mut Engine) -> String,
}

const fn section(names: &'static [&'static str], by_default: bool, fill: fn(&mut Engine) -> String) -> Section {
    Section { names, by_default, fill }
}

const SECTIONS: &[Section] = &[
    section(&["Server"], true, sections::server),
    section(&["Clients"], true, sections::clients),
    section(&["Memory"], true, sections::memory),
    section(&["Persistence"], true, sections::persistence),
    section(&["Stats"], true, sections::stats),
    section(&["Replication"], true, Engine::replication_info),
    section(&["CPU"], true, sections::cpu),
    section(&["Modules", "module_list"], true, |_| String::new()),
    section(&["Commandstats"], false, sections::command_statistics),
    section(&["Errorstats"], true, sections::error_statistics),
    section(&["Latencystats"], false, sections::latency_statistics),
    section(&["Cluster"], true, sections::cluster),
    section(&["Keyspace"], true, sections::keyspace),
];

impl Section {
    fn is_among(&self, wanted: &[&[u8]]) -> bool {
        let named = |word: &[u8]| self.names.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()));
        wanted.is_empty() && self.by_default
            || wanted.iter().any(|word| match word.to_ascii_lowercase().as_slice() {
                b"all" | b"everything" => true,
                b"default" => self.by_default,
                word => named(word),
            })
    }
}

fn info(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let mut text = String::new();
    for section in SECTIONS.iter().filter(|section| section.is_among(&arguments[1..])) {
        if !text.is_empty() {
            text += "\r\n";
        }
        text += &format!("# {}\r\n", section.names[0]);
        text += &(section.fill)(engine);
    }
    engine.reply.verbatim("txt", &text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(wanted: &[&str]) -> Vec<&'static str> {
        let wanted: Vec<&[u8]> = wanted.iter().map(|word| word.as_bytes()).collect();
        SECTIONS.iter().filter(|section| section.is_among(&wanted)).map(|section| section.names[0]).collect()
    }

    #[test]
    fn sections_are_chosen_by_name() {
        assert_eq!(shown(&["cpu", "COMMANDSTATS"]), ["CPU", "Commandstats"]);
        assert_eq!(shown(&["nothing"]), [""; 0]);
        assert_eq!(shown(&[]), shown(&["default"]));
        assert!(!shown(&[]).contains(&"Commandstats"));
        assert_eq!(shown(&["all"]).len(), SECTIONS.len());
        assert_eq!(shown(&["default", "latencystats"]).len(), shown(&[]).len() + 1);
    }
}
