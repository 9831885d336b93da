//! The least that carries a [`Cluster`]'s links over TCP, for tests with real peers.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::super::{Cluster, Effect, Frames, LinkId, NoKeys, PrimaryLink, Settings, Value, World};

enum Event {
    Accepted(TcpStream),
    Opened(LinkId, TcpStream),
    Read(LinkId, Vec<u8>),
    Closed(LinkId),
}

/// One node of ours on real sockets.
pub(super) struct Driver {
    pub(super) cluster: Cluster,
    rng: fastrand::Rng,
    events: UnboundedReceiver<Event>,
    sender: UnboundedSender<Event>,
    writers: BTreeMap<LinkId, UnboundedSender<Bytes>>,
    frames: BTreeMap<LinkId, Frames>,
    pub(super) published: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) conf: String,
    /// What it says of its replication.
    pub(super) offset: u64,
    pub(super) log: Vec<String>,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}

impl Driver {
    pub(super) async fn start(settings: Settings, seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (sender, events) = unbounded_channel();
        let listener = TcpListener::bind(("127.0.0.1", settings.bus_port)).await.unwrap();
        let accepted = sender.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if accepted.send(Event::Accepted(stream)).is_err() {
                    break;
                }
            }
        });
        let cluster = Cluster::fresh(settings, now(), &mut rng);
        Self {
            cluster,
            rng,
            events,
            sender,
            writers: BTreeMap::new(),
            frames: BTreeMap::new(),
            published: Vec::new(),
            conf: String::new(),
            offset: 0,
            log: Vec::new(),
        }
    }

    /// Goes on until that is so; panics after `seconds`.
    pub(super) async fn until(&mut self, what: &str, seconds: u64, mut done: impl FnMut(&Self) -> bool) {
        let end = now() + seconds * 1000;
        while !done(self) {
            let log = || self.log.join("\n");
            assert!(now() < end, "not within {seconds} s: {what}\n{}\n{}", self.cluster.nodes_text(), log());
            self.turn().await;
        }
    }

    async fn turn(&mut self) {
        self.step(|cluster, world| cluster.tick(world));
        let due = self.cluster.next_tick(now()).saturating_sub(now()).min(20);
        if let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(due), self.events.recv()).await {
            self.take(event);
            while let Ok(event) = self.events.try_recv() {
                self.take(event);
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Accepted(stream) => {
                let (peer, local) = ends(&stream);
                let link = self.cluster.link_accepted(&peer, &local, now());
                self.carry(link, stream);
            }
            Event::Opened(link, stream) => {
                let (peer, local) = ends(&stream);
                self.carry(link, stream);
                self.step(|cluster, world| cluster.link_opened(link, &peer, &local, world));
            }
            Event::Closed(link) => {
                self.drop_link(link);
                self.step(|cluster, world| cluster.link_closed(link, world));
            }
            Event::Read(link, bytes) => {
                let Some(mut frames) = self.frames.remove(&link) else {
                    return;
                };
                frames.feed(&bytes);
                while let Some(frame) = frames.next_frame().unwrap() {
                    self.step(|cluster, world| cluster.receive(link, frame, world));
                }
                if self.writers.contains_key(&link) {
                    self.frames.insert(link, frames);
                }
            }
        }
    }

    fn carry(&mut self, link: LinkId, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let (mut reader, mut writer) = stream.into_split();
        let (sender, mut messages) = unbounded_channel::<Bytes>();
        self.writers.insert(link, sender);
        self.frames.insert(link, Frames::default());
        tokio::spawn(async move {
            while let Some(message) = messages.recv().await {
                if writer.write_all(&message).await.is_err() {
                    break;
                }
            }
        });
        let events = self.sender.clone();
        tokio::spawn(async move {
            let mut buffer = vec![0; 16 * 1024];
            while let Ok(count @ 1..) = reader.read(&mut buffer).await {
                let _ = events.send(Event::Read(link, buffer[..count].to_vec()));
            }
            let _ = events.send(Event::Closed(link));
        });
    }

    fn drop_link(&mut self, link: LinkId) {
        self.writers.remove(&link);
        self.frames.remove(&link);
    }

    pub(super) fn step(&mut self, run: impl FnOnce(&mut Cluster, &mut World<'_>) -> Vec<Effect>) {
        let now = now();
        let mut world = World {
            now,
            rng: &mut self.rng,
            replication_offset: self.offset,
            primary_link: PrimaryLink::Up { last_heard: now },
            keys: &NoKeys,
        };
        for effect in run(&mut self.cluster, &mut world) {
            self.carry_out(effect);
        }
    }

    pub(super) fn command(&mut self, command: &str) -> Value {
        let args: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        let mut value = Value::Null;
        self.step(|cluster, world| {
            let (reply, effects) = cluster.command(&args, world);
            value = reply;
            effects
        });
        value
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Connect { link, host, port } => {
                let events = self.sender.clone();
                tokio::spawn(async move {
                    let event = match TcpStream::connect((host.as_str(), port)).await {
                        Ok(stream) => Event::Opened(link, stream),
                        Err(_) => Event::Closed(link),
                    };
                    let _ = events.send(event);
                });
            }
            Effect::Close { link } => self.drop_link(link),
            Effect::Send { link, bytes } => {
                if let Some(writer) = self.writers.get(&link) {
                    let _ = writer.send(bytes);
                }
            }
            Effect::SaveConfig { text, .. } => self.conf = text,
            Effect::Publish { channel, message, .. } => self.published.push((channel, message)),
            Effect::Log(_, line) => self.log.push(line),
            _ => {}
        }
    }
}

fn ends(stream: &TcpStream) -> (String, String) {
    let ip = |address: std::io::Result<std::net::SocketAddr>| {
        address.map_or(String::new(), |address| address.ip().to_string())
    };
    (ip(stream.peer_addr()), ip(stream.local_addr()))
}
