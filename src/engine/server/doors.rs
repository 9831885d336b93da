//! Listening sockets that can be closed and opened while the node runs: CONFIG SET port and bind.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::os::fd::AsFd as _;
use std::rc::Rc;
use std::task::{Poll, Waker};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc::UnboundedSender;

use crate::engine::config::settings::Network;

/// A listening socket. Its clones are the same one.
#[derive(Clone)]
pub struct Door(Rc<RefCell<Leaf>>);

struct Leaf {
    listener: Option<TcpListener>,
    waker: Option<Waker>,
}

impl Door {
    /// Around a socket that listens.
    pub fn new(listener: TcpListener) -> Self {
        Door(Rc::new(RefCell::new(Leaf { listener: Some(listener), waker: None })))
    }

    /// Closes it at once; whoever waits at it is told.
    pub fn close(&self) {
        let mut leaf = self.0.borrow_mut();
        leaf.listener = None;
        if let Some(waker) = leaf.waker.take() {
            waker.wake();
        }
    }

    /// Whether it is not closed.
    pub fn is_open(&self) -> bool {
        self.0.borrow().listener.is_some()
    }

    /// A connection that has come already, without the help of the runtime's loop.
    pub fn accept_now(&self) -> Option<TcpStream> {
        let leaf = self.0.borrow();
        let listener: std::net::TcpListener = leaf.listener.as_ref()?.as_fd().try_clone_to_owned().ok()?.into();
        let (stream, _) = listener.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        TcpStream::from_std(stream).ok()
    }

    /// The next connection; nothing once it is closed.
    pub async fn accept(&self) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        poll_fn(|context| {
            let mut leaf = self.0.borrow_mut();
            let Some(listener) = &leaf.listener else { return Poll::Ready(None) };
            let accepted = listener.poll_accept(context).map(Some);
            leaf.waker = Some(context.waker().clone());
            accepted
        })
        .await
    }
}

/// All doors for clients.
pub struct Doors {
    open: Vec<Door>,
    network: Network,
    /// Who lets clients in at new ones.
    attendant: UnboundedSender<Door>,
}

impl Doors {
    /// Those that are open, for this configuration.
    pub fn new(open: Vec<Door>, network: Network, attendant: UnboundedSender<Door>) -> Self {
        Doors { open, network, attendant }
    }

    /// Listens as this configuration says from now on.
    ///
    /// # Errors
    /// It can't, and listens as before.
    pub fn reopen(&mut self, network: &Network) -> Result<(), String> {
        if network.port != self.network.port {
            // The new ones are in nobody's way: the old ones close when they are there.
            let doors = open(network)?;
            self.replace(doors, network);
            return Ok(());
        }
        self.open.iter().for_each(Door::close);
        match open(network) {
            Ok(doors) => {
                self.replace(doors, network);
                Ok(())
            }
            Err(reason) => {
                let before = self.network.clone();
                if let Ok(doors) = open(&before) {
                    self.replace(doors, &before);
                }
                Err(reason)
            }
        }
    }

    fn replace(&mut self, doors: Vec<Door>, network: &Network) {
        self.open.iter().for_each(Door::close);
        for door in &doors {
            // It fails only when the node ends, and nobody is let in any more.
            let _ = self.attendant.send(door.clone());
        }
        self.open = doors;
        self.network = network.clone();
    }
}

fn open(network: &Network) -> Result<Vec<Door>, String> {
    let mut doors = Vec::new();
    if network.port == 0 {
        return Ok(doors);
    }
    for name in &network.bind {
        let (address, optional) = name.strip_prefix('-').map_or((name.as_str(), false), |address| (address, true));
        match open_one(address, network) {
            Ok(listener) => doors.push(Door::new(listener)),
            Err(_) if optional => {}
            Err(error) => {
                let at = format!("{address}:{}", network.port);
                return Err(format!("Could not create server TCP listening socket {at}: bind: {error}"));
            }
        }
    }
    Ok(doors)
}

fn open_one(address: &str, network: &Network) -> io::Result<TcpListener> {
    let address = match address {
        "*" => "0.0.0.0",
        "::*" => "::",
        other => other,
    };
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for resolved in (address, network.port).to_socket_addrs()? {
        let socket = if resolved.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        match socket.bind(resolved).and_then(|()| socket.listen(network.tcp_backlog)) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc::unbounded_channel;

    fn network(port: u16) -> Network {
        Network { port, bind: vec!["127.0.0.1".into()], tcp_backlog: 5, ..Network::default() }
    }

    async fn listener() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    #[tokio::test]
    async fn a_closed_door_tells_who_waits_at_it() {
        let door = Door::new(listener().await.0);
        let other = door.clone();
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async move {
                let waits = tokio::task::spawn_local(async move { other.accept().await.is_none() });
                tokio::task::yield_now().await;
                door.close();
                assert!(waits.await.unwrap());
            })
            .await;
    }

    #[tokio::test]
    async fn a_port_that_is_taken_leaves_the_old_one_open() {
        let ((old, old_port), (_taken, taken_port)) = (listener().await, listener().await);
        let (attendant, mut arrivals) = unbounded_channel();
        let mut doors = Doors::new(vec![Door::new(old)], network(old_port), attendant);
        assert!(doors.reopen(&network(taken_port)).unwrap_err().contains("bind: "));
        assert!(std::net::TcpStream::connect(("127.0.0.1", old_port)).is_ok());
        assert!(arrivals.try_recv().is_err());
        let (free, free_port) = listener().await;
        drop(free);
        doors.reopen(&network(free_port)).unwrap();
        assert!(arrivals.try_recv().is_ok());
        assert!(std::net::TcpStream::connect(("127.0.0.1", old_port)).is_err());
        assert!(std::net::TcpStream::connect(("127.0.0.1", free_port)).is_ok());
    }
}
