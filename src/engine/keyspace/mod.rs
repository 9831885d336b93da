//! Databases, entries, expiry, eviction and watched keys.
//!
//! Everything that commands do to keys goes through [`Keyspace`], which keeps the books: what changed, who is to be
//! told, what replicas must hear. Pure: the time is set from outside. Must not know clients but by number, nor replies.

pub mod database;
pub mod entry;
pub mod events;
pub mod evict;
pub mod expires;
mod relocate;
pub mod value;
pub mod watch;
mod wholesale;

use database::Database;
use entry::Entry;
use events::{Classes, Event};
use evict::Clock;
use value::{Collection, Value};
use watch::{ClientId, Watchers};

use crate::engine::data::dict::Keyed;

/// A key holds another type than the command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongType;

/// Who decides that a key has expired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Authority {
    /// This node: an expired key goes when it is met.
    #[default]
    Own,
    /// A primary: an expired key is not shown, and stays until the primary says so.
    Primary,
    /// The command at hand comes from the primary, or from a snapshot: nothing has expired.
    Obeying,
}

/// What was counted since the start, or since CONFIG RESETSTAT.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// Keys that were asked for and are there.
    pub hits: u64,
    /// Keys that were asked for and are not.
    pub misses: u64,
    /// Keys that have expired.
    pub expired: u64,
    /// Times that the search for expired keys ended before all were gone.
    pub expired_time_cap_reached: u64,
    /// Keys that were evicted.
    pub evicted: u64,
}

/// A command that replicas must get besides what clients ask.
pub type Deletion = (usize, Vec<u8>);

/// All databases.
#[derive(Debug)]
pub struct Keyspace {
    databases: Vec<Database>,
    /// The database that commands are for at the moment.
    pub selected: usize,
    /// Milliseconds since the epoch.
    pub now: i64,
    /// What eviction goes by.
    pub clock: Clock,
    /// Who decides that a key has expired.
    pub authority: Authority,
    /// Whether reading leaves no mark: CLIENT NO-TOUCH, OBJECT and the like.
    pub no_touch: bool,
    /// How many changes there were; a command that leaves it as it was is not replicated.
    pub dirty: u64,
    /// What was counted.
    pub statistics: Statistics,
    /// Classes of events that somebody wants; 0: none.
    pub wanted_events: Classes,
    /// Events that are not yet published.
    pub events: Vec<Event>,
    /// Keys that have expired or were evicted, and that replicas don't know of yet.
    pub deletions: Vec<Deletion>,
    /// Who has asked to WATCH which keys.
    pub watched: Watchers,
    /// Who has asked to WATCH keys that had expired by then, and were not taken out yet: that they go is no change.
    pub watched_expired: Watchers,
    /// Clients whose watched keys have changed.
    pub disturbed: Vec<ClientId>,
    /// Who is blocked on which keys.
    pub awaited: Watchers,
    /// Keys that came, and that somebody is blocked on.
    pub ready: Vec<watch::Place>,
}

impl Keyspace {
    /// So many empty databases; with `by_slot` they can tell the keys of a slot.
    pub fn new(databases: usize, by_slot: bool) -> Self {
        Keyspace {
            // A cluster has one database: only its keys are in slots.
            databases: (0..databases).map(|number| Database::new(by_slot && number == 0)).collect(),
            selected: 0,
            now: 0,
            clock: Clock::default(),
            authority: Authority::Own,
            no_touch: false,
            dirty: 0,
            statistics: Statistics::default(),
            wanted_events: Classes::default(),
            events: Vec::new(),
            deletions: Vec::new(),
            watched: Watchers::default(),
            watched_expired: Watchers::default(),
            disturbed: Vec::new(),
            awaited: Watchers::default(),
            ready: Vec::new(),
        }
    }

    /// All databases by number.
    pub fn databases(&self) -> &[Database] {
        &self.databases
    }

    /// All databases, to be changed without any bookkeeping.
    pub fn databases_mut(&mut self) -> &mut Vec<Database> {
        &mut self.databases
    }

    /// The selected database.
    #[inline]
    pub fn database(&self) -> &Database {
        &self.databases[self.selected]
    }

    /// The selected database, to be changed without any bookkeeping.
    #[inline]
    pub fn database_mut(&mut self) -> &mut Database {
        &mut self.databases[self.selected]
    }

    /// What a key holds, for reading: counts as a hit or a miss.
    #[inline]
    pub fn read(&mut self, key: &[u8]) -> Option<&Value> {
        match self.living(key) {
            Some(index) => {
                self.statistics.hits += 1;
                self.touch(index);
                Some(&self.databases[self.selected].at(index).value)
            }
            None => {
                self.statistics.misses += 1;
                self.notify(Classes::KEY_MISS, "keymiss", key);
                None
            }
        }
    }

