//! A stranger on the wire between `shardform` and the local cloud: it passes requests on, and answers some itself.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// A request as it came in.
pub struct Request {
    /// The signature's scope, such as `test/20260101/us-east-1/ec2/aws4_request`.
    pub scope: String,
    /// The form.
    pub body: String,
}

impl Request {
    /// Whether it is this operation.
    pub fn is(&self, action: &str) -> bool {
        self.body.split('&').any(|pair| pair.strip_prefix("Action=") == Some(action))
    }
}

/// What the stranger answers: status and body; `None`: it passes the request on.
pub type Answer = dyn Fn(&Request) -> Option<(u16, String)> + Send + Sync;

/// Listens on a port of its own until the test's process ends; its URL.
pub fn start(node: &str, answer: Box<Answer>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (node, answer) = (node.trim_start_matches("http://").to_owned(), Arc::new(answer));
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (node, answer) = (node.clone(), Arc::clone(&answer));
            std::thread::spawn(move || {
                // Whoever has gone away needs no answer.
                let _ = serve(&client?, &node, &**answer);
                Ok::<(), std::io::Error>(())
            });
        }
    });
    url
}

/// One request a connection, which is then closed.
fn serve(mut client: &TcpStream, node: &str, answer: &Answer) -> std::io::Result<()> {
    let mut reader = BufReader::new(client);
    let (mut head, mut length, mut scope) = (String::new(), 0, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if let Some((_, rest)) = line.split_once("Credential=") {
            scope = rest.split([',', ' ']).next().unwrap_or_default().to_owned();
        }
        if line == "\r\n" {
            break;
        }
        if !lower.starts_with("connection:") {
            head.push_str(&line);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let request = Request { scope, body: String::from_utf8_lossy(&body).into_owned() };
    if let Some((status, text)) = answer(&request) {
        let length = text.len();
        let head = format!("HTTP/1.1 {status} Told\r\ncontent-type: text/xml\r\nconnection: close\r\n");
        return write!(client, "{head}content-length: {length}\r\n\r\n{text}");
    }
    let mut server = TcpStream::connect(node)?;
    write!(server, "{head}connection: close\r\n\r\n")?;
    server.write_all(&body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    client.write_all(&answer)
}

/// An error in ElastiCache's dialect.
pub fn cache_error(code: &str, message: &str) -> String {
    format!("<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>")
}

/// An error in EC2's dialect.
pub fn ec2_error(code: &str, message: &str) -> String {
    format!("<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>")
}
