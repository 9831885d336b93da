//! Scripts in Lua: EVAL's world, and the cache of scripts by their SHA-1.
//!
//! It knows Lua and the protocol's replies, and asks everything else of a [`Host`]. It must not know the engine: no
//! keyspace, no command, no clock, no socket.

mod api;
mod arguments;
mod bit;
mod errors;
mod flags;
mod host;
mod json;
mod message_pack;
mod number;
mod random;
mod sandbox;
mod structure;
mod to_lua;
mod to_reply;
mod world;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::rc::Rc;

use foldhash::fast::RandomState;
use mlua::Function;

pub use flags::ScriptFlags;
pub use host::{
    CallOptions, Host, Invocation, LoadError, LogLevel, Outcome, Progress, Propagation, ScriptError, declared_flags,
};
use random::Random;
use world::World;

/// The scripts that are known, and the world that they run in.
#[derive(Default)]
pub struct Scripts {
    /// None until the first script comes.
    world: Option<Rc<World>>,
    by_digest: HashMap<[u8; 20], Rc<Script>, RandomState>,
    /// The same scripts: to hash a body for a table costs a tenth of its SHA-1.
    by_body: HashMap<Rc<[u8]>, Rc<Script>, RandomState>,
    body_bytes: usize,
    random: Rc<Random>,
    deprecated: bool,
}

/// A compiled script. It can run even when the cache has forgotten it.
pub struct Script {
    name: [u8; 40],
    flags: ScriptFlags,
    function: Function,
    body: Rc<[u8]>,
    world: Rc<World>,
}

impl std::fmt::Debug for Scripts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Scripts").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Scripts {
    /// An empty cache. `deprecated` gives scripts `newproxy`, `setfenv` and `getfenv`.
    pub fn new(deprecated: bool) -> Scripts {
        Scripts { deprecated, ..Scripts::default() }
    }

    /// The script with this body, compiled where it is new.
    ///
    /// # Errors
    /// Where its first line or its Lua can't be understood.
    pub fn load(&mut self, body: &[u8]) -> Result<Rc<Script>, LoadError> {
        if let Some(script) = self.by_body.get(body) {
            return Ok(Rc::clone(script));
        }
        let shebang = flags::read_shebang(body).map_err(LoadError::Shebang)?;
        let world = self.world()?;
        let source = body.get(shebang.length..).unwrap_or_default();
        let function = world.compile(source).map_err(LoadError::Syntax)?;
        let digest = api::digest(body);
        let body: Rc<[u8]> = body.into();
        let name = api::hexadecimal(&digest);
        let script = Rc::new(Script { name, flags: shebang.flags, function, body: Rc::clone(&body), world });
        self.body_bytes += body.len();
        self.by_digest.insert(digest, Rc::clone(&script));
        self.by_body.insert(body, Rc::clone(&script));
        Ok(script)
    }

    /// The script whose SHA-1 is `name` in hexadecimal, in either case.
    pub fn find(&self, name: &[u8]) -> Option<Rc<Script>> {
        self.by_digest.get(&parse_digest(name)?).cloned()
    }

    /// The script with this body, where it is known.
    pub fn find_body(&self, body: &[u8]) -> Option<Rc<Script>> {
        self.by_body.get(body).cloned()
    }

    /// Forgets every script, and the Lua state.
    pub fn flush(&mut self) {
        self.by_digest.clear();
        self.by_body.clear();
        self.body_bytes = 0;
        self.world = None;
    }

    /// How many scripts are known.
    pub fn len(&self) -> usize {
        self.by_digest.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.by_digest.is_empty()
    }

    /// Bytes that the Lua state has allocated; 0 where there is none.
    pub fn lua_memory(&self) -> usize {
        self.world.as_ref().map_or(0, |world| world.memory())
    }

    /// Bytes that the cache itself takes, about.
    pub fn cache_memory(&self) -> usize {
        let entry = size_of::<Script>() + size_of::<([u8; 20], Rc<Script>)>() + size_of::<(Rc<[u8]>, Rc<Script>)>();
        self.body_bytes + self.len() * entry
    }

    fn world(&mut self) -> Result<Rc<World>, LoadError> {
        if self.world.is_none() {
            let world = World::new(Rc::clone(&self.random), self.deprecated);
            self.world = Some(Rc::new(world.map_err(|error| LoadError::World(error.to_string()))?));
        }
        self.world.clone().ok_or_else(|| LoadError::World("no Lua state".to_owned()))
    }
}

impl Script {
    /// Its SHA-1 in hexadecimal.
    pub fn name(&self) -> &[u8; 40] {
        &self.name
    }

    /// What it declares about itself.
    pub fn flags(&self) -> ScriptFlags {
        self.flags
    }

    /// Its source.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Runs it and appends its reply to `out`.
    pub fn run(&self, invocation: &Invocation<'_>, host: &mut dyn Host, out: &mut Vec<u8>) -> Outcome {
        self.world.run(&self.function, &self.name, invocation, host, out)
    }
}

/// The digest that 40 hexadecimal digits stand for.
fn parse_digest(name: &[u8]) -> Option<[u8; 20]> {
    if name.len() != 40 {
        return None;
    }
    let mut digest = [0; 20];
    for (byte, pair) in digest.iter_mut().zip(name.chunks_exact(2)) {
        *byte = pair.iter().try_fold(0, |value, digit| {
            let digit = char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())?;
            Some(value << 4 | digit)
        })?;
    }
    Some(digest)
}
