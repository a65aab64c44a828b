//! Objects of which nobody reads more than the id, built as one before was: passed over by comparing their tokens with
//! that one's.
//!
//! Most resources of a record are observations, which no table holds, and most of those have the same members in the same
//! order. Of one that has been passed over member by member the [`Shape`] is learnt. Where the tokens of another are the
//! same bytes it is JSON as well, but for its numbers and words, each of which is looked at. No key of it stands twice
//! where keys of one length are those that they were, and any others are as long as they were.

use super::{Cursor, Kind, Lexeme, plain};
use crate::json::tokens::Mark;

/// The most tokens of a shape, and the most keys of one of its objects.
const MOST_TOKENS: usize = 512;
const MOST_KEYS: usize = 32;

/// As many keys as are compared in nearly all shapes.
const USUAL_KEYS: usize = 16;

/// How many shapes are known at once, and how many of those that are learnt may never be met again.
const MOST_KNOWN: usize = 8;
const MOST_IN_VAIN: u32 = 16;

/// The bytes of a key that are compared as one number.
const HEAD: usize = size_of::<u128>();

/// The shapes of the objects of one bundle.
#[derive(Default)]
pub(crate) struct Shapes {
    /// Those met often come first.
    known: Vec<Shape>,
    /// One bit for each number of tokens that an object of no known shape had: one that comes again is worth learning.
    numbers: [u64; MOST_TOKENS / 64],
    in_vain: u32,
}

/// How an object is built, from behind its first member up to its end.
#[derive(Default)]
struct Shape {
    kinds: Vec<u8>,
    /// What is between numbers and words, which need not begin alike.
    stretches: Vec<(usize, usize)>,
    words: Vec<usize>,
    /// The tokens where keys begin that have to be what they were.
    names: Vec<(usize, Name)>,
    /// The tokens where keys begin that have to be as long as they were.
    lengths: Vec<(usize, u32)>,
    /// How many values it has, how many levels below its own, and how many keys one of its objects at most.
    values: u32,
    levels: u32,
    keys: usize,
    /// The token where its id begins.
    id: Option<usize>,
    met: u32,
}

/// A key of at most twice as many bytes as are compared at once.
struct Name {
    length: u32,
    head: u128,
    mask: u128,
    tail: u128,
}

/// Where an object begins that may be learnt.
pub(crate) struct ShapeStart(Mark);

impl Cursor<'_> {
    /// Passes the object that has been begun where it is of a known shape: its id, where it has one. Else the cursor stays.
    pub(crate) fn pass_known_shape(&mut self, shapes: &mut Shapes) -> Option<Option<Lexeme>> {
        let place = shapes.known.iter().position(|shape| self.is_of_shape(shape))?;
        let shape = &shapes.known[place];
        let id = shape.id.map(|id| self.string_behind(id));
        self.pass_shape(shape)?;
        shapes.count_met(place);
        Some(id)
    }

    /// Where the object that has been begun goes on, for [`Cursor::learn_shape`].
    pub(crate) fn shape_start(&self) -> ShapeStart {
        ShapeStart(self.tokens.mark())
    }

    /// Learns the shape of an object that has been begun there and has been passed just now, without a fault.
    pub(crate) fn learn_shape(&self, start: &ShapeStart, shapes: &mut Shapes) {
        let Some((kinds, positions)) = self.tokens.passed_since(start.0) else { return };
        if kinds.len() <= MOST_TOKENS && shapes.is_worth_learning(kinds.len()) {
            let shape = Lesson { kinds, positions, text: self.bytes(), shape: Shape::with_room() }.learn();
            shapes.add(shape);
        }
    }

    /// Whether the tokens that follow are those of a shape, and nothing about them has to be looked at but words.
    fn is_of_shape(&self, shape: &Shape) -> bool {
        let Some(kinds) = self.tokens.kinds_at_hand().get(..shape.kinds.len()) else { return false };
        let is_same = |(start, end): &(usize, usize)| kinds[*start..*end] == shape.kinds[*start..*end];
        if !shape.stretches.iter().all(is_same) {
            return false;
        }
        let [end] = self.tokens.behind(shape.kinds.len() - 1);
        let is_within = self.depth_left >= shape.levels
            && self.values_left >= shape.values
            && self.limits.keys >= shape.keys;
        is_within
            && !self.tokens.is_odd(end as usize)
            && shape.lengths.iter().all(|(token, length)| self.string_behind(*token).length() == *length)
            && shape.names.iter().all(|(token, name)| name.is(self.string_behind(*token), self.bytes()))
    }

    /// The string that begins behind so many tokens.
    #[inline(always)]
    fn string_behind(&self, tokens: usize) -> Lexeme {
        let [open, close] = self.tokens.behind(tokens);
        plain(open, close)
    }

    /// Passes an object of a shape, if its words are words and its numbers are numbers.
    fn pass_shape(&mut self, shape: &Shape) -> Option<()> {
        let values_left = self.values_left;
        let mut passed = 0;
        for word in &shape.words {
            self.tokens.pass(word - passed);
            passed = *word;
            if !self.pass_word() {
                // Whoever passes one member after the other finds the fault.
                self.tokens.pass_back(passed);
                self.values_left = values_left;
                return None;
            }
            passed += 1;
        }
        self.values_left = values_left - shape.values;
        self.tokens.pass(shape.kinds.len() - 1 - passed);
        self.leave();
        Some(())
    }

    /// Passes the number or word at the cursor, where there is one.
    fn pass_word(&mut self) -> bool {
        let word = match self.peek() {
            Ok(Kind::Number) => self.number(),
            Ok(Kind::Boolean | Kind::Null) => self.literal(),
            _ => return false,
        };
        word.is_ok()
    }
}

