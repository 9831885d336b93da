//! CONFIG.

use super::command::{Command, Flags};
use super::error::{Error, Outcome};
use super::help::{container, help};
use crate::engine::config::change::{self, Circumstances};
use crate::engine::config::choices::OomScoreAdjust;
use crate::engine::config::{Applied, rewrite};
use crate::engine::log::LogLevel;
use crate::engine::state::Engine;

const OPERATOR: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE);

/// The commands of this file.
pub const COMMANDS: &[Command] =
    &[Command::new("config", -2, container).about("server", "2.0.0", "What the server is set to.").with(&[
        Command::new("get", -3, get).flags(OPERATOR).about("server", "2.0.0", "Shows directives that match patterns."),
        Command::new("set", -4, set).flags(OPERATOR).about("server", "2.0.0", "Changes directives, all or none."),
        Command::new("resetstat", 2, reset_statistics).flags(OPERATOR).about(
            "server",
            "2.0.0",
            "Sets the counters of INFO to zero.",
        ),
        Command::new("rewrite", 2, rewrite_file).flags(OPERATOR).about(
            "server",
            "2.8.0",
            "Writes what is set to the configuration file.",
        ),
        Command::new("help", 2, show_help).flags(Flags::LOADING.and(Flags::STALE)).about(
            "server",
            "5.0.0",
            "Shows what CONFIG can do.",
        ),
    ])];

fn get(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let found = change::get(&engine.config, &arguments[2..]);
    engine.reply.map(found.len());
    for (name, value) in found {
        engine.reply.bulk(&name);
        engine.reply.bulk(&value);
    }
    Ok(())
}

fn set(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    // Nobody is served while a snapshot is loaded.
    let circumstances = Circumstances { local_client: engine.client.is_local(), loading: false };
    let files = engine.outside.host.files();
    let change = change::set(&mut engine.config, &arguments[2..], circumstances, files)
        .map_err(|refusal| Error::worded(refusal.to_string()))?;
    if let Err((name, reason)) = engine.apply_effects(&change.effects) {
        let effects = change.effects.clone();
        change.roll_back(&mut engine.config, engine.outside.host.files());
        // What was applied is applied again as it was; it held a moment ago, so it will.
        let _ = engine.apply_effects(&effects);
        let text = format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}");
        return Err(Error::worded(text));
    }
    engine.apply_config();
    // A lower limit counts at once.
    let _ = engine.make_room();
    engine.reply.ok();
    Ok(())
}

fn reset_statistics(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    let commands = engine.statistics.commands.len();
    engine.statistics = Default::default();
    engine.statistics.commands.resize_with(commands, Default::default);
    engine.statistics.peak_memory = (engine.outside.memory)();
    engine.keyspace.statistics = Default::default();
    engine.observed.rates = Default::default();
    engine.reply.ok();
    Ok(())
}

fn rewrite_file(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    engine.rewrite_config(false)?;
    engine.reply.ok();
    Ok(())
}

fn show_help(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let lines = [
        ("GET <pattern> [<pattern> ...]", "Shows directives that match, and their values."),
        ("SET <directive> <value> [<directive> <value> ...]", "Changes directives: all of them, or none."),
        ("RESETSTAT", "Sets the counters of INFO to zero."),
        ("REWRITE", "Writes what is set to the configuration file."),
    ];
    help(engine, arguments, &lines)
}

impl Engine {
    /// Writes the configuration to its file; with `everything`, what is at its default too.
    ///
    /// # Errors
    /// There is no file, or it can't be written.
    pub fn rewrite_config(&mut self, everything: bool) -> Outcome {
        let Some(path) = self.config.general.file.clone() else {
            return Err(Error::fixed("ERR The server is running without a config file"));
        };
        let old = self.outside.host.files().read(&path).unwrap_or_default();
        let new = rewrite::rewrite(&self.config, &old, &self.users.lines(), everything);
        let written = (self.outside.create)(&path).and_then(|mut file| {
            file.write(&new)?;
            file.finish()
        });
        if let Err(reason) = written {
            self.outside.host.log(LogLevel::Warning, &format!("CONFIG REWRITE failed: {reason}"));
            return Err(Error::worded(format!("ERR Rewriting config file: {reason}")));
        }
        self.outside.host.log(LogLevel::Warning, "CONFIG REWRITE executed with success.");
        Ok(())
    }

    /// Makes changes of the configuration hold. An error is the directive and the reason why one cannot.
    fn apply_effects(&mut self, effects: &[(&'static str, Applied)]) -> Result<(), (&'static str, String)> {
        for (name, applied) in effects {
            self.apply(*applied).map_err(|reason| (*name, reason))?;
        }
        Ok(())
    }

    fn apply(&mut self, applied: Applied) -> Result<(), String> {
        match applied {
            Applied::Port => self.listen("Unable to listen on this port. Check server logs."),
            Applied::Bind => self.listen("Failed to bind to specified addresses."),
            Applied::LogLevel => {
                self.outside.host.set_log_level(self.config.general.loglevel);
                Ok(())
            }
            Applied::RequirePass => {
                self.users.set_default_password(&self.config.access.requirepass);
                Ok(())
            }
            Applied::MaxMemory => {
                self.warn_of_low_maxmemory();
                Ok(())
            }
            Applied::OomScore => self.apply_oom_score(),
            // Read whenever they matter, or taken over with everything else after the change.
            Applied::MaxClients
            | Applied::ClientMemory
            | Applied::TimerFrequency
            | Applied::BacklogSize
            | Applied::GoodReplicas
            | Applied::ClusterFlags
            | Applied::ClusterPorts
            | Applied::ClusterIp
            | Applied::ClusterHostname
            | Applied::ClusterSettings => Ok(()),
        }
    }

    fn listen(&mut self, refusal: &str) -> Result<(), String> {
        self.outside.host.listen(&self.config.network).map_err(|reason| {
            self.outside.host.log(LogLevel::Warning, &reason);
            refusal.to_owned()
        })
    }

    fn warn_of_low_maxmemory(&mut self) {
        let (limit, used) = (self.config.memory.maxmemory, self.counted_memory());
        if limit > 0 && limit < u64::try_from(used).unwrap_or(u64::MAX) {
            let line = format!(
                "WARNING: the new maxmemory value set via CONFIG SET ({limit}) is smaller than the current memory usage \
                 ({used}): keys will be evicted, or writes refused, as maxmemory-policy says."
            );
            self.outside.host.log(LogLevel::Warning, &line);
        }
    }

    fn apply_oom_score(&mut self) -> Result<(), String> {
        let general = &self.config.general;
        let [primary, replica, _] = general.oom_score_adj_values;
        let score = if self.config.replication.primary.is_some() { replica } else { primary };
        let (score, relative) = match general.oom_score_adj {
            OomScoreAdjust::No => (None, false),
            OomScoreAdjust::Relative => (Some(score), true),
            OomScoreAdjust::Absolute => (Some(score), false),
        };
        let set = self.outside.host.set_oom_score(score, relative);
        set.map_err(|_| "Failed to set current oom_score_adj. Check server logs.".to_owned())
    }
}
