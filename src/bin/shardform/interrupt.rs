//! Ctrl-C and SIGTERM: the first ends the waiting in order, the second ends the program at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::error::{EXIT_INTERRUPTED, Error};

/// Whether the user has interrupted.
#[derive(Clone)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Listens from now on; to be called within the runtime.
    pub fn listen() -> Self {
        let (sender, receiver) = watch::channel(false);
        for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
            // Without a handler the signal ends the program by itself, which is what it is for.
            let Ok(mut signals) = signal(kind) else { continue };
            let sender = sender.clone();
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    if sender.send_replace(true) {
                        std::process::exit(i32::from(EXIT_INTERRUPTED));
                    }
                }
            });
        }
        Interrupt(receiver)
    }

    /// Comes back when the user has interrupted, and never otherwise.
    pub async fn pressed(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|pressed| *pressed).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Does something that can be left at any moment.
    pub async fn leaving<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        tokio::select! {
            done = work => done,
            () = self.pressed() => Err(Error::Interrupted),
        }
    }
}