impl Shapes {
    /// Notes that an object of a shape has been met.
    #[inline(always)]
    fn count_met(&mut self, place: usize) {
        let shape = &mut self.known[place];
        self.in_vain -= u32::from(shape.met == 0);
        shape.met += 1;
        if place > 0 && shape.met > self.known[place - 1].met {
            self.known.swap(place, place - 1);
        }
    }

    fn is_worth_learning(&mut self, tokens: usize) -> bool {
        let (word, bit) = (&mut self.numbers[tokens / 64 % (MOST_TOKENS / 64)], 1 << (tokens % 64));
        let has_come = *word & bit != 0;
        *word |= bit;
        has_come && self.in_vain < MOST_IN_VAIN
    }

    fn add(&mut self, shape: Option<Shape>) {
        self.in_vain += 1;
        self.known.truncate(MOST_KNOWN - 1);
        self.known.extend(shape);
    }
}

impl Shape {
    fn with_room() -> Self {
        let (names, lengths) = (Vec::with_capacity(USUAL_KEYS), Vec::with_capacity(USUAL_KEYS));
        Self { names, lengths, ..Self::default() }
    }
}

impl Name {
    fn new(key: Lexeme, text: &[u8]) -> Option<Self> {
        let length = key.length();
        let mask = u128::MAX >> (8 * (HEAD - HEAD.min(length as usize)));
        let (head, tail) = (Self::head(key, text)? & mask, Self::tail(key, text)?);
        (length as usize <= 2 * HEAD).then_some(Self { length, head, mask, tail })
    }

    /// Whether a key is this one.
    #[inline(always)]
    fn is(&self, key: Lexeme, text: &[u8]) -> bool {
        key.length() == self.length
            && Self::head(key, text).is_some_and(|head| (head ^ self.head) & self.mask == 0)
            && (self.length as usize <= HEAD || Self::tail(key, text) == Some(self.tail))
    }

    /// The first bytes of a key and those behind it.
    #[inline(always)]
    fn head(key: Lexeme, text: &[u8]) -> Option<u128> {
        let start = key.start as usize;
        text.get(start..start + HEAD)?.first_chunk().map(|bytes| u128::from_le_bytes(*bytes))
    }

    /// The last bytes of a key and those before it.
    #[inline(always)]
    fn tail(key: Lexeme, text: &[u8]) -> Option<u128> {
        text.get(..key.end as usize)?.last_chunk().map(|bytes| u128::from_le_bytes(*bytes))
    }
}

/// What the shape of an object is learnt from: its tokens from behind its first member up to its end.
struct Lesson<'t> {
    kinds: &'t [u8],
    positions: &'t [u32],
    text: &'t [u8],
    shape: Shape,
}

