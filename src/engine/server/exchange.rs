//! Asks another node at once, with everything else waiting: what MIGRATE needs.
//!
//! Connections are kept for a while, as keys often go one after another.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::engine::state::{Exchange, ExchangeError};

/// For how long a connection that is not used is kept. Redis: `MIGRATE_SOCKET_CACHE_TTL`.
const KEPT: Duration = Duration::from_secs(10);

type Connections = HashMap<(String, u16), (BufReader<TcpStream>, Instant)>;

/// Asks by a connection to host and port, and reads so many lines of replies.
pub fn exchanger() -> Box<Exchange> {
    let connections = RefCell::new(Connections::new());
    Box::new(move |host, port, timeout, request, replies| {
        let timeout = Duration::from_millis(u64::try_from(timeout).unwrap_or(1).max(1));
        let mut connections = connections.borrow_mut();
        connections.retain(|_, (_, used)| used.elapsed() < KEPT);
        // A kept connection may have ended, and what selects a database belongs to one exchange.
        let kept = connections.remove(&(host.to_owned(), port)).filter(|_| !request.starts_with(b"*2\r\n"));
        let fresh = kept.is_none();
        let mut connection = match kept {
            Some((connection, _)) => connection,
            None => connect(host, port, timeout)?,
        };
        let mut answer = ask(&mut connection, timeout, request, replies);
        if !fresh && matches!(answer, Err(ExchangeError::Write)) {
            connection = connect(host, port, timeout)?;
            answer = ask(&mut connection, timeout, request, replies);
        }
        let lines = answer?;
        if !request.starts_with(b"*2\r\n") {
            connections.insert((host.to_owned(), port), (connection, Instant::now()));
        }
        Ok(lines)
    })
}

fn connect(host: &str, port: u16, timeout: Duration) -> Result<BufReader<TcpStream>, ExchangeError> {
    let addresses = (host, port).to_socket_addrs().map_err(|_| ExchangeError::Connect)?;
    for address in addresses {
        if let Ok(stream) = TcpStream::connect_timeout(&address, timeout) {
            let _ = stream.set_nodelay(true);
            return Ok(BufReader::new(stream));
        }
    }
    Err(ExchangeError::Connect)
}

fn ask(
    connection: &mut BufReader<TcpStream>,
    timeout: Duration,
    request: &[u8],
    replies: usize,
) -> Result<Vec<String>, ExchangeError> {
    let stream = connection.get_mut();
    let limits = stream.set_read_timeout(Some(timeout)).and_then(|()| stream.set_write_timeout(Some(timeout)));
    limits.and_then(|()| stream.write_all(request)).map_err(|_| ExchangeError::Write)?;
    let mut lines = Vec::with_capacity(replies);
    for number in 0..replies {
        let mut line = String::new();
        match connection.read_line(&mut line) {
            Ok(count) if count > 0 => lines.push(line.trim_end().to_owned()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(ExchangeError::Read);
            }
            // A kept connection that had ended shows it only here.
            _ if number == 0 => return Err(ExchangeError::Write),
            _ => return Err(ExchangeError::Read),
        }
    }
    Ok(lines)
}
