//! The edge of configuration: the files it is read from, and the working folder. The rest of the
//! module sees only [`Files`], so that tests need no disk.

use std::fs;
use std::io::{self, Read as _};

/// What reading a configuration needs of the world.
pub trait Files {
    /// A file's content.
    fn read(&mut self, path: &str) -> io::Result<Vec<u8>>;
    /// The files of a folder whose names a pattern matches, in order; none if there is no such folder.
    fn matching(&mut self, folder: &str, pattern: &str) -> Vec<String>;
    /// What is given on standard input, to its end.
    fn standard_input(&mut self) -> io::Result<Vec<u8>>;
    /// Makes this the working folder, and tells its absolute path.
    fn enter(&mut self, folder: &str) -> io::Result<String>;
    /// Fails if nothing can be appended to this file.
    fn try_append(&mut self, path: &str) -> io::Result<()>;
}

/// An error in the system's words, without the number that Rust appends.
pub fn words_of(error: &io::Error) -> String {
    let words = error.to_string();
    match words.find(" (os error ") {
        Some(end) => words[..end].to_owned(),
        None => words,
    }
}

/// The real files.
#[derive(Debug, Default)]
pub struct RealFiles;

impl Files for RealFiles {
    fn read(&mut self, path: &str) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn matching(&mut self, folder: &str, pattern: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(if folder.is_empty() { "." } else { folder }) else { return Vec::new() };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        // As a shell does, a pattern does not find hidden files.
        let visible = names.filter(|name| !name.starts_with('.') || pattern.starts_with('.'));
        let mut matching: Vec<String> =
            visible.filter(|name| crate::engine::data::glob::matches(pattern.as_bytes(), name.as_bytes())).collect();
        matching.sort();
        matching.into_iter().map(|name| format!("{folder}{name}")).collect()
    }

    fn standard_input(&mut self) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        io::stdin().lock().read_to_end(&mut content)?;
        Ok(content)
    }

    fn enter(&mut self, folder: &str) -> io::Result<String> {
        std::env::set_current_dir(folder)?;
        Ok(std::env::current_dir()?.to_string_lossy().into_owned())
    }

    fn try_append(&mut self, path: &str) -> io::Result<()> {
        fs::OpenOptions::new().append(true).create(true).open(path).map(drop)
    }
}

/// No files at all: for values that are known to need none.
#[derive(Debug, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&mut self, _: &str) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn matching(&mut self, _: &str, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn standard_input(&mut self) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn enter(&mut self, folder: &str) -> io::Result<String> {
        Ok(folder.to_owned())
    }

    fn try_append(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_in_the_system_s_words() {
        assert_eq!(words_of(&io::Error::from_raw_os_error(2)), "No such file or directory");
    }
}
