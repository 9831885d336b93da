//! What all tasks share: the engine, and who is to be woken.

use std::cell::{Cell, RefCell, RefMut};
use std::path::PathBuf;
use std::rc::Rc;
use std::task::Waker;

use tokio::sync::Notify;

use super::bus::Bus;
use super::doors::Door;
use super::files;
use super::primary::Primary;
use super::pump::Connections;
use crate::engine::log::{Log, Role};
use crate::engine::state::{Engine, Task};

/// How much is read from a socket at once, bytes.
const READ: usize = 64 * 1024;

/// The engine and what the tasks around it need.
pub struct Shared {
    engine: RefCell<Engine>,
    wakers: RefCell<Vec<Option<Waker>>>,
    /// Where sockets are read into; what is not a whole request is copied away before the next one.
    pub buffer: RefCell<Vec<u8>>,
    /// The node is to end.
    pub shutdown: Notify,
    /// Whoever ended the node has saved already, or wants nothing saved.
    pub ends_unsaved: Cell<bool>,
    /// A client has a nearer deadline than the timer knows.
    pub sooner: Notify,
    /// Where clients come in.
    pub doors: RefCell<Vec<Door>>,
    /// Clients' connections.
    pub connections: Connections,
    /// The links to other nodes.
    pub bus: Bus,
    /// The link to the primary.
    pub primary: Primary,
    /// Where log lines go.
    pub log: Log,
}

impl Shared {
    /// Around this engine.
    pub fn new(engine: Engine, nodes_file: PathBuf, log: Log) -> Self {
        Shared {
            engine: RefCell::new(engine),
            wakers: RefCell::default(),
            buffer: RefCell::new(vec![0; READ]),
            shutdown: Notify::new(),
            ends_unsaved: Cell::new(false),
            sooner: Notify::new(),
            doors: RefCell::default(),
            connections: Connections::default(),
            bus: Bus::new(nodes_file, log.clone()),
            primary: Primary::default(),
            log,
        }
    }

    /// The engine, until the next await.
    pub fn engine(&self) -> RefMut<'_, Engine> {
        self.engine.borrow_mut()
    }

    /// Does what the engine has left to do, after anything was asked of it.
    pub fn settle(self: &Rc<Self>, engine: &mut Engine) {
        if engine.tasks.is_empty() {
            return;
        }
        self.log.set_role(if engine.replication.core.is_replica() { Role::Replica } else { Role::Primary });
        let wakers = self.wakers.borrow();
        for task in engine.tasks.drain(..) {
            match task {
                Task::Wake(place) => {
                    if let Some(Some(waker)) = wakers.get(place) {
                        waker.wake_by_ref();
                    }
                }
                Task::Sooner => self.sooner.notify_one(),
                Task::Save { file, bytes } => {
                    tokio::task::spawn_local(files::save(file, bytes, Rc::clone(self)));
                }
                Task::Primary(task) => self.primary.perform(task, self),
                Task::Log(level, line) => self.log.write(level, line),
                Task::Bus(effect) => self.bus.perform(effect, self),
                Task::Shutdown { save } => {
                    self.ends_unsaved.set(save == Some(false));
                    self.shutdown.notify_one();
                }
            }
        }
    }

    /// The task of the client at `place` is woken by this from now on.
    pub fn set_waker(&self, place: usize, waker: &Waker) {
        let mut wakers = self.wakers.borrow_mut();
        if wakers.len() <= place {
            wakers.resize(place + 1, None);
        }
        match &mut wakers[place] {
            Some(known) => known.clone_from(waker),
            empty => *empty = Some(waker.clone()),
        }
    }

    /// Has every client's task look whether there is something to do.
    pub fn wake_all(&self) {
        self.wakers.borrow().iter().flatten().for_each(Waker::wake_by_ref);
    }

    /// The client at `place` has gone.
    pub fn forget_waker(&self, place: usize) {
        if let Some(waker) = self.wakers.borrow_mut().get_mut(place) {
            *waker = None;
        }
    }
}