    /// What a key holds, to be changed.
    #[inline]
    pub fn write(&mut self, key: &[u8]) -> Option<&mut Value> {
        let index = self.living(key)?;
        self.touch(index);
        Some(&mut self.databases[self.selected].at_mut(index).value)
    }

    /// What a key holds, without any mark left.
    pub fn peek(&mut self, key: &[u8]) -> Option<&Entry> {
        let index = self.living(key)?;
        Some(self.databases[self.selected].at(index))
    }

    /// What a key holds, for reading: counts as a hit or a miss, and is no use that eviction goes by.
    pub fn look(&mut self, key: &[u8]) -> Option<&Entry> {
        match self.living(key) {
            Some(index) => {
                self.statistics.hits += 1;
                Some(self.databases[self.selected].at(index))
            }
            None => {
                self.statistics.misses += 1;
                self.notify(Classes::KEY_MISS, "keymiss", key);
                None
            }
        }
    }

    /// The collection of a key, for reading.
    pub fn read_as<C: Collection>(&mut self, key: &[u8]) -> Result<Option<&C>, WrongType> {
        self.read(key).map(|value| C::of(value).ok_or(WrongType)).transpose()
    }

    /// The collection of a key, to be changed.
    pub fn write_as<C: Collection>(&mut self, key: &[u8]) -> Result<Option<&mut C>, WrongType> {
        self.write(key).map(|value| C::of_mut(value).ok_or(WrongType)).transpose()
    }

    /// The collection of a key, to be changed; a new one where the key is not there. Whoever leaves it empty must
    /// [`Keyspace::remove_if_empty`].
    pub fn write_or_create<C: Collection>(
        &mut self,
        key: &[u8],
        create: impl FnOnce() -> C,
    ) -> Result<&mut C, WrongType> {
        let index = match self.living(key) {
            Some(index) => {
                self.touch(index);
                index
            }
            None => self.add(key, create().into_value()),
        };
        C::of_mut(&mut self.databases[self.selected].at_mut(index).value).ok_or(WrongType)
    }

    /// Whether a key is there, without any mark left.
    pub fn exists(&mut self, key: &[u8]) -> bool {
        self.living(key).is_some()
    }

    /// Sets what a key holds, whatever it held; its time of expiry goes unless `keep_expiry`. Doesn't tell anybody.
    #[inline]
    pub fn set(&mut self, key: &[u8], value: Value, keep_expiry: bool) {
        match self.living(key) {
            Some(index) => {
                let clock = self.clock.fresh();
                let database = &mut self.databases[self.selected];
                if !keep_expiry {
                    database.set_expiry(index, None);
                }
                let entry = database.at_mut(index);
                entry.value = value;
                if !self.clock.is_lfu() {
                    entry.set_clock(clock);
                }
            }
            None => _ = self.add(key, value),
        }
    }

    /// Takes a key out; tells whether it was there. Doesn't tell anybody.
    pub fn delete(&mut self, key: &[u8]) -> bool {
        self.take(key).is_some()
    }

    /// Takes a key out, with its value and its time of expiry. Doesn't tell anybody.
    pub fn take(&mut self, key: &[u8]) -> Option<(Value, Option<i64>)> {
        let index = self.living(key)?;
        let database = &mut self.databases[self.selected];
        let at = database.expires_at(index);
        Some((database.remove(index).value, at))
    }

    /// Takes a key out if its collection is empty; tells so as `del`, and answers whether it did.
    pub fn remove_if_empty(&mut self, key: &[u8]) -> bool {
        let Some(index) = self.database().find(key) else { return false };
        if self.database().at(index).value.elements() > 0 {
            return false;
        }
        self.database_mut().remove(index);
        self.notify(Classes::GENERIC, "del", key);
        true
    }

    /// When a key expires, milliseconds since the epoch; `None` where it is not there, or doesn't.
    pub fn expires_at(&mut self, key: &[u8]) -> Option<i64> {
        let index = self.living(key)?;
        self.database().expires_at(index)
    }

    /// Sets when a key expires; `None`: never. Tells whether the key is there.
    pub fn set_expiry(&mut self, key: &[u8], at: Option<i64>) -> bool {
        let Some(index) = self.living(key) else { return false };
        self.database_mut().set_expiry(index, at);
        true
    }

    /// A key has changed: counts it, tells those who watch it or are blocked on it, and notes the event.
    #[inline]
    pub fn changed(&mut self, class: Classes, event: &'static str, key: &[u8]) {
        self.dirty += 1;
        self.signal(key);
        self.notify(class, event, key);
    }

