//! Serves clients in the middle of a command of another one: a script that runs on and on.
//!
//! The runtime can't turn while a task goes on, so sockets are read and written here directly. Its tasks notice
//! nothing: what they find later is a socket with nothing to read.

use std::cell::RefCell;
use std::io;
use std::rc::{Rc, Weak};

use tokio::net::{TcpStream, UnixStream};

use super::doors::Door;
use super::listen;
use super::shared::Shared;
use crate::engine::state::Engine;
use crate::engine::state::script::Pump;

/// How much is read from a socket at once, bytes.
const READ: usize = 16 * 1024;

/// A connection that can be served without its task.
pub trait Served {
    /// Reads what there is, answers it, and sends what can be sent, all without waiting.
    fn serve_now(&mut self, engine: &mut Engine, buffer: &mut [u8]);
}

/// A socket that can be read and written without the runtime.
pub trait Direct {
    /// Reads what there is.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] where there is nothing; what else the system says.
    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes as much as goes.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] where nothing goes; what else the system says.
    fn write_now(&self, bytes: &[u8]) -> io::Result<usize>;
}

impl Direct for TcpStream {
    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(self, buffer)?)
    }

    fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(self, bytes)?)
    }
}

impl Direct for UnixStream {
    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(self, buffer)?)
    }

    fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(self, bytes)?)
    }
}

/// A connection, while it is there.
type Seat = Option<Weak<RefCell<dyn Served>>>;

/// Connections by their clients' places.
#[derive(Default)]
pub struct Connections(RefCell<Vec<Seat>>);

impl Connections {
    /// The connection of the client at `place`.
    pub fn add(&self, place: usize, connection: Weak<RefCell<dyn Served>>) {
        let mut all = self.0.borrow_mut();
        if all.len() <= place {
            all.resize(place + 1, None);
        }
        if let Some(seat) = all.get_mut(place) {
            *seat = Some(connection);
        }
    }

    /// The client at `place` has gone.
    pub fn remove(&self, place: usize) {
        if let Some(seat) = self.0.borrow_mut().get_mut(place) {
            *seat = None;
        }
    }

    fn all(&self) -> Vec<Rc<RefCell<dyn Served>>> {
        self.0.borrow().iter().flatten().filter_map(Weak::upgrade).collect()
    }
}

/// What serves the clients of `shared`, and those that come.
pub fn pump(shared: &Rc<Shared>) -> Pump {
    let shared = Rc::downgrade(shared);
    Pump(Rc::new(move |engine| {
        let Some(shared) = shared.upgrade() else { return };
        take_in(&shared, engine);
        let mut buffer = vec![0; READ];
        for connection in shared.connections.all() {
            // The one whose command goes on is in use.
            if let Ok(mut connection) = connection.try_borrow_mut() {
                connection.serve_now(engine, &mut buffer);
            }
        }
        shared.wake_all();
    }))
}

fn take_in(shared: &Rc<Shared>, engine: &mut Engine) {
    let doors = shared.doors.borrow().clone();
    for stream in doors.iter().filter_map(Door::accept_now) {
        listen::begin(stream, shared, engine);
    }
}
