//! A small writer of XML elements; every text is escaped. Knows no service.

use std::fmt::{Display, Write as _};

/// XML under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Xml {
    text: String,
}

impl Xml {
    /// The text so far.
    pub fn into_text(self) -> String {
        self.text
    }

    /// An element with elements inside.
    pub fn group(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.text.push('<');
        self.text.push_str(name);
        self.text.push('>');
        inside(self);
        self.close(name);
    }

    /// An element with a namespace and elements inside.
    pub fn root(&mut self, name: &str, namespace: &str, inside: impl FnOnce(&mut Self)) {
        self.text.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<");
        self.text.push_str(name);
        self.text.push_str(" xmlns=\"");
        self.escaped(namespace);
        self.text.push_str("\">");
        inside(self);
        self.close(name);
    }

    fn close(&mut self, name: &str) {
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }

    /// Elements that are ready.
    pub fn append(&mut self, other: Self) {
        self.text.push_str(&other.text);
    }

    /// An element with a text inside.
    pub fn leaf(&mut self, name: &str, value: impl Display) {
        self.group(name, |xml| xml.escaped(&value.to_string()));
    }

    /// An element with a text inside, if there is one.
    pub fn optional(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.leaf(name, value);
        }
    }

    /// A list: an element with one `item` element for each.
    pub fn list<Item>(
        &mut self,
        name: &str,
        item: &str,
        items: impl IntoIterator<Item = Item>,
        mut inside: impl FnMut(&mut Self, Item),
    ) {
        self.group(name, |xml| {
            for one in items {
                xml.group(item, |xml| inside(xml, one));
            }
        });
    }

    /// A list of texts.
    pub fn texts<Item: Display>(&mut self, name: &str, item: &str, items: impl IntoIterator<Item = Item>) {
        self.list(name, item, items, |xml, text| xml.escaped(&text.to_string()));
    }

    fn escaped(&mut self, text: &str) {
        for one in text.chars() {
            match one {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '"' => self.text.push_str("&quot;"),
                // White space other than a blank would not survive a parser as it is.
                '\r' | '\n' | '\t' => {
                    let _ = write!(self.text, "&#{};", u32::from(one));
                }
                // XML 1.0 has no way to write other control characters.
                one if one.is_control() || one == '\u{fffe}' || one == '\u{ffff}' => self.text.push('\u{fffd}'),
                one => self.text.push(one),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        let mut xml = Xml::default();
        xml.leaf("A", "<b> & \"c\"\u{0}\n");
        assert_eq!(xml.into_text(), "<A>&lt;b&gt; &amp; &quot;c&quot;\u{fffd}&#10;</A>");
    }

    #[test]
    fn empty_lists_stay_visible() {
        let mut xml = Xml::default();
        xml.texts("Ids", "Id", Vec::<String>::new());
        xml.texts("Ids", "Id", ["a"]);
        assert_eq!(xml.into_text(), "<Ids></Ids><Ids><Id>a</Id></Ids>");
    }
}
