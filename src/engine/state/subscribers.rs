//! Who has subscribed to what.

use std::collections::BTreeMap;

use super::client::ClientId;

/// Clients by a channel or a pattern, in the order in which they came.
#[derive(Debug, Default)]
pub struct Index(BTreeMap<Vec<u8>, Vec<ClientId>>);

/// Subscriptions of all clients.
#[derive(Debug, Default)]
pub struct Subscribers {
    /// By channel.
    pub channels: Index,
    /// By pattern of channels.
    pub patterns: Index,
    /// By channel of a slot.
    pub shard_channels: Index,
}

impl Index {
    /// Whether nobody has subscribed to anything.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many names have subscribers.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A client, which had not, subscribes.
    pub fn add(&mut self, name: &[u8], client: ClientId) {
        match self.0.get_mut(name) {
            Some(clients) => clients.push(client),
            None => _ = self.0.insert(name.to_vec(), vec![client]),
        }
    }

    /// A client subscribes no more.
    pub fn remove(&mut self, name: &[u8], client: ClientId) {
        if let Some(clients) = self.0.get_mut(name) {
            clients.retain(|other| *other != client);
            if clients.is_empty() {
                self.0.remove(name);
            }
        }
    }

    /// Who has subscribed to a name.
    pub fn of(&self, name: &[u8]) -> &[ClientId] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// All names with their subscribers.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[ClientId])> {
        self.0.iter().map(|(name, clients)| (name.as_slice(), clients.as_slice()))
    }
}
