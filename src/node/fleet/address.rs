//! Gives each node an address that is free.
//!
//! Where the system answers on all of 127.0.0.0/8 (Linux), every node listens on its cluster's own port, at an IP
//! address of its own, in a range a zone: a node of zone `…b` shows at once by its 127.66. Where it has 127.0.0.1 alone
//! (macOS), every node has a port of its own there. Which of both it is is tried, not assumed.
//!
//! Free means: both ports can be bound right now. That is what keeps several local clouds on one machine apart; a
//! race that is lost shows as a node that can't start, and the next address is taken.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};

/// Distance from a node's port to its cluster bus port, where that fits below 65536.
const BUS_OFFSET: u16 = 10_000;
/// How many addresses are tried before giving up; each try is two system calls.
const TRIES: u16 = 4_000;
/// Second byte of the addresses of configuration endpoints.
const ENDPOINT_RANGE: u8 = 64;

/// A node's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where it answers clients.
    pub address: SocketAddr,
    /// TCP port of its cluster bus, at the same IP address.
    pub bus_port: u16,
}

/// No address is free.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no loopback address is free at port {port}: does another program listen on it at every address? Choose another port"
)]
pub struct NoFreeAddress {
    /// The port that was asked for.
    pub port: u16,
}

/// The addresses that this local cloud has given out.
#[derive(Debug)]
pub struct AddressBook {
    many_addresses: bool,
    given: Mutex<BTreeSet<SocketAddr>>,
}

impl AddressBook {
    /// An empty book; tries which kind of system this is, unless one address is to do.
    pub fn new(one_address: bool) -> Self {
        let many_addresses = !one_address && can_bind(SocketAddr::from(([127, 65, 0, 1], 0)));
        AddressBook { many_addresses, given: Mutex::default() }
    }

    /// A free place for a node of this cluster port and availability zone.
    pub fn place_for_node(&self, port: u16, zone: &str) -> Result<Place, NoFreeAddress> {
        let range = zone_range(zone);
        let bus_port = bus_port_of(port);
        let candidates = (1..=TRIES).map(|n| match self.many_addresses {
            true => Place { address: nth_address(range, n, port), bus_port },
            false => nth_port(port, n),
        });
        self.first_free(port, candidates)
    }

    /// A free address for a configuration endpoint of this cluster port.
    pub fn place_for_endpoint(&self, port: u16) -> Result<SocketAddr, NoFreeAddress> {
        let candidates = (0..TRIES).map(|n| {
            let address = match self.many_addresses {
                true => nth_address(ENDPOINT_RANGE, n + 1, port),
                false => SocketAddr::from((Ipv4Addr::LOCALHOST, wrapped(port, n))),
            };
            Place { address, bus_port: address.port() }
        });
        self.first_free(port, candidates).map(|place| place.address)
    }

    /// Notes that a place is taken by a node that was placed in an earlier run.
    pub fn take(&self, place: Place) {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.insert(place.address);
        given.insert(bus_address(place));
    }

    /// Gives a place back.
    pub fn release(&self, place: Place) {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.remove(&place.address);
        given.remove(&bus_address(place));
    }

    fn first_free(&self, port: u16, mut candidates: impl Iterator<Item = Place>) -> Result<Place, NoFreeAddress> {
        let is_free = |place: &Place| {
            let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
            let both = [place.address, bus_address(*place)];
            both.iter().all(|address| address.port() != 0 && !given.contains(address) && can_bind(*address))
        };
        let place = candidates.find(is_free).ok_or(NoFreeAddress { port })?;
        self.take(place);
        Ok(place)
    }
}

/// The cluster bus port for a node's port: 10000 above, or below where above would be beyond 65535.
pub fn bus_port_of(port: u16) -> u16 {
    port.checked_add(BUS_OFFSET).unwrap_or(port.wrapping_sub(BUS_OFFSET))
}

