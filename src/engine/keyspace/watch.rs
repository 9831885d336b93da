//! Who waits for changes of which keys: WATCH, and commands that block.
//!
//! Knows clients by their numbers alone.

use std::collections::HashMap;

use foldhash::fast::FixedState;

/// A client's number.
pub type ClientId = u64;

/// A key of a database.
pub type Place = (usize, Vec<u8>);

/// Clients by the keys that they look at, in the order in which they came.
#[derive(Debug, Default)]
pub struct Watchers {
    by_place: HashMap<Place, Vec<ClientId>, FixedState>,
}

impl Watchers {
    /// Whether nobody looks at any key: true most of the time.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.by_place.is_empty()
    }

    /// A client looks at a key from now on.
    pub fn add(&mut self, place: Place, client: ClientId) {
        let clients = self.by_place.entry(place).or_default();
        if !clients.contains(&client) {
            clients.push(client);
        }
    }

    /// A client doesn't look at a key any more.
    pub fn remove(&mut self, place: &Place, client: ClientId) {
        if let Some(clients) = self.by_place.get_mut(place) {
            clients.retain(|other| *other != client);
            if clients.is_empty() {
                self.by_place.remove(place);
            }
        }
    }

    /// A client looks at a key from now on as one of others.
    pub fn hand_over(&mut self, place: Place, client: ClientId, others: &mut Watchers) {
        self.remove(&place, client);
        others.add(place, client);
    }

    /// Who looks at a key, the first one first.
    pub fn of(&self, database: usize, key: &[u8]) -> &[ClientId] {
        if self.by_place.is_empty() {
            return &[];
        }
        self.by_place.get(&(database, key.to_vec())).map_or(&[], Vec::as_slice)
    }

    /// All keys that somebody looks at, with who does.
    pub fn all(&self) -> impl Iterator<Item = (&Place, &[ClientId])> {
        self.by_place.iter().map(|(place, clients)| (place, clients.as_slice()))
    }
}
