//! All clients but the one whose command is at hand.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::client::{Client, ClientId};

/// Clients by their place and by their number.
#[derive(Debug, Default)]
pub struct Clients {
    places: Vec<Option<Box<Client>>>,
    free: Vec<usize>,
    by_id: HashMap<ClientId, usize, FixedState>,
    last_id: ClientId,
}

impl Clients {
    /// How many there are, the one at hand included.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Takes a new client in; answers its place.
    pub fn add(&mut self, mut client: Box<Client>) -> usize {
        self.last_id += 1;
        client.id = self.last_id;
        let place = self.free.pop().unwrap_or(self.places.len());
        if place == self.places.len() {
            self.places.push(None);
        }
        client.slot = place;
        self.by_id.insert(client.id, place);
        self.places[place] = Some(client);
        place
    }

    /// Takes the client at a place out for a while.
    #[inline]
    pub fn take(&mut self, place: usize) -> Option<Box<Client>> {
        self.places.get_mut(place)?.take()
    }

    /// Puts it back.
    #[inline]
    pub fn put_back(&mut self, client: Box<Client>) {
        let place = client.slot;
        if let Some(seat) = self.places.get_mut(place) {
            *seat = Some(client);
        }
    }

    /// Forgets a client that was taken out.
    pub fn forget(&mut self, client: &Client) {
        self.by_id.remove(&client.id);
        self.free.push(client.slot);
    }

    /// The place of a client.
    pub fn place_of(&self, id: ClientId) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    /// The client at a place, unless it is the one at hand.
    pub fn at(&self, place: usize) -> Option<&Client> {
        self.places.get(place)?.as_deref()
    }

    /// The client at a place, to be changed.
    pub fn at_mut(&mut self, place: usize) -> Option<&mut Client> {
        self.places.get_mut(place)?.as_deref_mut()
    }

    /// A client by its number, unless it is the one at hand.
    pub fn get(&self, id: ClientId) -> Option<&Client> {
        self.at(self.place_of(id)?)
    }

    /// A client by its number, to be changed, unless it is the one at hand.
    pub fn get_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        self.at_mut(self.place_of(id)?)
    }

    /// All but the one at hand, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Client> {
        self.places.iter().flatten().map(|client| &**client)
    }

    /// All but the one at hand, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Client> {
        self.places.iter_mut().flatten().map(|client| &mut **client)
    }
}
