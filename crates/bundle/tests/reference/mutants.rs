//! Mutants of bundles: bytes that are flipped, cut and repeated, and JSON of which elements are taken away, repeated,
//! exchanged, wrapped and put in the place of others.

use std::borrow::Cow;

use super::oracle::json::{Json as Parsed, Value};
use super::support::json::Json;
use super::support::random::Random;

/// The tree of a parsed document, to be changed and written again.
pub(super) fn tree(parsed: &Parsed<'_>) -> Json {
    match &parsed.value {
        Value::Text(text) => Json::text(text),
        Value::List(items) => Json::List(items.iter().map(tree).collect()),
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| (Cow::Owned(key.clone()), tree(value)));
            Json::Object(members.collect())
        }
        Value::Null | Value::Boolean(_) | Value::Number => Json::Raw(Cow::Owned(parsed.raw.to_owned())),
    }
}

/// A text with a few of its bytes changed.
pub(super) fn of_bytes(text: &[u8], random: &mut Random) -> Vec<u8> {
    const TELLING: &[u8] = b"{}[],:\"\\ 0-.eun#/\xBF\xC3";
    let mut mutant = text.to_vec();
    for _ in 0..1 + random.below(3) {
        if mutant.is_empty() {
            break;
        }
        let at = random.below(mutant.len());
        let piece = at..mutant.len().min(at + 1 + random.below(40));
        match random.below(20) {
            0 => mutant.truncate(at),
            1..4 => mutant[at] ^= 1 << random.below(8),
            4..6 => mutant[at] = random.pick(TELLING),
            6 => mutant.insert(at, random.pick(TELLING)),
            7 => drop(mutant.drain(piece)),
            // One letter or digit for another, which leaves most texts JSON.
            8..19 if mutant[at].is_ascii_alphanumeric() => mutant[at] = random.pick(b"0123456789aeAEMrP"),
            8..19 => {}
            _ => {
                let piece = mutant[piece].to_vec();
                mutant.splice(at..at, piece);
            }
        }
    }
    mutant
}

/// The tree with a few of its elements changed; some of `other` may be put in.
pub(super) fn of_elements(tree: &Json, other: &Json, random: &mut Random) -> Json {
    let mut mutant = tree.clone();
    for _ in 0..1 + random.below(4) {
        let count = nodes(&mutant);
        let (at, from) = (random.below(count), random.below(count));
        match random.below(4) {
            // Two elements change places, or one stands in two.
            0 => {
                let (one, two) = (node(&mut mutant, at).clone(), node(&mut mutant, from).clone());
                *node(&mut mutant, at) = two;
                if random.chance(50) && from < nodes(&mutant) {
                    *node(&mut mutant, from) = one;
                }
            }
            1 => {
                let graft = random.below(nodes(other));
                *node(&mut mutant, at) = node(&mut other.clone(), graft).clone();
            }
            2 => change_members(node(&mut mutant, at), random),
            _ => {
                let changed = changed(node(&mut mutant, at).clone(), random);
                *node(&mut mutant, at) = changed;
            }
        }
    }
    mutant
}

/// The tree with some of what it says changed, all of it still well-formed: whom references name, dates, statuses, codes of
/// lists, and which entries there are.
pub(super) fn of_meaning(tree: &Json, random: &mut Random) -> Json {
    let mut mutant = tree.clone();
    let mut references = Vec::new();
    let mut ids = Vec::new();
    mutant.each_object(&mut |members| {
        for (key, value) in members {
            match (key.as_ref(), value) {
                ("reference", Json::Text(text)) => references.push(text.clone()),
                ("id", Json::Text(text)) => ids.push(text.clone()),
                _ => {}
            }
        }
    });
    let share = 1 + random.below(30);
    mutant.each_object(&mut |members| {
        for (key, value) in members {
            let Json::Text(text) = value else { continue };
            if random.chance(share) {
                said_otherwise(key, text, &references, &ids, random);
            }
        }
    });
    if let Json::Object(members) = &mut mutant {
        let lists = members.iter_mut().filter(|(key, _)| key == "entry");
        lists.for_each(|(_, entries)| change_entries(entries, random));
    }
    mutant
}

fn said_otherwise(key: &str, text: &mut String, references: &[String], ids: &[String], random: &mut Random) {
    const DAYS: [&str; 12] = [
        "2024-12",
        "2025",
        "2025-01-14",
        "2025-01-15T23:59:59+01:00",
        "2025-12-31",
        "2026",
        "2026-01",
        "2026-01-14",
        "2026-01-15",
        "2026-01-16T00:00:00Z",
        "2031-07-01",
        "soon",
    ];
    const WORDS: [&str; 12] = [
        "active",
        "completed",
        "stopped",
        "resolved",
        "inactive",
        "unknown",
        "finished",
        "plan",
        "order",
        "acute",
        "repeat",
        "",
    ];
    const CODES: [&str; 14] = [
        "886921000000105",
        "1103671000000101",
        "933361000000108",
        "717711000000103",
        "1149501000000101",
        "325851000000107",
        "25851000000105",
        "24781000000107",
        "problems-medications-related-to-problems",
        "716186003",
        "409137002",
        "196421000000109",
        "no-content-recorded",
        "PPRF",
    ];
    let is_date = ["start", "end", "valueDateTime", "date"].contains(&key) || key.ends_with("Date");
    match key {
        "reference" => *text = references[random.below(references.len())].clone(),
        "id" => *text = ids[random.below(ids.len())].clone(),
        "status" | "clinicalStatus" | "intent" => *text = random.pick(&WORDS).to_owned(),
        "code" | "valueCode" => *text = random.pick(&CODES).to_owned(),
        _ if is_date || key.ends_with("DateTime") => *text = random.pick(&DAYS).to_owned(),
        _ => {}
    }
}

