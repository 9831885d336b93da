//! One client's connection: bytes in, bytes out.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::pump::{Direct, Served};
use super::shared::Shared;
use crate::engine::resp::RequestParser;
use crate::engine::state::client::{Client, Role};
use crate::engine::state::{Engine, Fed};

/// A buffer that has grown beyond this is not kept when it is empty, bytes.
const KEPT: usize = 64 * 1024;

/// The task of a client's connection.
pub struct Connection<S> {
    peer: Rc<RefCell<Peer<S>>>,
    place: usize,
    shared: Rc<Shared>,
}

/// A client's socket, and what was read and not answered or written and not sent.
struct Peer<S> {
    socket: S,
    place: usize,
    shared: Rc<Shared>,
    parser: RequestParser,
    /// Requests that are not whole, or that wait.
    input: Vec<u8>,
    waits: bool,
    output: Vec<u8>,
    sent: usize,
    ends: bool,
}

impl<S: AsyncRead + AsyncWrite + Direct + Unpin + 'static> Connection<S> {
    /// The connection of the client at `place`.
    pub fn new(socket: S, place: usize, shared: Rc<Shared>) -> Self {
        let (parser, input, output) = (RequestParser::default(), Vec::new(), Vec::new());
        let peer = Peer {
            socket,
            place,
            shared: Rc::clone(&shared),
            parser,
            input,
            waits: false,
            output,
            sent: 0,
            ends: false,
        };
        let peer = Rc::new(RefCell::new(peer));
        let served: Rc<RefCell<dyn Served>> = Rc::<RefCell<Peer<S>>>::clone(&peer);
        shared.connections.add(place, Rc::downgrade(&served));
        Connection { peer, place, shared }
    }
}

