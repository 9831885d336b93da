//! Form parameters of the query and ec2 dialects as a tree: `Tags.Tag.1.Key` is three steps down.
//!
//! Lists come as `Name.1`, `Name.member.1` or with the element's name, `Name.Element.1`: all three are taken. Knows
//! no operation.

use std::collections::BTreeMap;

use crate::node::control::error::ApiError;

/// Deepest nesting that any operation has is six; beyond this a request is not read.
const DEEPEST: usize = 16;

/// A node of the tree: a value, children, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    value: Option<String>,
    children: BTreeMap<String, Parameters>,
}

impl Parameters {
    /// Reads a body or query string of the type `application/x-www-form-urlencoded`.
    pub fn decode(form: &[u8]) -> Result<Self, ApiError> {
        let mut root = Self::default();
        for (name, value) in form_urlencoded::parse(form) {
            let mut node = &mut root;
            for (depth, step) in name.split('.').enumerate() {
                if depth >= DEEPEST {
                    return Err(ApiError::new("MalformedQueryString", "A parameter name is nested too deeply."));
                }
                node = node.children.entry(step.to_owned()).or_default();
            }
            node.value = Some(value.into_owned());
        }
        Ok(root)
    }

    /// The structure below a name; an empty one if it is not given.
    pub fn structure(&self, name: &str) -> &Self {
        static EMPTY: Parameters = Parameters { value: None, children: BTreeMap::new() };
        self.children.get(name).unwrap_or(&EMPTY)
    }

    /// Whether a name is given, with a value or with something below it.
    pub fn has(&self, name: &str) -> bool {
        self.children.contains_key(name)
    }

    /// Own value.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// A text, if it is given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.children.get(name)?.value()
    }

    /// A text of its own, if it is given.
    pub fn string(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// A text that has to be given.
    pub fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name).ok_or_else(|| ApiError::missing(name))
    }

    /// A whole number, if it is given.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let wrong =
            |text: &str| ApiError::new("MalformedInput", format!("{name} must be a whole number, not {text:?}"));
        self.text(name).map(|text| text.trim().parse().map_err(|_| wrong(text))).transpose()
    }

    /// A truth value, if it is given.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.text(name) {
            None => Ok(None),
            Some("true" | "True" | "1") => Ok(Some(true)),
            Some("false" | "False" | "0") => Ok(Some(false)),
            Some(text) => Err(ApiError::new("MalformedInput", format!("{name} must be true or false, not {text:?}"))),
        }
    }

    /// The elements of a list in the order of their numbers.
    pub fn list(&self, name: &str) -> Vec<&Self> {
        let Some(node) = self.children.get(name) else {
            return Vec::new();
        };
        let numbered = node.numbered();
        if !numbered.is_empty() {
            return numbered;
        }
        // `Name.member.1` or `Name.Element.1`: one level of a name between.
        node.children.values().map(Self::numbered).find(|elements| !elements.is_empty()).unwrap_or_default()
    }

    fn numbered(&self) -> Vec<&Self> {
        let number = |(name, node): (&str, _)| Some((name.parse::<u32>().ok()?, node));
        let mut elements: Vec<(u32, &Self)> =
            self.children.iter().filter_map(|(name, node)| number((name.as_str(), node))).collect();
        elements.sort_by_key(|(number, _)| *number);
        elements.into_iter().map(|(_, node)| node).collect()
    }

    /// The texts of a list.
    pub fn strings(&self, name: &str) -> Vec<String> {
        self.list(name).into_iter().filter_map(|element| element.value.clone()).collect()
    }
}

/// Tags of a list whose elements have `Key` and `Value`.
pub(crate) fn tags(elements: &[&Parameters]) -> Vec<(String, String)> {
    let tag = |element: &&Parameters| {
        (element.string("Key").unwrap_or_default(), element.string("Value").unwrap_or_default())
    };
    elements.iter().map(tag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(form: &str) -> Parameters {
        Parameters::decode(form.as_bytes()).unwrap()
    }

    #[test]
    fn lists_are_read_in_all_three_spellings() {
        for form in
            ["Ids.1=a&Ids.2=b", "Ids.member.1=a&Ids.member.2=b", "Ids.SubnetIdentifier.2=b&Ids.SubnetIdentifier.1=a"]
        {
            assert_eq!(decoded(form).strings("Ids"), ["a", "b"], "{form}");
        }
    }

    #[test]
    fn ten_comes_after_nine() {
        let form: String = (1..=12).map(|number| format!("Id.{number}={number}&")).collect();
        assert_eq!(decoded(&form).strings("Id").last().map(String::as_str), Some("12"));
    }

    #[test]
    fn structures_nest() {
        let form =
            "Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-1&Filter.1.Value.2=vpc%202&Tags.Tag.1.Key=a&Tags.Tag.1.Value=";
        let tree = decoded(form);
        assert_eq!(tree.list("Filter")[0].strings("Value"), ["vpc-1", "vpc 2"]);
        assert_eq!(tags(&tree.list("Tags")), [("a".to_owned(), String::new())]);
    }

    #[test]
    fn wrong_types_and_depths_are_refused() {
        let tree = decoded("Port=many&Flag=maybe&Yes=true&Empty=");
        assert_eq!(tree.integer("Port").unwrap_err().code, "MalformedInput");
        assert!(tree.boolean("Flag").is_err());
        assert_eq!(tree.boolean("Yes"), Ok(Some(true)));
        assert_eq!(tree.boolean("None"), Ok(None));
        assert!(tree.list("Empty").is_empty());
        assert!(Parameters::decode("a.".repeat(40).as_bytes()).is_err());
    }
}
