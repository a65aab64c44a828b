use bedside_warm::escape_html;

use super::super::escape::escape;

/// HTML in the making. Names of tags and attributes are constants of the program, so that nothing of a record
/// can become one; text and values of attributes are escaped here and nowhere else.
pub(super) struct Html(String);

impl Html {
    pub(super) fn new() -> Self {
        Self(String::with_capacity(64 * 1024))
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    /// Markup of the program's own.
    pub(super) fn raw(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// Text, escaped.
    pub(super) fn text(&mut self, text: &str) {
        self.0.push_str(&escape_html(&escape(text)));
    }

    pub(super) fn open(&mut self, tag: &'static str, attributes: &[(&'static str, &str)]) {
        self.start(tag, attributes);
        self.0.push('>');
    }

    /// An element that holds nothing, closed as SVG wants it.
    pub(super) fn empty(&mut self, tag: &'static str, attributes: &[(&'static str, &str)]) {
        self.start(tag, attributes);
        self.0.push_str("/>");
    }

    fn start(&mut self, tag: &'static str, attributes: &[(&'static str, &str)]) {
        self.0.push('<');
        self.0.push_str(tag);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            self.text(value);
            self.0.push('"');
        }
    }

    pub(super) fn close(&mut self, tag: &'static str) {
        self.0.push_str("</");
        self.0.push_str(tag);
        self.0.push('>');
    }

    /// An element that holds text.
    pub(super) fn element(&mut self, tag: &'static str, attributes: &[(&'static str, &str)], text: &str) {
        self.inside(tag, attributes, |html| html.text(text));
    }

    /// An element that holds what `write` writes.
    pub(super) fn inside(
        &mut self,
        tag: &'static str,
        attributes: &[(&'static str, &str)],
        write: impl FnOnce(&mut Self),
    ) {
        self.open(tag, attributes);
        write(self);
        self.close(tag);
    }
}