/// Second byte of a zone's addresses: 65 for a zone that ends with `a`, and so on to 90 for `z`.
fn zone_range(zone: &str) -> u8 {
    let letter = zone.bytes().last().map(|byte| byte.to_ascii_lowercase()).filter(u8::is_ascii_lowercase);
    letter.unwrap_or(b'a') - b'a' + 65
}

/// 127.`range`.0.1 and on, without those that end with 0 or 255, which some tools take for special.
fn nth_address(range: u8, n: u16, port: u16) -> SocketAddr {
    let (high, low) = ((n - 1) / 254, (n - 1) % 254 + 1);
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, range, high as u8, low as u8)), port)
}

fn nth_port(port: u16, n: u16) -> Place {
    let port = wrapped(port, n);
    Place { address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), bus_port: bus_port_of(port) }
}

/// Ports count on from the cluster's own, and after the last from 1024 on.
fn wrapped(port: u16, n: u16) -> u16 {
    port.checked_add(n).unwrap_or_else(|| port.wrapping_add(n) + 1024)
}

fn bus_address(place: Place) -> SocketAddr {
    SocketAddr::new(place.address.ip(), place.bus_port)
}

fn can_bind(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_zone_has_its_range() {
        assert_eq!(zone_range("us-east-1a"), 65);
        assert_eq!(zone_range("us-east-1b"), 66);
        assert_eq!(zone_range("eu-west-3z"), 90);
        assert_eq!(zone_range(""), 65);
        assert_eq!(zone_range("odd-1"), 65);
    }

    #[test]
    fn addresses_leave_out_the_ends_of_each_block() {
        assert_eq!(nth_address(65, 1, 6379), "127.65.0.1:6379".parse().unwrap());
        assert_eq!(nth_address(65, 254, 6379), "127.65.0.254:6379".parse().unwrap());
        assert_eq!(nth_address(65, 255, 6379), "127.65.1.1:6379".parse().unwrap());
    }

    #[test]
    fn the_bus_port_fits() {
        assert_eq!(bus_port_of(6379), 16379);
        assert_eq!(bus_port_of(55535), 65535);
        assert_eq!(bus_port_of(55536), 45536);
        assert_eq!(bus_port_of(65535), 55535);
    }

    #[test]
    fn nodes_of_one_cluster_share_the_port_and_nothing_else() {
        let book = AddressBook::new(false);
        if !book.many_addresses {
            return;
        }
        let places = ["a", "a", "b"].map(|zone| book.place_for_node(17901, zone).unwrap());
        assert!(places.iter().all(|place| place.address.port() == 17901));
        assert_ne!(places[0].address, places[1].address);
        assert_eq!(places[2].address.ip(), IpAddr::from([127, 66, 0, 1]));
    }

    #[test]
    fn a_taken_address_or_bus_port_is_passed_over() {
        let book = AddressBook::new(false);
        if !book.many_addresses {
            return;
        }
        let first = book.place_for_node(17902, "q").unwrap();
        book.release(first);
        let held = TcpListener::bind(bus_address(first)).unwrap();
        let second = book.place_for_node(17902, "q").unwrap();
        assert_ne!(first.address, second.address);
        drop(held);
        assert_eq!(book.place_for_node(17902, "q").unwrap(), first);
    }

    #[test]
    fn on_one_address_every_node_has_its_port() {
        let book = AddressBook::new(true);
        let places = [(); 3].map(|()| book.place_for_node(17910, "us-east-1c").unwrap());
        assert!(places.iter().all(|place| place.address.ip() == IpAddr::from([127, 0, 0, 1])));
        assert!(places[0].address.port() < places[1].address.port());
        let endpoint = book.place_for_endpoint(17910).unwrap();
        assert!(places.iter().all(|place| place.address != endpoint));
    }

    #[test]
    fn the_error_names_the_port() {
        let error = NoFreeAddress { port: 6379 };
        assert!(error.to_string().starts_with("no loopback address is free at port 6379"));
    }
}
