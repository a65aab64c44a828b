//! Texts as an array has them: where each ends, themselves, and which of them are there.

use arrow_buffer::bit_util::ceil;

use crate::text::{KeptBytes, Store, Text};

/// A text as a column gathers it, or none.
pub(crate) trait Gathered: Copy {
    /// How many bytes it has, where it is there.
    fn length(self) -> Option<usize>;

    /// Copies one that is there to a place of some room, behind which all others of its array come, and says where it ends:
    /// nothing where it has not enough room.
    fn copy(self, kept: &KeptBytes<'_>, room: &mut [u8], place: u32) -> Option<u32>;
}

impl Gathered for Text {
    #[inline]
    fn length(self) -> Option<usize> {
        self.is_some().then_some(Self::length(self))
    }

    /// With what is behind it so much is copied that most texts are done without a look at how long they are.
    #[inline(always)]
    fn copy(self, kept: &KeptBytes<'_>, room: &mut [u8], place: u32) -> Option<u32> {
        let start = place as usize;
        let length = Self::length(self);
        let wide = room.get_mut(start..start + AT_LEAST);
        if let (Some(beginning), Some(wide)) = (kept.beginning::<AT_LEAST>(self), wide) {
            wide.copy_from_slice(beginning);
            if length > AT_LEAST {
                copy_rest(kept.of(self), room.get_mut(start..start + length)?);
            }
        } else {
            copy_exactly(kept.of(self), room.get_mut(start..start + length)?);
        }
        Some(place + length as u32)
    }
}

impl Gathered for Option<&[u8]> {
    #[inline]
    fn length(self) -> Option<usize> {
        self.map(<[u8]>::len)
    }

    #[inline(always)]
    fn copy(self, _: &KeptBytes<'_>, room: &mut [u8], place: u32) -> Option<u32> {
        let text = self.unwrap_or_default();
        copy_exactly(text, room.get_mut(place as usize..)?.get_mut(..text.len())?);
        Some(place + text.len() as u32)
    }
}

/// Memory for the texts of one array after another.
pub(crate) type SpareTexts = Vec<Option<&'static [u8]>>;

/// The memory, for texts of another lifetime. The standard library collects a list in the place of the one that it
/// consumes.
pub(crate) fn emptied(mut texts: Vec<Option<&[u8]>>) -> SpareTexts {
    texts.clear();
    texts.into_iter().map(|_| None).collect()
}

/// How many of some texts are there, and of how many bytes they are.
#[derive(Clone, Copy)]
pub(super) struct Total {
    pub(super) present: usize,
    pub(super) bytes: usize,
}

impl Total {
    pub(super) fn of<T: Gathered>(texts: &[T]) -> Self {
        let (mut present, mut bytes) = (0, 0);
        for text in texts {
            let length = text.length();
            present += usize::from(length.is_some());
            bytes += length.unwrap_or_default();
        }
        Self { present, bytes }
    }
}

/// How much is copied of a text in any case.
pub(crate) const AT_LEAST: usize = 32;

/// Writes texts: where each ends, themselves, and which of them are there, unless all are. Nothing where they have not enough
/// room; some bytes behind them may be written too.
pub(super) fn write<T: Gathered>(room: &mut [u8], texts: &[T], store: &Store<'_>) -> Option<Total> {
    let kept = store.kept_bytes();
    let (ends, room) = room.split_at_mut_checked((texts.len() + 1) * size_of::<i32>())?;
    let ends = ends.as_chunks_mut().0;
    ends[0] = 0_u32.to_ne_bytes();
    let (mut end, mut absent) = (0_u32, 0);
    for (place, text) in ends[1..].iter_mut().zip(texts) {
        match text.length() {
            Some(_) => end = text.copy(&kept, room, end)?,
            None => absent += 1,
        }
        *place = end.to_ne_bytes();
    }
    let (bytes, present) = (end as usize, texts.len() - absent);
    let bits = room.get_mut(bytes..)?.get_mut(..bits(texts.len(), present))?;
    write_bits(bits, texts, |text| text.length().is_some());
    Some(Total { present, bytes })
}

/// How many bytes say which of some values are there, of which so many are.
pub(super) fn bits(length: usize, present: usize) -> usize {
    if present < length { ceil(length, 8) } else { 0 }
}

/// Writes one bit for each value, to as many bytes as there is room for.
pub(super) fn write_bits<T>(room: &mut [u8], values: &[T], is_set: impl Fn(&T) -> bool) {
    let byte = |values: &[T]| values.iter().rev().fold(0, |byte, value| byte << 1 | u8::from(is_set(value)));
    let (eights, rest) = values.as_chunks::<8>();
    let (of_eights, of_rest) = room.split_at_mut(eights.len().min(room.len()));
    of_eights.iter_mut().zip(eights).for_each(|(place, eight)| *place = byte(eight));
    of_rest.iter_mut().for_each(|place| *place = byte(rest));
}

/// Copies what is behind the first bytes of a text to a place of its length: from its end, so that what is between may be
/// copied twice.
#[inline(always)]
fn copy_rest(text: &[u8], to: &mut [u8]) {
    match (text.last_chunk::<AT_LEAST>(), to.last_chunk_mut::<AT_LEAST>()) {
        (Some(end), Some(place)) if text.len() <= 2 * AT_LEAST => *place = *end,
        _ => to.copy_from_slice(text),
    }
}

/// Copies a text to a place of its length. Most are short, and done before a call would have found out how: from both ends,
/// so that what is between is copied twice and no length needs a loop.
#[inline(always)]
fn copy_exactly(text: &[u8], to: &mut [u8]) {
    let length = text.len();
    if length >= 16 {
        match length {
            ..=32 => copy_ends::<16>(text, to),
            33..=64 => copy_ends::<32>(text, to),
            65.. => to.copy_from_slice(text),
        }
    } else if length >= 8 {
        copy_ends::<8>(text, to);
    } else if length >= 4 {
        copy_ends::<4>(text, to);
    } else {
        to.iter_mut().zip(text).for_each(|(to, byte)| *to = *byte);
    }
}

/// Copies the first and the last bytes of a text of at least so many.
#[inline(always)]
fn copy_ends<const BYTES: usize>(text: &[u8], to: &mut [u8]) {
    if let (Some(first), Some(last)) = (text.first_chunk::<BYTES>(), text.last_chunk::<BYTES>())
        && to.len() == text.len()
    {
        to[..BYTES].copy_from_slice(first);
        let before = to.len() - BYTES;
        to[before..].copy_from_slice(last);
    }
}
