//! Links to the other nodes of a cluster, and the file that keeps what is known of them.
//!
//! Each link has a task that reads and one that writes; what is to be sent waits in a queue, so that a node that
//! doesn't read holds up nobody.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::shared::Shared;
use crate::engine::cluster::{Effect, Frames, Level, LinkId};
use crate::engine::config::choices::LogLevel;
use crate::engine::log::Log;

/// How much is read from a link at once, bytes.
const READ: usize = 16 * 1024;

/// All links, and where nodes.conf is.
pub struct Bus {
    queues: RefCell<HashMap<LinkId, UnboundedSender<Bytes>>>,
    nodes_file: PathBuf,
    log: Log,
}

impl Bus {
    /// Without any link yet.
    pub fn new(nodes_file: PathBuf, log: Log) -> Self {
        Bus { queues: RefCell::default(), nodes_file, log }
    }

    /// Does what a step has asked for.
    pub fn perform(&self, effect: Effect, shared: &Rc<Shared>) {
        match effect {
            Effect::Connect { link, host, port } => {
                let queue = self.queue(link);
                tokio::task::spawn_local(open(link, host, port, queue, Rc::clone(shared)));
            }
            Effect::Close { link } => _ = self.queues.borrow_mut().remove(&link),
            Effect::Send { link, bytes } => {
                if let Some(queue) = self.queues.borrow().get(&link) {
                    // A link that has just ended is one that gets nothing.
                    let _ = queue.send(bytes);
                }
            }
            Effect::SaveConfig { text, sync } => {
                if let Err(error) = save(&self.nodes_file, &text, sync) {
                    let file = self.nodes_file.display();
                    self.log.warning(format_args!("Error saving the cluster node config {file}: {error}"));
                }
            }
            Effect::Log(level, text) => self.log.write(log_level(level), text),
            // The engine has done the others.
            _ => {}
        }
    }

    fn queue(&self, link: LinkId) -> UnboundedReceiver<Bytes> {
        let (sender, receiver) = unbounded_channel();
        self.queues.borrow_mut().insert(link, sender);
        receiver
    }
}

/// Replaces a file in one step; with `sync` it is on the disk when this returns.
///
/// # Errors
/// It can't be written.
pub fn save(file: &Path, text: &str, sync: bool) -> std::io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".tmp-{}", std::process::id()));
    let temporary = PathBuf::from(name);
    let mut opened = std::fs::File::create(&temporary)?;
    opened.write_all(text.as_bytes())?;
    if sync {
        opened.sync_all()?;
    }
    drop(opened);
    std::fs::rename(&temporary, file)?;
    if sync && let Some(folder) = file.parent() {
        std::fs::File::open(folder).and_then(|folder| folder.sync_all())?;
    }
    Ok(())
}

/// Takes links in for ever.
pub async fn accept(listener: TcpListener, shared: Rc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => accepted(stream, &shared),
            // Out of descriptors, most likely: others will end.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
}

fn accepted(stream: TcpStream, shared: &Rc<Shared>) {
    let Some((peer, local)) = ends(&stream) else { return };
    let Some(link) = shared.engine().cluster_link_accepted(&peer, &local) else { return };
    let queue = shared.bus.queue(link);
    tokio::task::spawn_local(serve(link, stream, queue, Rc::clone(shared)));
}

async fn open(link: LinkId, host: String, port: u16, queue: UnboundedReceiver<Bytes>, shared: Rc<Shared>) {
    let stream = TcpStream::connect((host.as_str(), port)).await.ok();
    let opened = stream.and_then(|stream| ends(&stream).map(|ends| (stream, ends)));
    let Some((stream, (peer, local))) = opened else { return closed(link, &shared) };
    {
        let mut engine = shared.engine();
        engine.look_at_clock();
        engine.cluster_step(|cluster, world| cluster.link_opened(link, &peer, &local, world));
        shared.settle(&mut engine);
    }
    serve(link, stream, queue, shared).await;
}

/// Addresses of both ends.
fn ends(stream: &TcpStream) -> Option<(String, String)> {
    let _ = stream.set_nodelay(true);
    Some((stream.peer_addr().ok()?.ip().to_string(), stream.local_addr().ok()?.ip().to_string()))
}

async fn serve(link: LinkId, stream: TcpStream, queue: UnboundedReceiver<Bytes>, shared: Rc<Shared>) {
    let (reader, writer) = stream.into_split();
    // The queue ends when the link is closed from this side; what the other side sends then is of no interest.
    tokio::select! {
        () = receive(link, reader, &shared) => {}
        () = send(writer, queue) => {}
    }
    closed(link, &shared);
}

async fn send(mut writer: OwnedWriteHalf, mut queue: UnboundedReceiver<Bytes>) {
    while let Some(bytes) = queue.recv().await {
        if writer.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

async fn receive(link: LinkId, mut reader: OwnedReadHalf, shared: &Rc<Shared>) {
    let mut frames = Frames::default();
    let mut buffer = vec![0; READ];
    loop {
        match reader.read(&mut buffer).await {
            Ok(count) if count > 0 => frames.feed(&buffer[..count]),
            _ => return,
        }
        let mut engine = shared.engine();
        engine.look_at_clock();
        loop {
            match frames.next_frame() {
                Ok(Some(frame)) => engine.cluster_step(|cluster, world| cluster.receive(link, frame, world)),
                Ok(None) => break,
                Err(_) => return,
            }
        }
        engine.after_command();
        shared.settle(&mut engine);
        shared.sooner.notify_one();
    }
}

fn closed(link: LinkId, shared: &Rc<Shared>) {
    if shared.bus.queues.borrow_mut().remove(&link).is_none() {
        return;
    }
    let mut engine = shared.engine();
    engine.look_at_clock();
    engine.cluster_step(|cluster, world| cluster.link_closed(link, world));
    shared.settle(&mut engine);
    shared.sooner.notify_one();
}

fn log_level(level: Level) -> LogLevel {
    match level {
        Level::Debug => LogLevel::Debug,
        Level::Verbose => LogLevel::Verbose,
        Level::Notice => LogLevel::Notice,
        Level::Warning => LogLevel::Warning,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = std::env::temp_dir().join(format!("shardform-bus-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("nodes.conf");
        save(&file, "one\n", true).unwrap();
        save(&file, "two\n", false).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "two\n");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