impl Lesson<'_> {
    /// The shape of the object, where somebody who knows it could pass over another.
    fn learn(mut self) -> Option<Shape> {
        // Of each object and array that is open where its keys begin among all that are.
        let (mut open, mut keys) = (Vec::with_capacity(USUAL_KEYS), Vec::with_capacity(USUAL_KEYS));
        open.push(0);
        let mut token = 0;
        while token < self.kinds.len() {
            match self.kinds[token] {
                b'{' | b'[' => {
                    open.push(keys.len());
                    self.shape.values += 1;
                    self.shape.levels = self.shape.levels.max(open.len() as u32 - 1);
                }
                b'}' | b']' => self.learn_keys(open.pop()?, open.is_empty(), &mut keys)?,
                b'"' => {
                    // Only a key is followed by a colon.
                    let is_key = self.kinds.get(token + 2) == Some(&b':');
                    keys.extend(is_key.then_some(token));
                    self.shape.values += u32::from(!is_key);
                    token += 1;
                }
                b',' | b':' => {}
                _ => {
                    self.shape.words.push(token);
                    self.shape.values += 1;
                }
            }
            token += 1;
        }
        self.shape.stretches = stretches(&self.shape.words, self.kinds.len());
        self.shape.kinds = self.kinds.to_vec();
        open.is_empty().then_some(self.shape)
    }

    /// Learns the keys of an object that ends; an array has none.
    fn learn_keys(&mut self, first: usize, is_whole: bool, keys: &mut Vec<usize>) -> Option<()> {
        let own = keys.get(first..)?;
        // One has been passed before.
        let number = own.len() + usize::from(is_whole);
        if number > MOST_KEYS {
            return None;
        }
        self.shape.keys = self.shape.keys.max(number);
        for token in own {
            let key = self.string_at(*token);
            if is_whole {
                self.learn_member(*token, key)?;
            }
            let as_long = own.iter().filter(|other| self.string_at(**other).length() == key.length());
            if is_whole || as_long.count() > 1 {
                self.shape.names.push((*token, Name::new(key, self.text)?));
            } else if number > 1 {
                self.shape.lengths.push((*token, key.length()));
            }
        }
        keys.truncate(first);
        Some(())
    }

    /// Learns what is read of a resource: its id, which has to be a string, and not what it contains.
    fn learn_member(&mut self, token: usize, key: Lexeme) -> Option<()> {
        match self.text.get(key.start as usize..key.end as usize)? {
            b"contained" => None,
            b"id" => {
                self.shape.id = Some(token + 3);
                (self.kinds.get(token + 3) == Some(&b'"')).then_some(())
            }
            _ => Some(()),
        }
    }

    fn string_at(&self, token: usize) -> Lexeme {
        plain(self.positions[token], self.positions[token + 1])
    }
}

