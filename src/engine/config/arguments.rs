//! The command line as redis-server takes it: `[FILE] [--name value …] [-]`, turned into lines of redis.conf. Knows
//! nothing of directives, but that `save` may come without a value.

use super::load::Sources;
use super::words::{quote_into, split_arguments};

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Serve, with a configuration from here.
    Serve(Sources),
    /// Show the version.
    Version,
    /// Show what can be asked for.
    Help,
    /// Something that redis-server does and this engine does not.
    Unsupported(String),
}

/// Reads the arguments after the program's name.
pub fn parse(arguments: &[Vec<u8>]) -> Request {
    match arguments.first().map(Vec::as_slice) {
        Some(b"-v" | b"--version") => Request::Version,
        Some(b"-h" | b"--help") => Request::Help,
        Some(unsupported @ (b"--test-memory" | b"--check-system")) => {
            Request::Unsupported(String::from_utf8_lossy(unsupported).into_owned())
        }
        _ => Request::Serve(sources(arguments)),
    }
}

fn sources(arguments: &[Vec<u8>]) -> Sources {
    let mut sources = Sources::default();
    let mut rest = arguments;
    if let [first, others @ ..] = arguments
        && !first.starts_with(b"-")
    {
        sources.file = Some(String::from_utf8_lossy(first).into_owned());
        rest = others;
    }
    let first_option = arguments.len() - rest.len();
    let mut gathered = Gathered { lines: Vec::new(), complete: true };
    for (index, argument) in rest.iter().enumerate() {
        let outermost = first_option + index == 0 || index + 1 == rest.len();
        if argument == b"-" && outermost {
            sources.standard_input = true;
        } else if gathered.complete && argument.starts_with(b"--") {
            gathered.take_name(argument, rest.get(index + 1));
        } else {
            gathered.take_value(argument);
        }
    }
    sources.options = gathered.lines;
    sources
}

/// Lines of redis.conf as they grow.
struct Gathered {
    lines: Vec<u8>,
    /// The last directive has a value, so that what starts with `--` is the next name and not its value.
    complete: bool,
}

impl Gathered {
    fn take_name(&mut self, argument: &[u8], next: Option<&Vec<u8>>) {
        if !self.lines.is_empty() {
            self.lines.push(b'\n');
        }
        self.lines.extend_from_slice(argument.get(2..).unwrap_or_default());
        self.lines.push(b' ');
        // `"--port 6380"` has its value in the same argument.
        self.complete = split_arguments(argument).is_none_or(|words| words.len() != 1);
        let is_save = argument.eq_ignore_ascii_case(b"--save");
        let value_follows = next.is_some_and(|next| !next.starts_with(b"--"));
        if !self.complete && is_save && !value_follows {
            self.lines.extend_from_slice(b"\"\"");
            self.complete = next.is_some();
        }
    }

    fn take_value(&mut self, argument: &[u8]) {
        quote_into(&mut self.lines, argument);
        self.lines.push(b' ');
        self.complete = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serve(arguments: &[&str]) -> (Option<String>, bool, String) {
        let arguments: Vec<Vec<u8>> = arguments.iter().map(|argument| argument.as_bytes().to_vec()).collect();
        let Request::Serve(sources) = parse(&arguments) else { panic!("{arguments:?} asks for no server") };
        (sources.file, sources.standard_input, String::from_utf8(sources.options).unwrap())
    }

    fn options(arguments: &[&str]) -> String {
        serve(arguments).2
    }

    #[test]
    fn names_and_values_become_lines() {
        assert_eq!(options(&["--port", "6380", "--bind", "a", "b"]), "port \"6380\" \nbind \"a\" \"b\" ");
        assert_eq!(options(&["--maxmemory 700mb", "--port", "1"]), "maxmemory 700mb \nport \"1\" ");
        assert_eq!(options(&[]), "");
    }

    #[test]
    fn a_value_may_start_with_dashes() {
        assert_eq!(options(&["--port", "--bla", "--loglevel", "verbose"]), "port \"--bla\" \nloglevel \"verbose\" ");
        assert_eq!(options(&["--port", "--loglevel", "verbose"]), "port \"--loglevel\" \"verbose\" ");
    }

    #[test]
    fn save_may_come_without_a_value() {
        assert_eq!(options(&["--save", "--loglevel", "verbose"]), "save \"\"\nloglevel \"verbose\" ");
        assert_eq!(options(&["--loglevel", "verbose", "--save"]), "loglevel \"verbose\" \nsave \"\"");
        assert_eq!(options(&["--save", "", "--port", "1"]), "save \"\" \nport \"1\" ");
        assert_eq!(
            options(&["--proc-title-template", "--save", "--save", "", "--port", "1"]),
            "proc-title-template \"--save\" \nsave \"\" \nport \"1\" "
        );
    }

    #[test]
    fn a_file_and_standard_input_come_first() {
        assert_eq!(serve(&["a.conf", "--port", "1", "-"]), (Some("a.conf".into()), true, "port \"1\" ".into()));
        assert_eq!(serve(&["-"]), (None, true, String::new()));
        assert_eq!(serve(&["a.conf", "port", "1"]), (Some("a.conf".into()), false, "\"port\" \"1\" ".into()));
    }

    #[test]
    fn some_arguments_ask_for_something_else() {
        assert_eq!(parse(&[b"-v".to_vec()]), Request::Version);
        assert_eq!(parse(&[b"--help".to_vec()]), Request::Help);
        assert_eq!(parse(&[b"--test-memory".to_vec()]), Request::Unsupported("--test-memory".into()));
    }
}
