//! Glob patterns as KEYS, SCAN MATCH, PSUBSCRIBE and CONFIG GET know them.
//!
//! `*`, `?`, `[abc]`, `[^a-z]` and `\` to take the next byte as it is. The odd corners are Redis's: a class that is never
//! closed ends with the pattern, a range may be given backwards and compares signed bytes, and a lone `*` does not match the
//! empty string.

/// How many `*` with something after them a pattern may try; one with more matches nothing, as in Redis.
const MAXIMUM_STARS: usize = 1000;

/// Whether `text` as a whole matches `pattern`.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    Matcher { pattern, fold: |byte| byte }.matches(text)
}

/// [`matches`] with no regard to the case of ASCII letters.
pub fn matches_ignoring_case(pattern: &[u8], text: &[u8]) -> bool {
    Matcher { pattern, fold: |byte: u8| byte.to_ascii_lowercase() }.matches(text)
}

/// Whether a pattern has only bytes that stand for themselves, so that at most one string can match it.
pub fn is_literal(pattern: &[u8]) -> bool {
    !pattern.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\'))
}

struct Matcher<'a, F> {
    pattern: &'a [u8],
    fold: F,
}

impl<F: Fn(u8) -> u8> Matcher<'_, F> {
    /// Every part between stars takes its leftmost place: if the rest cannot match after that, it cannot match after a later
    /// one. So only the last star is ever tried again, and the time is at most the product of both lengths.
    fn matches(&self, text: &[u8]) -> bool {
        let (mut place, mut position, mut stars) = (0, 0, 0);
        let mut retry: Option<(usize, usize)> = None;
        loop {
            let mut agrees = false;
            match (self.pattern.get(place), text.get(position)) {
                (None, None) => return true,
                (Some(b'*'), Some(_)) => {
                    place = self.after_stars(place);
                    if place == self.pattern.len() {
                        return true;
                    }
                    stars += 1;
                    if stars > MAXIMUM_STARS {
                        return false;
                    }
                    retry = Some((place, position));
                    agrees = true;
                }
                (Some(_), Some(&byte)) => {
                    if let Some(next) = self.match_byte(place, byte) {
                        position += 1;
                        place = if position == text.len() { self.after_stars(next) } else { next };
                        agrees = true;
                    }
                }
                _ => {}
            }
            if !agrees {
                let Some((after_star, begin)) = retry.filter(|(_, begin)| begin + 1 < text.len()) else { return false };
                retry = Some((after_star, begin + 1));
                (place, position) = (after_star, begin + 1);
            }
        }
    }

    fn after_stars(&self, place: usize) -> usize {
        self.pattern[place..].iter().position(|byte| *byte != b'*').map_or(self.pattern.len(), |stars| place + stars)
    }

    /// The place after the element at `place`, if that element matches `byte`.
    #[inline]
    fn match_byte(&self, place: usize, byte: u8) -> Option<usize> {
        match self.pattern[place] {
            b'?' => Some(place + 1),
            b'[' => {
                let (inside, next) = self.match_class(place + 1, byte);
                inside.then_some(next)
            }
            b'\\' if place + 1 < self.pattern.len() => self.same(self.pattern[place + 1], byte).then_some(place + 2),
            literal => self.same(literal, byte).then_some(place + 1),
        }
    }

    fn same(&self, left: u8, right: u8) -> bool {
        (self.fold)(left) == (self.fold)(right)
    }

    /// Whether the class whose text begins at `place` has `byte`, and the place after the class.
    fn match_class(&self, mut place: usize, byte: u8) -> (bool, usize) {
        let negated = self.pattern.get(place) == Some(&b'^');
        place += usize::from(negated);
        let mut found = false;
        loop {
            match self.pattern.get(place..).unwrap_or_default() {
                [] => return (found != negated, self.pattern.len()),
                // An escaped byte in a class keeps its case.
                [b'\\', escaped, ..] => {
                    found |= *escaped == byte;
                    place += 2;
                }
                [b']', ..] => return (found != negated, place + 1),
                [first, b'-', last, ..] => {
                    found |= self.in_range(*first, *last, byte);
                    place += 3;
                }
                [literal, ..] => {
                    found |= self.same(*literal, byte);
                    place += 1;
                }
            }
        }
    }

    /// Ends are put in order first and folded then, and compare as signed bytes.
    fn in_range(&self, first: u8, last: u8, byte: u8) -> bool {
        let (low, high) = if first as i8 > last as i8 { (last, first) } else { (first, last) };
        let fold = |byte: u8| (self.fold)(byte) as i8;
        (fold(low)..=fold(high)).contains(&fold(byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_redis_does() {
        // Pattern, text, whether it matches, whether it matches with no regard to case.
        let cases: &[(&str, &str, bool, bool)] = &[
            ("", "", true, true),
            ("", "a", false, false),
            ("*", "", false, false),
            ("*", "a", true, true),
            ("***", "abc", true, true),
            ("a*", "a", true, true),
            ("a***", "a", true, true),
            ("a*?", "a", false, false),
            ("a*c", "abbc", true, true),
            ("a*c", "abbcd", false, false),
            ("*a*b*", "xxaxxbxx", true, true),
            ("h?llo", "hello", true, true),
            ("h?llo", "hllo", false, false),
            ("h[ae]llo", "hallo", true, true),
            ("h[ae]llo", "hillo", false, false),
            ("h[^e]llo", "hello", false, false),
            ("h[^e]llo", "hallo", true, true),
            ("h[a-c]llo", "hbllo", true, true),
            ("h[c-a]llo", "hbllo", true, true),
            ("h[a-c]llo", "hBllo", false, true),
            ("HELLO", "hello", false, true),
            ("[abc]", "B", false, true),
            (r"[\a]", "a", true, true),
            (r"[\a]", "A", false, false),
            (r"\*", "*", true, true),
            (r"\*", "a", false, false),
            (r"a\", r"a\", true, true),
            (r"\\", r"\", true, true),
            (r"[\]]", "]", true, true),
            ("[]", "a", false, false),
            ("[^]", "a", true, true),
            ("[", "a", false, false),
            ("[^", "a", true, true),
            ("[ab", "b", true, true),
            ("[a-", "-", true, true),
            ("[a-]", "b", false, false),
            ("[a-]", "^", true, true),
            ("*[ab]", "xxb", true, true),
            ("user:*:name", "user:1:2:name", true, true),
        ];
        for (pattern, text, expected, ignoring_case) in cases {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), *expected, "{pattern} {text}");
            let answer = matches_ignoring_case(pattern.as_bytes(), text.as_bytes());
            assert_eq!(answer, *ignoring_case, "{pattern} {text} without case");
        }
        assert!(matches(b"[\xf0-a]", b"\xff"), "signed bytes: 0xf0 is less than 0");
        assert!(!matches(b"[b-\xf0]", b"c"));
    }

    #[test]
    fn takes_no_exponential_time() {
        let text = "a".repeat(20_000);
        assert!(!matches("a*".repeat(300).as_bytes(), "b".as_bytes()));
        assert!(!matches(format!("{}b", "a*".repeat(300)).as_bytes(), text.as_bytes()));
        assert!(!matches("*?".repeat(20_000).as_bytes(), text.as_bytes()), "too many stars match nothing");
    }

    /// The definition, with no thought for time.
    fn slow(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => slow(rest, text) || (!text.is_empty() && slow(pattern, &text[1..])),
            ([b'?', rest @ ..], [_, tail @ ..]) => slow(rest, tail),
            ([literal, rest @ ..], [byte, tail @ ..]) => literal == byte && slow(rest, tail),
            _ => false,
        }
    }

    #[test]
    fn agrees_with_the_definition() {
        let mut random = fastrand::Rng::with_seed(5);
        let mut matched = 0;
        for _ in 0..50_000 {
            let pattern: Vec<u8> = (0..random.usize(..9)).map(|_| b"ab*?"[random.usize(..4)]).collect();
            let text: Vec<u8> = (0..random.usize(1..9)).map(|_| b"ab"[random.usize(..2)]).collect();
            let expected = slow(&pattern, &text);
            assert_eq!(matches(&pattern, &text), expected, "{pattern:?} {text:?}");
            matched += usize::from(expected);
        }
        assert!(matched > 1000);
    }

    #[test]
    fn no_pattern_is_too_strange() {
        let mut random = fastrand::Rng::with_seed(6);
        for _ in 0..100_000 {
            let mut make =
                || -> Vec<u8> { (0..random.usize(..12)).map(|_| b"ab*?[]^-\\\xf0"[random.usize(..10)]).collect() };
            let (pattern, text) = (make(), make());
            matches(&pattern, &text);
            matches_ignoring_case(&pattern, &text);
        }
    }

    #[test]
    fn knows_patterns_without_a_choice() {
        assert!(is_literal(b"maxmemory"));
        assert!(!is_literal(b"max*") && !is_literal(br"a\b") && !is_literal(b"[a]") && !is_literal(b"?"));
    }
}
