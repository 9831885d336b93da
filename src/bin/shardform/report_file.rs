//! The file that a report goes to. Opened before what it reports on is done, which can't be done over for a wrong path.
//!
//! Knows nothing of what is in it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A file that can be written. What was in it stays until the report is there.
#[derive(Debug)]
pub struct ReportFile {
    path: PathBuf,
    file: File,
    /// Whether it is ours to delete as long as nothing is in it.
    is_new: bool,
}

impl ReportFile {
    /// Opens it, and makes it where there is none.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let wrong = |source| Error::File { verb: "write", path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        options.write(true);
        let (opened, is_new) = match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (options.create_new(true).open(path), true),
            opened => (opened, false),
        };
        Ok(ReportFile { path: path.to_owned(), file: opened.map_err(wrong)?, is_new })
    }

    /// Writes all of it; answers with the file's name for people.
    pub fn write(mut self, text: &str) -> Result<String, Error> {
        self.is_new = false;
        let written = self.replace(text);
        written.map_err(|source| Error::File { verb: "write", path: self.path.clone(), source })?;
        Ok(self.path.display().to_string())
    }

    fn replace(&mut self, text: &str) -> io::Result<()> {
        // A device or a pipe has no length.
        if self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
        }
        self.file.write_all(text.as_bytes())
    }
}

impl Drop for ReportFile {
    /// No empty file stays where nothing was to be reported.
    fn drop(&mut self) {
        if self.is_new {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own for each test, gone at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("shardform-report-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_report_replaces_the_one_before() {
        let folder = Folder::new("replaces");
        let path = folder.0.join("drill.html");
        for text in ["a long report", "short"] {
            let name = ReportFile::open(&path).unwrap().write(text).unwrap();
            assert_eq!((name, fs::read_to_string(&path).unwrap()), (path.display().to_string(), text.to_owned()));
        }
    }

    #[test]
    fn without_a_report_all_is_as_before() {
        let folder = Folder::new("without");
        let (old, new) = (folder.0.join("old.html"), folder.0.join("new.html"));
        fs::write(&old, "old").unwrap();
        for path in [&old, &new] {
            drop(ReportFile::open(path).unwrap());
        }
        assert_eq!(fs::read_to_string(&old).unwrap(), "old");
        assert!(!new.exists());
    }

    #[test]
    fn what_cant_be_written_is_told_before_anything_is_done() {
        let folder = Folder::new("told");
        let missing = folder.0.join("missing/drill.html");
        for path in [&missing, &folder.0] {
            let error = ReportFile::open(path).unwrap_err().to_string();
            assert!(error.starts_with(&format!("can't write {}: ", path.display())), "{error}");
        }
    }
}
