use std::borrow::Cow;

/// Text of a record made safe to show: control characters and the characters that turn the direction of
/// writing are spelt out, so that no record can move a cursor, hide a word or swap a dose (`security` sheet,
/// T-25). What is stored stays as it was sent.
pub fn escape(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_hostile) { Cow::Owned(spell(text, |_| false)) } else { Cow::Borrowed(text) }
}

/// The same for a whole document on its way to a terminal: its line feeds stay.
pub fn escape_lines(text: &str) -> String {
    spell(text, |character| character == '\n')
}

fn spell(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut spelt = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hostile(character) && !keep(character) {
            spelt.extend(character.escape_default());
        } else {
            spelt.push(character);
        }
    }
    spelt
}

fn is_hostile(character: char) -> bool {
    character.is_control()
        || matches!(character,
            // Marks, embeddings, overrides and isolates of the bidirectional algorithm.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Separators of lines and paragraphs, which some terminals obey.
            | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_passes() {
        for (text, shown) in [
            ("10 mg\u{1b}[2K90 mg", "10 mg\\u{1b}[2K90 mg"),
            ("one\r\ntwo\tthree", "one\\r\\ntwo\\tthree"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("take \u{202e}gm 01", "take \\u{202e}gm 01"),
            ("\u{7f}\u{0}", "\\u{7f}\\u{0}"),
        ] {
            assert_eq!(escape(text), shown);
        }
    }

    #[test]
    fn ordinary_text_of_any_script_is_untouched() {
        for text in ["½ tablet, 5 µg – Żółć", "Иван", "a\u{a0}b", ""] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn a_document_keeps_its_lines_alone() {
        assert_eq!(escape_lines("a\u{1b}\nb\r\n"), "a\\u{1b}\nb\\r\n");
    }
}
