use bedside_audit::hex;

use super::message::Separators;

/// What an escaped text stands for (HL7 v2.5.1, section 2.7), or nothing where that cannot be known: a local escape,
/// a switch of the character set, bytes that are no text, an escape that does not end.
///
/// Highlighting is no part of a text and is left out; `.br` is a line break.
pub(super) fn unescape(text: &str, separators: &Separators) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escaped)) = rest.split_once(separators.escape) {
        let (sequence, after) = escaped.split_once(separators.escape)?;
        plain.push_str(before);
        push(&mut plain, sequence, separators)?;
        rest = after;
    }
    plain.push_str(rest);
    Some(plain)
}

fn push(plain: &mut String, sequence: &str, separators: &Separators) -> Option<()> {
    match sequence {
        "F" => plain.push(separators.field),
        "S" => plain.push(separators.component),
        "T" => plain.push(separators.subcomponent),
        "R" => plain.push(separators.repetition),
        "E" => plain.push(separators.escape),
        "P" => plain.push(separators.truncation?),
        "H" | "N" => {}
        ".br" => plain.push('\n'),
        hexadecimal => plain.push_str(&text_of(hexadecimal.strip_prefix('X')?)?),
    }
    Some(())
}

/// The text of bytes in hexadecimal.
fn text_of(digits: &str) -> Option<String> {
    String::from_utf8(hex::decode_any(&digits.to_ascii_lowercase())?).ok()
}
