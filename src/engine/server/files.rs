//! Snapshots on disk: read at the start, written beside the old one and then put in its place.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::StartError;
use super::shared::Shared;
use crate::engine::log::Log;
use crate::engine::state::{CreateFile, Engine, NewFile};

/// How much is read at once, bytes.
const PIECE: usize = 256 * 1024;

/// Tells files that are written at the same time apart.
static NUMBER: AtomicU64 = AtomicU64::new(0);

struct Replacement {
    file: File,
    temporary: PathBuf,
    target: PathBuf,
    finished: bool,
}

impl Replacement {
    fn begin(target: PathBuf) -> std::io::Result<Self> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let temporary = target.with_file_name(format!("temp-{}-{number}.rdb", std::process::id()));
        Ok(Replacement { file: File::create(&temporary)?, temporary, target, finished: false })
    }

    fn put_in_place(&mut self) -> std::io::Result<()> {
        self.file.sync_all()?;
        std::fs::rename(&self.temporary, &self.target)?;
        self.finished = true;
        Ok(())
    }
}

impl NewFile for Replacement {
    fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.file.write_all(bytes).map_err(|error| error.to_string())
    }

    fn finish(mut self: Box<Self>) -> Result<(), String> {
        self.put_in_place().map_err(|error| error.to_string())
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.finished {
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

/// Begins files in a folder.
pub fn creator(folder: &str) -> Box<CreateFile> {
    let folder = PathBuf::from(folder);
    Box::new(move |name| match Replacement::begin(folder.join(name)) {
        Ok(file) => Ok(Box::new(file)),
        Err(error) => Err(error.to_string()),
    })
}

/// Writes a snapshot while other things go on.
pub async fn save(name: String, bytes: Vec<u8>, shared: Rc<Shared>) {
    let target = Path::new(&shared.engine().config.general.dir).join(name);
    let writing = tokio::task::spawn_blocking(move || {
        let mut file = Replacement::begin(target)?;
        file.file.write_all(&bytes)?;
        file.put_in_place()
    });
    let outcome = match writing.await {
        Ok(written) => written.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match &outcome {
        Ok(()) => shared.log.notice("Background saving terminated with success"),
        Err(error) => shared.log.warning(format_args!("Background saving error: {error}")),
    }
    let mut engine = shared.engine();
    engine.saved_in_background(&outcome);
    shared.settle(&mut engine);
}

/// Loads the snapshot on disk, if there is one.
///
/// # Errors
/// There is one that can't be read.
pub fn load(engine: &mut Engine, log: &Log) -> Result<(), StartError> {
    let path = Path::new(&engine.config.general.dir).join(&engine.config.snapshot.dbfilename);
    let unusable = |reason: String| StartError::Snapshot { file: path.clone(), reason };
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unusable(error.to_string())),
    };
    let begun = std::time::Instant::now();
    let mut failure = None;
    let pieces = || {
        let mut piece = vec![0; PIECE];
        match file.read(&mut piece) {
            Ok(count) => piece.truncate(count),
            // What came so far is no whole snapshot; why is told instead of that.
            Err(error) => {
                failure = Some(error.to_string());
                piece.clear();
            }
        }
        piece
    };
    let loaded = engine.load_snapshot(pieces);
    if let Some(reason) = failure {
        return Err(unusable(reason));
    }
    let remarks = loaded.map_err(|error| unusable(error.to_string()))?;
    engine.remember_origin(&remarks);
    log.notice(format_args!("DB loaded from disk: {:.3} seconds", begun.elapsed().as_secs_f64()));
    Ok(())
}
