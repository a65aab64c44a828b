//! A JSON text, and how much of it is known to be UTF-8.
//!
//! What is `unsafe`: bytes are taken for text, of which a kernel has found that they are ASCII or `simdutf8` that they
//! are UTF-8. Hence the invariant that only [`Kernel`](super::Kernel) adds to what is known, right behind it.
#![allow(unsafe_code)]

use crate::json::window::FETCHED;

/// A JSON text. That it is UTF-8 becomes known from its beginning on, as its tokens are found.
#[derive(Clone, Copy)]
pub(crate) struct Body<'a> {
    bytes: &'a [u8],
    text: &'a str,
    /// How far behind what is read memory is asked for, in bytes.
    ahead: usize,
}

impl<'a> From<&'a [u8]> for Body<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self { bytes, text: "", ahead: FETCHED }
    }
}

impl<'a> From<&'a str> for Body<'a> {
    fn from(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), text, ahead: FETCHED }
    }
}

impl<'a> Body<'a> {
    /// A text after which something is read that stands elsewhere: that is asked for while the text is read.
    pub(crate) fn before(bytes: &'a [u8], next: &[u8]) -> Self {
        Self { bytes, text: "", ahead: next.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr()) }
    }

    /// How far behind what is read memory is asked for, in bytes; from before it, as a distance that wraps.
    pub(in crate::json) fn ahead(&self) -> usize {
        self.ahead
    }

    /// All of it.
    #[inline(always)]
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The beginning that is known to be UTF-8.
    #[inline(always)]
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// Takes the bytes between two offsets for text, where they and those before them are UTF-8; whether they are. Of a
    /// character that `end` cuts nothing is said.
    pub(super) fn take_in(&mut self, start: usize, end: usize, are_ascii: bool) -> bool {
        let known = self.text.len();
        let is_known = end <= known || are_ascii && start <= known;
        let is_inside = |at: &usize| self.bytes.get(*at).is_some_and(|byte| byte & 0xC0 == 0x80);
        // A character has four bytes at most.
        let cut = |end: usize| {
            end.saturating_sub((end.saturating_sub(3)..=end).rev().take_while(is_inside).count())
        };
        let end = if is_known { end } else { cut(end) };
        let are_utf8 = is_known || self.bytes.get(known..end).is_some_and(is_utf8);
        if are_utf8 && end > known {
            // SAFETY: up to `known` it is UTF-8; behind that all has been found to be ASCII, since `start` is not behind
            // it, or to be UTF-8.
            self.text = unsafe { str::from_utf8_unchecked(&self.bytes[..end]) };
        }
        are_utf8
    }
}

fn is_utf8(bytes: &[u8]) -> bool {
    simdutf8::basic::from_utf8(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::{BLOCK, Kernel};
    use super::*;
    use crate::json::window::Window;
    use proptest::prelude::*;

    /// How much of some bytes becomes known as text, by windows of so many blocks, and whether it is all.
    fn found(kernel: Kernel, bytes: &[u8], blocks: usize) -> (usize, bool) {
        let mut body = Body::from(bytes);
        let mut window = Window::new(kernel);
        let are_utf8 = (0..bytes.len()).step_by(blocks * BLOCK).all(|start| {
            let end = bytes.len().min(start + blocks * BLOCK);
            kernel.scan(&mut body, start, end, &mut window)
        });
        (body.text().len(), are_utf8)
    }

    proptest! {
        #[test]
        fn what_is_known_as_text_is_utf8(
            text in "([a-z]{0,70}|[\u{e9}\u{20ac}\u{10348}]{0,40}){0,9}",
            bad in prop_oneof![Just(None), (any::<prop::sample::Index>(), 0x80u8..).prop_map(Some)],
            blocks in 1usize..3,
        ) {
            let mut bytes = text.into_bytes();
            if let (Some((at, byte)), false) = (bad, bytes.is_empty()) {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let valid = str::from_utf8(&bytes).map_or_else(|error| error.valid_up_to(), str::len);
            for kernel in Kernel::all() {
                let (known, are_utf8) = found(kernel, &bytes, blocks);
                prop_assert_eq!(are_utf8, valid == bytes.len(), "{:?}", kernel);
                prop_assert!(known == valid || known < valid && !are_utf8, "{:?}", kernel);
            }
        }
    }

    #[test]
    fn a_character_that_a_window_cuts_is_taken_with_the_next() {
        for before in 0..2 * BLOCK {
            for (character, then) in [("\u{e9}", "x"), ("\u{20ac}", "\u{e9}"), ("\u{10348}", "")] {
                let text = format!("{}{character}{then}{}", "a".repeat(before), "b".repeat(BLOCK));
                for kernel in Kernel::all() {
                    assert_eq!(found(kernel, text.as_bytes(), 1), (text.len(), true), "{before}, {kernel:?}");
                    // Cut short, and what follows is ASCII.
                    let mut bytes = text.clone().into_bytes();
                    bytes.drain(before + 1..before + character.len() + then.len());
                    assert!(!found(kernel, &bytes, 1).1, "{before}, {kernel:?}");
                }
            }
        }
    }
}
