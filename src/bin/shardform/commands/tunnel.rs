//! `tunnel`: a SOCKS proxy through the client host, until Ctrl-C.

use serde::Serialize;

use super::{Context, block_on};
use crate::args::Tunnel;
use crate::error::{EXIT_INTERRUPTED, Error};
use crate::host;
use crate::interrupt::Interrupt;
use crate::reach;
use crate::session::{Intent, Session};

/// What is told when the proxy is open.
#[derive(Serialize)]
struct Opened {
    /// Where it listens, as a URL that has names looked up at the host's side.
    proxy: String,
    /// Configuration endpoint of the cluster, `host:port`.
    endpoint: String,
    /// Whether the cluster speaks TLS.
    tls: bool,
}

pub(super) fn run(args: &Tunnel, context: &Context) -> Result<u8, Error> {
    let (terminal, environment) = (context.terminal, context.environment);
    block_on(async |interrupt: Interrupt| {
        let observing = async {
            let session = Session::open(&args.plan_file, Intent::Look, context.global, environment, terminal).await?;
            let live = session.picture(Intent::Look).await?.live;
            Ok((session, live))
        };
        let (session, live) = interrupt.leaving(observing).await?;
        let (group, endpoint) = reach::cluster(&session, &live)?;
        let door = interrupt.leaving(host::open(&session, &live, environment)).await?;
        let mut proxy = interrupt.leaving(async { Ok(door.proxy(args.listen).await?) }).await?;
        terminal.mention(&format!("through {}{}, until Ctrl-C", door.who(), door.key_note()));
        let tls = matches!(group.transit_encryption.as_deref(), Some("preferred" | "required"));
        let opened = Opened { proxy: format!("socks5h://{}", proxy.address), endpoint: endpoint.to_string(), tls };
        if terminal.json {
            terminal.print_json(&opened)?;
        } else {
            terminal.print(&opened.text())?;
        }
        tokio::select! {
            error = proxy.ended() => Err(door.closed(error).into()),
            () = interrupt.pressed() => Ok(EXIT_INTERRUPTED),
        }
    })
}

impl Opened {
    fn text(&self) -> String {
        let Opened { proxy, endpoint, tls } = self;
        let first = format!("proxy     {proxy} (names are looked up at the host's side)\nendpoint  {endpoint}");
        if *tls {
            return format!("{first}\nuse it    give your client this proxy, and TLS");
        }
        format!("{first}\ntry it    printf 'PING\\r\\nQUIT\\r\\n' | curl -s -x {proxy} telnet://{endpoint}")
    }
}