/// What is between some tokens and before and behind them.
fn stretches(words: &[usize], tokens: usize) -> Vec<(usize, usize)> {
    let starts = std::iter::once(0).chain(words.iter().map(|word| word + 1));
    starts.zip(words.iter().copied().chain([tokens])).filter(|(start, end)| start < end).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Workspace;
    use super::*;
    use crate::Limits;
    use crate::json::Fault;
    use proptest::prelude::*;

    /// What is found of the rest of an object: its id, how many values there are and where it ends, or where which fault is.
    type Found = Result<(Option<String>, u32, usize), String>;

    fn begun(text: &str, limits: Limits) -> Option<Cursor<'_>> {
        let mut cursor = Cursor::new(text, 0, 0, limits, Workspace::of_thread());
        cursor.peek().ok()?;
        cursor.begin_object("resourceType")?;
        Some(cursor)
    }

    /// Passes over the rest of an object member by member.
    fn pass_plainly(cursor: &mut Cursor<'_>) -> Result<Option<String>, Fault> {
        let mut members = cursor.begun_object(0);
        let mut id = None;
        while let Some(key) = cursor.pass_members(&mut members, |_| true)? {
            let (at, is_string) = (cursor.at(), cursor.is_at(b'"'));
            cursor.skip()?;
            if is_string && cursor.unescape(key) == "id" {
                id = Some(cursor.slice(at + 1, cursor.end() - 1).to_owned());
            }
        }
        Ok(id)
    }

    /// What is found of a text, and whether it was found by a known shape.
    fn found(text: &str, limits: Limits, shapes: &mut Shapes) -> (Found, bool) {
        let Some(mut cursor) = begun(text, limits) else { return (Err(String::new()), false) };
        let known = cursor.pass_known_shape(shapes);
        let is_known = known.is_some();
        let id = match known {
            Some(id) => Ok(id.map(|id| cursor.written(id).to_owned())),
            None => pass_plainly(&mut cursor),
        };
        let found = id.map(|id| (id, cursor.values(), cursor.at()));
        (found.map_err(|fault| format!("{} at {}", fault.kind(), fault.at())), is_known)
    }

    fn found_plainly(text: &str, limits: Limits) -> Found {
        found(text, limits, &mut Shapes::default()).0
    }

    /// Shapes that have learnt from a text, where it is one to learn from.
    fn taught(text: &str) -> Shapes {
        let mut shapes = Shapes::default();
        for _ in 0..2 {
            let Some(mut cursor) = begun(text, Limits::default()) else { return shapes };
            let start = cursor.shape_start();
            if pass_plainly(&mut cursor).is_ok() {
                cursor.learn_shape(&start, &mut shapes);
            }
        }
        shapes
    }

    const OBSERVATION: &str = r#"{"resourceType":"Observation","id":"1","meta":{"profile":["x"]},"code":{"coding":[{"system":"s","code":"c","display":"d","more":"e"}]},"valueQuantity":{"value":12.5,"unit":"kg"},"active":true,"x":[],"y":{},"effectiveDateTimeOfAll":"2020"}"#;

    #[test]
    fn an_object_built_as_one_before_is_passed_over_at_one_go() {
        let other =
            OBSERVATION.replace("12.5", "-3e4").replace("true", "null").replace("\"1\"", "\"another\"");
        let (found, is_known) = found(&other, Limits::default(), &mut taught(OBSERVATION));
        assert!(is_known);
        assert_eq!(found, found_plainly(&other, Limits::default()));
        assert_eq!(found.expect("valid").0.as_deref(), Some("another"));
    }

    #[test]
    fn what_is_contained_or_has_an_odd_id_is_not_learnt() {
        for text in [
            r#"{"resourceType":"A","id":"1","contained":[{"a":"b"}]}"#,
            r#"{"resourceType":"A","id":1}"#,
            r#"{"resourceType":"A","id":"1","a":"\n"}"#,
        ] {
            assert!(!found(text, Limits::default(), &mut taught(text)).1, "{text}");
        }
    }

    #[test]
    fn a_twin_with_a_fault_is_not_passed_over() {
        let changes = [
            ("\"meta\"", "\"code\""),
            ("\"active\"", "\"id\""),
            ("\"active\"", "\"contained\""),
            ("\"more\"", "\"code\""),
            ("\"unit\"", "\"value\""),
            ("12.5", "{"),
            ("12.5", "01"),
            ("12.5", ","),
            ("true", "truth"),
            ("true", "]"),
            ("\"kg\"", "\"k\u{1}\""),
            ("\"kg\"", "\"\\x\""),
            ("\"kg\"", "\"k\" g"),
            ("[]", "[}"),
            ("{}", "[]"),
            ("\"2020\"}", "\"2020\"]"),
            ("\"2020\"}", "\"2020}"),
            ("\"profile\":", "\"profile\","),
            ("OfAll", "OfAny"),
        ];
        for (from, to) in changes {
            let twin = OBSERVATION.replacen(from, to, 1);
            assert_ne!(twin, OBSERVATION, "{from}");
            let (found, is_known) = found(&twin, Limits::default(), &mut taught(OBSERVATION));
            assert!(!is_known, "{twin}");
            assert_eq!(found, found_plainly(&twin, Limits::default()), "{twin}");
        }
    }

    const PART: &str = r#"("[ab]{0,3}":|,|"[a-c]{0,3}"|"a\\n"|-?[01]{1,2}|true|nul|[\[\]{}]| )"#;

    proptest! {
        #[test]
        fn what_is_known_is_found_as_what_is_not(
            members in prop::collection::vec(prop_oneof![
                r#""[abi]{1,2}":("[a-c]{0,3}"|-?1|true|null|\[\]|\{\}|\[("x"|\{"[ab]":[1-9]\}|\[2,3\])\])"#,
                r#""(id|contained)":"[a-c]{0,3}""#,
                r#""[ab]{1,2}":\{"[ab]{1,2}":("x"|\{\}),"[ab]{1,3}":\[1,"y"\]\}"#,
            ], 0..5),
            (place, length, part) in (any::<prop::sample::Index>(), 0usize..4, PART),
            depth in 0u32..5,
            values in 0u32..14,
            keys in 0usize..5,
            string_bytes in prop_oneof![Just(2usize), Just(1 << 20)],
        ) {
            let text: String = members.iter().map(|member| format!(",{member}")).collect();
            let text = format!(r#"{{"resourceType":"Observation"{text}}}"#);
            let mut twin = text.clone();
            let at = place.index(twin.len());
            twin.replace_range(at..twin.len().min(at + length), &part);
            let limits = Limits { depth, values, keys, string_bytes, ..Limits::default() };
            for (text, learnt) in [(&text, &text), (&twin, &text), (&text, &twin), (&twin, &twin)] {
                for limits in [limits, Limits::default()] {
                    let known = found(text, limits, &mut taught(learnt)).0;
                    prop_assert_eq!(known, found_plainly(text, limits), "{} after {}", text, learnt);
                }
            }
        }
    }
}
