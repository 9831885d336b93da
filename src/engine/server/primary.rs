//! The link to the primary: one connection, which only moves bytes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;

use super::shared::Shared;
use crate::engine::state::replication::PrimaryTask;

/// How much is read at once, bytes.
const READ: usize = 64 * 1024;

/// The present connection, if there is one.
#[derive(Default)]
pub struct Primary {
    /// Tells connections apart: an earlier one has nothing more to say.
    number: Cell<u64>,
    connection: RefCell<Option<(AbortHandle, UnboundedSender<Vec<u8>>)>>,
}

impl Primary {
    /// Does what the engine wants of the link.
    pub fn perform(&self, task: PrimaryTask, shared: &Rc<Shared>) {
        match task {
            PrimaryTask::Connect(host, port) => {
                self.close();
                let (sender, receiver) = unbounded_channel();
                let link = run(Rc::clone(shared), host, port, receiver, self.number.get());
                let handle = tokio::task::spawn_local(link).abort_handle();
                self.connection.replace(Some((handle, sender)));
            }
            PrimaryTask::Write(bytes) => {
                if let Some((_, sender)) = &*self.connection.borrow() {
                    // A connection that has just ended takes nothing; the engine hears of its end by itself.
                    let _ = sender.send(bytes);
                }
            }
            PrimaryTask::Close => self.close(),
        }
    }

    fn close(&self) {
        self.number.set(self.number.get() + 1);
        if let Some((handle, _)) = self.connection.take() {
            handle.abort();
        }
    }

    fn is_present(&self, number: u64) -> bool {
        self.number.get() == number
    }
}

/// One connection, until it ends or another is wanted.
async fn run(shared: Rc<Shared>, host: String, port: u16, outgoing: UnboundedReceiver<Vec<u8>>, number: u64) {
    let ended = follow(&shared, &host, port, outgoing, number).await;
    if !shared.primary.is_present(number) {
        return;
    }
    if let Err(error) = ended {
        shared.log.warning(format_args!("Error condition on socket for SYNC: {error}"));
    }
    let mut engine = shared.engine();
    engine.primary_lost();
    shared.settle(&mut engine);
}

async fn follow(
    shared: &Rc<Shared>,
    host: &str,
    port: u16,
    mut outgoing: UnboundedReceiver<Vec<u8>>,
    number: u64,
) -> std::io::Result<()> {
    let mut stream = TcpStream::connect((host, port)).await?;
    let _ = stream.set_nodelay(true);
    {
        let mut engine = shared.engine();
        engine.primary_connected();
        shared.settle(&mut engine);
    }
    let (mut reading, mut writing) = stream.split();
    let mut buffer = vec![0; READ];
    while shared.primary.is_present(number) {
        tokio::select! {
            count = reading.read(&mut buffer) => match count? {
                0 => return Ok(()),
                count => {
                    let mut engine = shared.engine();
                    engine.primary_sent(&buffer[..count]);
                    shared.settle(&mut engine);
                }
            },
            Some(bytes) = outgoing.recv() => writing.write_all(&bytes).await?,
        }
    }
    Ok(())
}
