//! Elements of HTML and SVG as values: what is made of them is always well-formed and escaped.
//!
//! Knows nothing of what is written. Text and attributes come in as they are, and are escaped here and only here.

use std::fmt::Display;

use crate::view::printable;

/// Elements that HTML never closes.
const VOID: &[&str] = &["br", "col", "link", "meta"];
/// Elements of SVG that have nothing in them.
const LEAVES: &[&str] = &["circle", "line", "path", "rect"];

/// An element with all that is in it.
#[derive(Clone, Debug)]
pub struct Element {
    name: &'static str,
    attributes: String,
    inner: String,
}

impl Element {
    /// An empty element.
    pub fn new(name: &'static str) -> Self {
        Element { name, attributes: String::new(), inner: String::new() }
    }

    /// An element with a class.
    pub fn classed(name: &'static str, class: &str) -> Self {
        Element::new(name).with("class", class)
    }

    /// An element with text in it.
    pub fn of_text(name: &'static str, text: impl Display) -> Self {
        Element::new(name).text(text)
    }

    /// With one more attribute.
    pub fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.attributes.push_str(&format!(" {name}=\"{}\"", escaped(&value.to_string())));
        self
    }

    /// With coordinates or lengths, to a tenth of a unit.
    pub fn at(self, numbers: &[(&'static str, f64)]) -> Self {
        numbers.iter().fold(self, |element, (name, number)| element.with(name, rounded(*number)))
    }

    /// With text after what is there.
    pub fn text(mut self, text: impl Display) -> Self {
        self.inner.push_str(&escaped(&text.to_string()));
        self
    }

    /// With an element after what is there.
    pub fn child(mut self, child: Element) -> Self {
        self.inner.push_str(&child.markup());
        self
    }

    /// With elements after what is there.
    pub fn children(self, children: impl IntoIterator<Item = Element>) -> Self {
        children.into_iter().fold(self, Element::child)
    }

    /// With a style sheet of our own in it, which is not escaped: HTML reads it as it stands.
    pub fn style_sheet(mut self, text: &'static str) -> Self {
        self.inner.push_str(text);
        self
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// As it is written.
    pub fn markup(&self) -> String {
        let Element { name, attributes, inner } = self;
        // A line of its own for each larger part, so that people can read the page's text and tools can compare it.
        let end = if is_part(name) { "\n" } else { "" };
        if VOID.contains(name) || (LEAVES.contains(name) && inner.is_empty()) {
            return format!("<{name}{attributes}/>{end}");
        }
        format!("<{name}{attributes}>{inner}</{name}>{end}")
    }
}

fn is_part(name: &str) -> bool {
    const PARTS: &[&str] = &[
        "head", "title", "meta", "style", "body", "main", "section", "header", "footer", "h1", "h2", "h3", "p", "div",
        "dl", "table", "tr", "ul", "li", "figure", "svg", "g", "path", "pattern",
    ];
    PARTS.contains(&name)
}

/// A number as SVG takes it; what is no number is 0.
pub fn rounded(number: f64) -> String {
    let tenths = if number.is_finite() { (number * 10.0).round() / 10.0 } else { 0.0 };
    // Without the sign of -0.
    (tenths + 0.0).to_string()
}

/// Text that means itself in content and in attributes, and has no control characters, which no document may have.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_mean_themselves() {
        let element = Element::new("b").with("title", "\"><script>").text("a & <i>'").text("\u{0}");
        assert_eq!(element.markup(), r#"<b title="&quot;&gt;&lt;script&gt;">a &amp; &lt;i&gt;&#39;\u{0}</b>"#);
    }

    #[test]
    fn elements_nest_and_close() {
        let element = Element::new("b").child(Element::new("br")).children([Element::new("rect"), Element::new("i")]);
        assert_eq!(element.markup(), "<b><br/><rect/><i></i></b>");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([1.0, 1.25, -0.01, f64::NAN].map(rounded), ["1", "1.3", "0", "0"]);
    }
}