impl<S: AsyncRead + AsyncWrite + Direct + Unpin> Peer<S> {
    /// Sends what there is to be sent.
    fn send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.sent == self.output.len() && !self.take_output() {
                return Poll::Ready(Ok(()));
            }
            let count = ready!(Pin::new(&mut self.socket).poll_write(context, &self.output[self.sent..]))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += count;
            let mut engine = self.shared.engine();
            if let Some(client) = engine.clients.at_mut(self.place) {
                client.unsent = self.output.len() - self.sent;
            }
            engine.replica_progresses(self.place);
        }
    }

    /// Takes the client's output over; tells whether there is any.
    fn take_output(&mut self) -> bool {
        self.sent = 0;
        self.output.clear();
        if self.output.capacity() > KEPT {
            self.output = Vec::new();
        }
        let shared = Rc::clone(&self.shared);
        let mut engine = shared.engine();
        let took = self.take_output_of(&mut engine);
        shared.settle(&mut engine);
        took
    }

    fn take_output_of(&mut self, engine: &mut Engine) -> bool {
        let is_idle_replica = |client: &Client| client.role == Role::Replica && client.output.is_empty();
        if engine.clients.at(self.place).is_some_and(is_idle_replica) {
            engine.serve_replica(self.place);
        }
        let Some(client) = engine.clients.at_mut(self.place) else { return false };
        self.ends |= client.closing || client.killed;
        if client.killed || client.output.is_empty() {
            return false;
        }
        std::mem::swap(&mut self.output, &mut client.output);
        client.unsent = self.output.len();
        let count = u64::try_from(self.output.len()).unwrap_or(0);
        engine.statistics.output_bytes += count;
        engine.statistics.writes += 1;
        true
    }

    /// Reads, and answers what is whole; `false` at the end of the connection.
    fn receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let shared = Rc::clone(&self.shared);
        let mut buffer = shared.buffer.borrow_mut();
        let mut read = ReadBuf::new(&mut buffer);
        ready!(Pin::new(&mut self.socket).poll_read(context, &mut read))?;
        let bytes = read.filled();
        if bytes.is_empty() {
            return Poll::Ready(Ok(false));
        }
        let mut engine = shared.engine();
        engine.statistics.input_bytes += u64::try_from(bytes.len()).unwrap_or(0);
        engine.statistics.reads += 1;
        drop(engine);
        if self.input.is_empty() && !self.waits {
            self.answer_from(bytes);
        } else {
            self.input.extend_from_slice(bytes);
            if self.input.len() > self.shared.engine().query_limit() {
                self.shared.engine().refuse_query(self.place);
                return Poll::Ready(Ok(false));
            }
            self.answer();
        }
        Poll::Ready(Ok(true))
    }

    /// Answers requests that are not in `input`; what is left of them goes there.
    fn answer_from(&mut self, bytes: &[u8]) {
        let done = self.feed(bytes);
        self.input.extend_from_slice(&bytes[done..]);
    }

    /// Answers requests in `input`.
    fn answer(&mut self) {
        let mut input = std::mem::take(&mut self.input);
        let done = self.feed(&input);
        if done == input.len() {
            input.clear();
            if input.capacity() > KEPT {
                input = Vec::new();
            }
        } else {
            input.drain(..done);
        }
        self.input = input;
    }

    fn feed(&mut self, bytes: &[u8]) -> usize {
        let shared = Rc::clone(&self.shared);
        let mut engine = shared.engine();
        let done = self.feed_to(&mut engine, bytes);
        shared.settle(&mut engine);
        done
    }

    fn feed_to(&mut self, engine: &mut Engine, bytes: &[u8]) -> usize {
        let fed = engine.feed(self.place, &mut self.parser, bytes);
        self.waits = matches!(fed, Fed::Waits(_));
        match fed {
            Fed::Done(done) | Fed::Waits(done) => done,
            Fed::Ends => {
                self.ends = true;
                bytes.len()
            }
        }
    }

    /// Whether the client goes on after it has waited.
    fn resumes(&mut self) -> bool {
        self.waits && self.shared.engine().clients.at(self.place).is_some_and(|client| client.blocked.is_none())
    }

    fn run(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.shared.engine().clients.at(self.place).is_none_or(|client| client.killed) {
                return Poll::Ready(Ok(()));
            }
            let sent = self.send(context)?;
            if self.ends
                && (sent.is_ready() || self.shared.engine().clients.at(self.place).is_none_or(|client| client.killed))
            {
                return Poll::Ready(Ok(()));
            }
            if self.resumes() {
                self.waits = false;
                self.answer();
                continue;
            }
            if !ready!(self.receive(context))? {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Direct + Unpin> Served for Peer<S> {
    fn serve_now(&mut self, engine: &mut Engine, buffer: &mut [u8]) {
        self.send_now(engine);
        if self.ends || self.waits {
            return;
        }
        // An end or a failure is met again, by the task.
        let Ok(count @ 1..) = self.socket.read_now(buffer) else { return };
        self.input.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let mut input = std::mem::take(&mut self.input);
        let done = self.feed_to(engine, &input);
        input.drain(..done);
        self.input = input;
        self.send_now(engine);
    }
}

impl<S: AsyncRead + AsyncWrite + Direct + Unpin> Peer<S> {
    /// Sends what goes without waiting.
    fn send_now(&mut self, engine: &mut Engine) {
        loop {
            if self.sent == self.output.len() {
                self.sent = 0;
                self.output.clear();
                if !self.take_output_of(engine) {
                    return;
                }
            }
            match self.socket.write_now(self.output.get(self.sent..).unwrap_or_default()) {
                Ok(count @ 1..) => self.sent += count,
                _ => return,
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Direct + Unpin> Future for Connection<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let polled = self.peer.borrow_mut().run(context);
        match polled {
            Poll::Pending => {
                self.shared.set_waker(self.place, context.waker());
                Poll::Pending
            }
            // A connection that fails is one that ends.
            Poll::Ready(_) => Poll::Ready(()),
        }
    }
}

impl<S> Drop for Connection<S> {
    fn drop(&mut self) {
        self.shared.forget_waker(self.place);
        self.shared.connections.remove(self.place);
        let mut engine = self.shared.engine();
        engine.remove_client(self.place);
        self.shared.settle(&mut engine);
    }
}
