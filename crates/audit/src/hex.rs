//! Lower-case hexadecimal, the one spelling of keys and hashes in our files.
//!
//! Reading is strict about case, so that every byte string has one text: a flipped bit that would turn `a`
//! into `A` is an error and not the same value.

/// Two lower-case digits a byte.
pub fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|half| char::from(DIGITS[usize::from(half)]))
        .collect()
}

/// The bytes of a text of exactly `2 * N` lower-case digits; `None` for anything else. No copy stays behind on
/// the heap, so it is the one for keys.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

/// The bytes of a text of lower-case digits, two a byte; `None` for anything else.
pub fn decode_any(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| Some(value(pair[0])? << 4 | value(pair[1])?)).collect()
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_exactly_one_spelling() {
        let all: [u8; 256] = std::array::from_fn(|index| index as u8);
        assert_eq!(decode(&encode(&all)), Some(all));
        for text in ["", "0", "000", "0G", "0A", " 0", "é"] {
            assert_eq!(decode::<1>(text), None, "{text:?}");
        }
    }
}
