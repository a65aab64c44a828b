/// White space of a JSON text.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// What one level of depth is indented by.
    pub(super) indent: &'static str,
    /// What ends a line; empty for a text on one line.
    pub(super) line_end: &'static str,
}

impl Layout {
    /// No white space outside strings.
    pub(super) const MINIFIED: Self = Self { indent: "", line_end: "" };
}

/// Writes JSON straight into bytes. There is no tree: a bundle of 35 MB is written in the order of its text.
pub(super) struct Json {
    out: Vec<u8>,
    layout: Layout,
    /// A line end and the indentation of each depth reached so far.
    margins: Vec<Vec<u8>>,
    depth: usize,
    /// Nothing has been written yet at this depth.
    first: bool,
}

impl Json {
    /// A writer whose text will be about `capacity` bytes.
    pub(super) fn new(layout: Layout, capacity: usize) -> Self {
        let margins = (0..32).map(|depth| margin(layout, depth)).collect();
        Self { out: Vec::with_capacity(capacity), layout, margins, depth: 0, first: true }
    }

    /// The text written.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// The position just before the closing quote of a string written last.
    pub(super) fn inside_last_string(&self) -> usize {
        self.out.len().saturating_sub(1)
    }

    /// The outermost object.
    pub(super) fn root(&mut self, members: impl FnOnce(&mut Self)) {
        self.nested(b'{', b'}', members);
    }

    /// A member that is an object.
    pub(super) fn object(&mut self, name: &str, members: impl FnOnce(&mut Self)) {
        self.key(name);
        self.nested(b'{', b'}', members);
    }

    /// A member that is an array.
    pub(super) fn array(&mut self, name: &str, elements: impl FnOnce(&mut Self)) {
        self.key(name);
        self.nested(b'[', b']', elements);
    }

    /// A member that is an array of one object.
    pub(super) fn array_of_one(&mut self, name: &str, members: impl FnOnce(&mut Self)) {
        self.array(name, |j| j.element(members));
    }

    /// A member that is a string.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        self.string(value);
    }

    /// A member that is a number, or `true`: its text as it is to stand there.
    pub(super) fn literal(&mut self, name: &str, digits: &str) {
        self.key(name);
        self.out.extend_from_slice(digits.as_bytes());
    }

    /// An element that is an object.
    pub(super) fn element(&mut self, members: impl FnOnce(&mut Self)) {
        self.separate();
        self.nested(b'{', b'}', members);
    }

    /// An element that is a string.
    pub(super) fn text_element(&mut self, value: &str) {
        self.separate();
        self.string(value);
    }

    fn key(&mut self, name: &str) {
        self.separate();
        self.string(name);
        self.out.push(b':');
        if !self.layout.line_end.is_empty() {
            self.out.push(b' ');
        }
    }

    fn nested(&mut self, open: u8, close: u8, inside: impl FnOnce(&mut Self)) {
        self.out.push(open);
        self.depth += 1;
        self.first = true;
        inside(self);
        self.depth -= 1;
        if !self.first {
            self.margin();
        }
        self.first = false;
        self.out.push(close);
    }

    fn separate(&mut self) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        self.margin();
    }

    fn margin(&mut self) {
        if self.depth >= self.margins.len() {
            self.margins.push(margin(self.layout, self.depth));
        }
        self.out.extend_from_slice(&self.margins[self.depth]);
    }

    fn string(&mut self, value: &str) {
        self.out.push(b'"');
        let mut clean = 0;
        let bytes = value.as_bytes();
        for (position, byte) in bytes.iter().enumerate() {
            let escape: &[u8] = match byte {
                b'"' => b"\\\"",
                b'\\' => b"\\\\",
                b'\n' => b"\\n",
                b'\r' => b"\\r",
                b'\t' => b"\\t",
                _ => continue,
            };
            self.out.extend_from_slice(&bytes[clean..position]);
            self.out.extend_from_slice(escape);
            clean = position + 1;
        }
        self.out.extend_from_slice(&bytes[clean..]);
        self.out.push(b'"');
    }
}

fn margin(layout: Layout, depth: usize) -> Vec<u8> {
    format!("{}{}", layout.line_end, layout.indent.repeat(depth)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(layout: Layout) -> String {
        let mut json = Json::new(layout, 64);
        json.root(|j| {
            j.text("a", "q\"b\\n\n");
            j.object("b", |_| ());
            j.array("c", |j| {
                j.text_element("£");
                j.element(|j| j.literal("d", "1.50"));
            });
        });
        String::from_utf8(json.into_bytes()).expect("text")
    }

    #[test]
    fn minified_has_no_white_space_outside_strings() {
        assert_eq!(sample(Layout::MINIFIED), r#"{"a":"q\"b\\n\n","b":{},"c":["£",{"d":1.50}]}"#);
    }

    #[test]
    fn pretty_indents_by_depth_and_ends_lines_as_told() {
        let tabs = sample(Layout { indent: "\t", line_end: "\r\n" });
        assert_eq!(
            tabs,
            "{\r\n\t\"a\": \"q\\\"b\\\\n\\n\",\r\n\t\"b\": {},\r\n\t\"c\": [\r\n\t\t\"£\",\r\n\t\t{\r\n\t\t\t\"d\": 1.50\r\n\t\t}\r\n\t]\r\n}"
        );
    }
}
