//! Ctrl-C and SIGTERM: the first ends the waiting in order, the second ends the program at once. While the terminal is
//! somebody else's, Ctrl-C is theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};

use crate::error::{EXIT_INTERRUPTED, Error};

/// Whether the user has interrupted.
#[derive(Clone)]
pub struct Interrupt {
    pressed: watch::Receiver<bool>,
    keys: Arc<Keys>,
}

/// Who Ctrl-C is for.
#[derive(Default)]
struct Keys {
    handed_over: AtomicBool,
    count: AtomicUsize,
    pressed: Notify,
}

impl Interrupt {
    /// Listens from now on; to be called within the runtime.
    pub fn listen() -> Self {
        let (sender, pressed) = watch::channel(false);
        let keys = Arc::new(Keys::default());
        for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
            // Without a handler the signal ends the program by itself, which is what it is for.
            let Ok(mut signals) = signal(kind) else { continue };
            let (sender, keys) = (sender.clone(), Arc::clone(&keys));
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    if kind == SignalKind::interrupt() && keys.handed_over.load(Ordering::Relaxed) {
                        keys.count.fetch_add(1, Ordering::Relaxed);
                        keys.pressed.notify_waiters();
                    } else if sender.send_replace(true) {
                        std::process::exit(i32::from(EXIT_INTERRUPTED));
                    }
                }
            });
        }
        Interrupt { pressed, keys }
    }

    /// From now on Ctrl-C doesn't end this program: it is for a child at the same terminal, or for a prompt.
    pub fn hand_over(&self) {
        self.keys.handed_over.store(true, Ordering::Relaxed);
    }

    /// Comes back at the next Ctrl-C after [`Interrupt::hand_over`].
    pub async fn key(&self) {
        self.keys.pressed.notified().await;
    }

    /// How often Ctrl-C was pressed since [`Interrupt::hand_over`], up to now: also what has not been looked at yet.
    pub async fn keys(&self) -> usize {
        // The signal's own task runs in between.
        tokio::task::yield_now().await;
        self.keys.count.load(Ordering::Relaxed)
    }

    /// Comes back when the user has interrupted, and never otherwise.
    pub async fn pressed(&self) {
        let mut receiver = self.pressed.clone();
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