    /// Tells those who watch the key, or are blocked on it, that it has changed.
    #[inline]
    pub fn signal(&mut self, key: &[u8]) {
        if !self.watched.is_empty() {
            self.disturbed.extend_from_slice(self.watched.of(self.selected, key));
        }
        if !self.watched_expired.is_empty() {
            self.disturb_who_saw_it_expired(key);
        }
        self.announce(key);
    }

    /// Who watches an expired key is disturbed by what takes its place, and watches the empty place if nothing does.
    #[cold]
    fn disturb_who_saw_it_expired(&mut self, key: &[u8]) {
        let clients = self.watched_expired.of(self.selected, key).to_vec();
        let is_there = self.database().find(key).is_some();
        for client in clients {
            if is_there {
                self.disturbed.push(client);
            } else {
                self.watched_expired.hand_over((self.selected, key.to_vec()), client, &mut self.watched);
            }
        }
    }

    /// Tells those who are blocked on the key that there may be something in it.
    #[inline]
    pub fn announce(&mut self, key: &[u8]) {
        if !self.awaited.is_empty() && !self.awaited.of(self.selected, key).is_empty() {
            let place = (self.selected, key.to_vec());
            if !self.ready.contains(&place) {
                self.ready.push(place);
            }
        }
    }

    /// Notes an event, if anybody wants its class.
    #[inline]
    pub fn notify(&mut self, class: Classes, name: &'static str, key: &[u8]) {
        if self.wanted_events.has(class) {
            self.events.push(Event { class, name, key: key.to_vec(), database: self.selected });
        }
    }

    /// A key at random that has not expired.
    pub fn random(&mut self, random: &mut fastrand::Rng) -> Option<Vec<u8>> {
        // Expired keys that may not be deleted must not be searched for ever. Those that may are fewer each time.
        let mut tries = 0;
        while self.authority == Authority::Own || tries < 100 {
            let index = self.random_index(random)?;
            let key = self.database().at(index).key().to_vec();
            if self.living(&key).is_some() {
                return Some(key);
            }
            tries += 1;
        }
        let index = self.random_index(random)?;
        Some(self.database().at(index).key().to_vec())
    }

    fn random_index(&self, random: &mut fastrand::Rng) -> Option<u32> {
        let count = u32::try_from(self.database().len()).ok().filter(|count| *count > 0)?;
        Some(random.u32(0..count))
    }

    /// Whether the entry at an index has expired.
    #[inline]
    pub fn has_expired(&self, index: u32) -> bool {
        self.authority != Authority::Obeying
            && self.database().at(index).has_expiry()
            && self.database().expires_at(index).is_some_and(|at| at < self.now)
    }

    /// Takes expired keys out, the longest expired first, at most so many; answers how many went. Only for a node that
    /// decides itself.
    pub fn expire_some(&mut self, most: usize) -> usize {
        if self.authority != Authority::Own {
            return 0;
        }
        let before = self.selected;
        let mut gone = 0;
        for number in 0..self.databases.len() {
            self.selected = number;
            while gone < most
                && let Some((at, index)) = self.database().expires().first()
                && at < self.now
            {
                self.expire(index);
                gone += 1;
            }
        }
        self.selected = before;
        gone
    }

    /// Takes out what eviction has chosen.
    pub fn evict(&mut self, database: usize, index: u32) {
        let before = std::mem::replace(&mut self.selected, database);
        let entry = self.database_mut().remove(index);
        self.statistics.evicted += 1;
        self.gone(entry.key(), Classes::EVICTED, "evicted");
        self.selected = before;
    }

    /// The index of a key's entry, if the key is there for the command at hand.
    #[inline]
    fn living(&mut self, key: &[u8]) -> Option<u32> {
        let index = self.databases[self.selected].find(key)?;
        if !self.has_expired(index) {
            return Some(index);
        }
        if self.authority == Authority::Own {
            self.expire(index);
        }
        None
    }

    fn expire(&mut self, index: u32) {
        let entry = self.database_mut().remove(index);
        self.statistics.expired += 1;
        self.gone(entry.key(), Classes::EXPIRED, "expired");
    }

    fn gone(&mut self, key: &[u8], class: Classes, event: &'static str) {
        // Not counted as a change: it is not what the command at hand does, which replicas needn't hear for it.
        self.deletions.push((self.selected, key.to_vec()));
        self.signal(key);
        self.notify(class, event, key);
    }

    fn add(&mut self, key: &[u8], value: Value) -> u32 {
        let clock = self.clock.fresh();
        let index = self.databases[self.selected].add(key, value, clock);
        self.notify(Classes::NEW, "new", key);
        self.announce(key);
        index
    }

    #[inline]
    fn touch(&mut self, index: u32) {
        if self.no_touch {
            return;
        }
        let entry = self.databases[self.selected].at_mut(index);
        entry.set_clock(self.clock.used(entry.clock()));
    }
}
