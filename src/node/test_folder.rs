//! A folder of its own for a test, removed at the end.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A new empty folder that goes away with this value.
pub struct TestFolder(PathBuf);

impl TestFolder {
    /// `name` shows in the path, for whoever looks while a test hangs.
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("shardform-test-{name}-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        TestFolder(path.canonicalize().unwrap())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
