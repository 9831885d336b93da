//! Filters of the Describe operations: all of them must fit, and of each one value must.

use crate::node::api::query::Parameters;
use crate::node::control::error::ApiError;
use crate::node::control::validate::Tags;

/// Keeps the items that fit the filters of a call. `field` gives an item's values of a filter name, or `None` where
/// there is no such filter.
pub(super) fn keep<Item>(
    parameters: &Parameters,
    items: Vec<Item>,
    tags: impl Fn(&Item) -> Option<&Tags>,
    field: impl Fn(&Item, &str) -> Option<Vec<String>>,
) -> Result<Vec<Item>, ApiError> {
    let mut kept = items;
    for filter in parameters.list("Filter") {
        let name = filter.required("Name")?;
        let patterns = filter.strings("Value");
        let mut fitting = Vec::with_capacity(kept.len());
        for item in kept {
            let values = tag_values(name, tags(&item)).or_else(|| field(&item, name));
            let values = values.ok_or_else(|| ApiError::value(format!("The filter '{name}' is invalid")))?;
            if patterns.iter().any(|pattern| values.iter().any(|value| matches(pattern, value))) {
                fitting.push(item);
            }
        }
        kept = fitting;
    }
    Ok(kept)
}

fn tag_values(name: &str, tags: Option<&Tags>) -> Option<Vec<String>> {
    let all = || tags.into_iter().flatten();
    match name {
        "tag-key" => Some(all().map(|(key, _)| key.clone()).collect()),
        "tag-value" => Some(all().map(|(_, value)| value.clone()).collect()),
        _ => {
            let key = name.strip_prefix("tag:")?;
            Some(all().filter(|(own, _)| *own == key).map(|(_, value)| value.clone()).collect())
        }
    }
}

/// Whether a text fits a pattern: `*` for any characters, `?` for one, a backslash before either for itself.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut pattern_at) = (0, 0);
    // Where to go on after the last `*` if what follows it does not fit: one character later.
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        let (wanted, width) = match pattern.get(pattern_at) {
            Some('*') => {
                retry = Some((pattern_at + 1, at));
                pattern_at += 1;
                continue;
            }
            Some('?') => (None, 1),
            Some('\\') if pattern.get(pattern_at + 1).is_some_and(|next| "*?\\".contains(*next)) => {
                (pattern.get(pattern_at + 1), 2)
            }
            Some(one) => (Some(one), 1),
            None => (None, 0),
        };
        if width > 0 && wanted.is_none_or(|wanted| text.get(at) == Some(wanted)) {
            (at, pattern_at) = (at + 1, pattern_at + width);
            continue;
        }
        let Some((after_star, from)) = retry else { return false };
        retry = Some((after_star, from + 1));
        (at, pattern_at) = (from + 1, after_star);
    }
    pattern.iter().skip(pattern_at).all(|rest| *rest == '*')
}

/// One value.
pub(super) fn one(value: impl ToString) -> Option<Vec<String>> {
    Some(vec![value.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_two_wildcards() {
        for (pattern, text) in [("a*c", "abbc"), ("*", ""), ("a?c", "abc"), ("*.b", "a.b.b"), ("a\\*", "a*"), ("", "")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a*c", "abb"), ("a?c", "ac"), ("a\\*", "ab"), ("", "a"), ("a", "")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn all_filters_must_fit_and_unknown_ones_are_refused() {
        let items = || vec![1, 2, 3];
        let run = |form: &str| {
            let parameters = Parameters::decode(form.as_bytes()).unwrap();
            keep(&parameters, items(), |_| None, |item, name| (name == "n").then(|| vec![item.to_string()]))
        };
        assert_eq!(run("Filter.1.Name=n&Filter.1.Value.1=1&Filter.1.Value.2=3"), Ok(vec![1, 3]));
        assert_eq!(run("Filter.1.Name=n&Filter.1.Value.1=1&Filter.2.Name=n&Filter.2.Value.1=2"), Ok(vec![]));
        assert_eq!(run("Filter.1.Name=tag:a&Filter.1.Value.1=*"), Ok(vec![]));
        assert_eq!(run("Filter.1.Name=x&Filter.1.Value.1=1").unwrap_err().message, "The filter 'x' is invalid");
    }
}