/// Entries in another order, some of them again, some not at all.
fn change_entries(entries: &mut Json, random: &mut Random) {
    let Json::List(entries) = entries else { return };
    if random.chance(30) {
        random.shuffle(entries);
    }
    for _ in 0..random.below(3) {
        if entries.is_empty() {
            return;
        }
        let at = random.below(entries.len());
        match random.chance(50) {
            true => drop(entries.remove(at)),
            false => entries.push(entries[at].clone()),
        }
    }
}

/// How many elements a tree has, itself included.
pub(super) fn nodes(tree: &Json) -> usize {
    1 + match tree {
        Json::List(items) => items.iter().map(nodes).sum(),
        Json::Object(members) => members.iter().map(|(_, value)| nodes(value)).sum(),
        Json::Text(_) | Json::Raw(_) => 0,
    }
}

/// An element by its place in the order of the text.
pub(super) fn node(tree: &mut Json, at: usize) -> &mut Json {
    if at == 0 {
        return tree;
    }
    let children: Vec<&mut Json> = match tree {
        Json::List(items) => items.iter_mut().collect(),
        Json::Object(members) => members.iter_mut().map(|(_, value)| value).collect(),
        Json::Text(_) | Json::Raw(_) => Vec::new(),
    };
    let mut before = 1;
    for child in children {
        let size = nodes(child);
        if at < before + size {
            return node(child, at - before);
        }
        before += size;
    }
    unreachable!("places are below the number of elements")
}

/// A list or object with one of its parts taken away, repeated, moved or renamed; anything else wrapped.
fn change_members(element: &mut Json, random: &mut Random) {
    const KEYS: [&str; 8] =
        ["id", "status", "reference", "display", "valueCode", "valueString", "text", "extension"];
    match element {
        Json::List(items) if !items.is_empty() => {
            let at = random.below(items.len());
            match random.below(3) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => random.shuffle(items),
            }
        }
        Json::Object(members) if !members.is_empty() => {
            let at = random.below(members.len());
            match random.below(8) {
                0..4 => drop(members.remove(at)),
                4 => members.push(members[at].clone()),
                5 => random.shuffle(members),
                _ => members[at].0 = Cow::Borrowed(random.pick(&KEYS)),
            }
        }
        other => *other = Json::List(vec![other.clone()]),
    }
}

/// Something else in the place of an element.
fn changed(element: Json, random: &mut Random) -> Json {
    const RAW: [&str; 10] = ["null", "true", "false", "0", "-1.50", "28.000", "1e3", "{}", "[]", "[null]"];
    const WORDS: [&str; 10] = [
        "",
        " ",
        "2010",
        "2010-02-30",
        "active",
        "no-content-recorded",
        "http://snomed.info/sct",
        "Encounter/1",
        "#a",
        "items are not supported by the provider system",
    ];
    match (random.below(8), element) {
        (0..2, _) => Json::raw(random.pick(&RAW)),
        (2, _) => Json::text(random.pick(&WORDS)),
        (3, element) => Json::List(vec![element]),
        (4, element) => Json::List(vec![element.clone(), element]),
        (5, Json::List(mut items)) if !items.is_empty() => items.swap_remove(0),
        (_, Json::Text(text)) => Json::Text(changed_text(&text, random)),
        (_, element) => Json::List(vec![element]),
    }
}

fn changed_text(text: &str, random: &mut Random) -> String {
    match random.below(6) {
        0 => format!(" {text} "),
        1 => text.to_uppercase(),
        2 => text.chars().skip(1).collect(),
        3 => format!("{text}/{text}"),
        4 => format!("https://example.org/{text}"),
        _ => format!("{text}1"),
    }
}

/// The smallest tree that is found to fail still, by taking away one element after the other.
pub(super) fn shrunk(tree: Json, fails: impl Fn(&Json) -> bool) -> Json {
    let mut smallest = tree;
    let mut at = nodes(&smallest);
    while at > 1 {
        at -= 1;
        let mut smaller = smallest.clone();
        // What stands behind the element has been tried; taking it away leaves the places before it as they were.
        if at >= nodes(&smaller) || !take_away(&mut smaller, at) {
            continue;
        }
        if fails(&smaller) {
            smallest = smaller;
        }
    }
    smallest
}

/// Takes away an element; false of the whole.
fn take_away(tree: &mut Json, at: usize) -> bool {
    let mut before = 1;
    let sizes: Vec<usize> = match tree {
        Json::List(items) => items.iter().map(nodes).collect(),
        Json::Object(members) => members.iter().map(|(_, value)| nodes(value)).collect(),
        Json::Text(_) | Json::Raw(_) => Vec::new(),
    };
    for (place, size) in sizes.into_iter().enumerate() {
        if at == before {
            match tree {
                Json::List(items) => drop(items.remove(place)),
                Json::Object(members) => drop(members.remove(place)),
                Json::Text(_) | Json::Raw(_) => {}
            }
            return true;
        }
        if at < before + size {
            return match tree {
                Json::List(items) => take_away(&mut items[place], at - before),
                Json::Object(members) => take_away(&mut members[place].1, at - before),
                Json::Text(_) | Json::Raw(_) => false,
            };
        }
        before += size;
    }
    false
}
