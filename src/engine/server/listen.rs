//! Listens, and takes connections in.

use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt as _;
use std::rc::Rc;

use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener};
use tokio::sync::mpsc::UnboundedReceiver;

use super::StartError;
use super::connection::Connection;
use super::doors::Door;
use super::shared::Shared;
use crate::engine::config::settings::Network;
use crate::engine::state::Engine;
use crate::engine::state::client::Client;

/// Listens on all addresses of the configuration. An address with a dash in front may be missing.
///
/// # Errors
/// One of them can't be listened on.
pub async fn bind(network: &Network) -> Result<Vec<TcpListener>, StartError> {
    let mut listeners = Vec::new();
    if network.port == 0 {
        return Ok(listeners);
    }
    for name in &network.bind {
        let (address, optional) = match name.strip_prefix('-') {
            Some(address) => (address, true),
            None => (name.as_str(), false),
        };
        match bind_one(address, network.port, network.tcp_backlog).await {
            Ok(listener) => listeners.push(listener),
            Err(_) if optional => {}
            Err(error) => {
                let address = format!("{address}:{}", network.port);
                return Err(StartError::Listen { address, reason: error.to_string() });
            }
        }
    }
    Ok(listeners)
}

/// Listens on one address; `*` is every IPv4 address, and `::*` every IPv6 one.
pub async fn bind_one(address: &str, port: u16, backlog: u32) -> std::io::Result<TcpListener> {
    let address = match address {
        "*" => "0.0.0.0",
        "::*" => "::",
        other => other,
    };
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    for resolved in tokio::net::lookup_host((address, port)).await? {
        let socket = if resolved.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        match socket.bind(resolved).and_then(|()| socket.listen(backlog)) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Takes connections in until the door is closed.
pub async fn accept(door: Door, shared: Rc<Shared>) {
    shared.doors.borrow_mut().push(door.clone());
    while let Some(accepted) = door.accept().await {
        match accepted {
            Ok((stream, _)) => begin(stream, &shared, &mut shared.engine()),
            // Out of descriptors, most likely: others will end.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
    shared.doors.borrow_mut().retain(Door::is_open);
}

/// Takes connections in at doors that open later.
pub async fn attend(mut doors: UnboundedReceiver<Door>, shared: Rc<Shared>) {
    while let Some(door) = doors.recv().await {
        tokio::task::spawn_local(accept(door, Rc::clone(&shared)));
    }
}

/// Listens at the socket in the file system that is configured, if one is.
///
/// # Errors
/// It can't be listened at.
pub fn bind_path(network: &Network) -> Result<Option<UnixListener>, StartError> {
    let path = &network.unixsocket;
    if path.is_empty() {
        return Ok(None);
    }
    // One that an earlier node has left is in the way.
    let _ = std::fs::remove_file(path);
    let unusable = |error: std::io::Error| StartError::Listen { address: path.clone(), reason: error.to_string() };
    let listener = UnixListener::bind(path).map_err(unusable)?;
    if network.unixsocketperm > 0 {
        let permissions = std::fs::Permissions::from_mode(network.unixsocketperm);
        std::fs::set_permissions(path, permissions).map_err(unusable)?;
    }
    Ok(Some(listener))
}

/// Takes connections in at a socket in the file system, for ever.
pub async fn accept_at_path(listener: UnixListener, path: String, shared: Rc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let address = format!("{path}:0");
                let client = Client {
                    address: address.clone(),
                    local_address: address,
                    descriptor: stream.as_raw_fd(),
                    from_unix_socket: true,
                    ..Client::default()
                };
                let place = shared.engine().welcome(client);
                match place {
                    Ok(place) => _ = tokio::task::spawn_local(Connection::new(stream, place, Rc::clone(&shared))),
                    Err(refusal) => _ = stream.try_write(refusal.as_bytes()),
                }
            }
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
}

/// Serves a new connection from now on.
pub fn begin(stream: TcpStream, shared: &Rc<Shared>, engine: &mut Engine) {
    let _ = stream.set_nodelay(true);
    let address = |address: std::io::Result<std::net::SocketAddr>| address.map(|address| address.to_string());
    let client = Client {
        address: address(stream.peer_addr()).unwrap_or_default(),
        local_address: address(stream.local_addr()).unwrap_or_default(),
        descriptor: stream.as_raw_fd(),
        ..Client::default()
    };
    let place = engine.welcome(client);
    match place {
        Ok(place) => _ = tokio::task::spawn_local(Connection::new(stream, place, Rc::clone(shared))),
        Err(refusal) => _ = stream.try_write(refusal.as_bytes()),
    }
}
