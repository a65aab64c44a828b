//! What is refused, and how: one line with a position, and never a word of the content.

mod support;

use bedside_bundle::{BundleError, Feed, Limits, Options, normalise};
use bedside_model::schema::Table;
use support::options;

/// A bundle of one allergy whose text is `inside`, as it stands in JSON.
fn with_text(inside: &str) -> Vec<u8> {
    with_entry(&format!(r#"{{"resourceType":"AllergyIntolerance","id":"a","code":{{"text":"{inside}"}}}}"#))
}

fn with_entry(resource: &str) -> Vec<u8> {
    format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{resource}}}]}}"#)
        .into_bytes()
}

/// Refused alike whole, in small pieces and cut in two anywhere: the error of the whole.
fn refused(body: &[u8], options: &Options) -> BundleError {
    let whole = normalise(body, options).expect_err("refused");
    let fed = |pieces: &[&[u8]]| {
        let mut feed = Feed::new(options.clone());
        let pushed = pieces.iter().try_for_each(|piece| feed.push(piece));
        pushed.and_then(|()| feed.finish().map(drop)).expect_err("refused in pieces too")
    };
    for size in [1, 5] {
        assert_alike(&whole, &fed(&body.chunks(size).collect::<Vec<_>>()), &format!("in pieces of {size}"));
    }
    for cut in (0..body.len()).step_by(1 + body.len() / 500) {
        let (one, two) = body.split_at(cut);
        assert_alike(&whole, &fed(&[one, two]), &format!("cut at {cut}"));
    }
    let message = whole.to_string();
    assert!(!message.contains('\n') && !message.contains("canary"), "{message}");
    whole
}

/// What breaks a limit may be met earlier or later in pieces; what is not JSON is so at one place.
fn assert_alike(whole: &BundleError, fed: &BundleError, how: &str) {
    match (whole, fed) {
        (BundleError::Limit { .. }, BundleError::Limit { .. }) => {}
        (BundleError::NotJson { what, offset, .. }, BundleError::NotJson { what: said, offset: at, .. }) => {
            assert_eq!((what, offset), (said, at), "{how}");
        }
        _ => assert_eq!(whole, fed, "{how}"),
    }
}

#[test]
fn what_is_not_json_is_refused_with_its_position() {
    let cases: [(&[u8], &str); 24] = [
        (b"", "not JSON: the text ends too early at byte 0"),
        (b" \n ", "not JSON: the text ends too early at byte 3"),
        (b"{", "not JSON: the text ends too early at byte 1"),
        (b"{\"a\":1,}", "not JSON: a string expected at byte 7"),
        (b"{'a':1}", "not JSON: a string expected at byte 1"),
        (b"{\"a\" 1}", "not JSON: a colon expected at byte 5"),
        (b"{\"a\":NaN}", "not JSON: a value expected at byte 5"),
        (b"{\"a\":+1}", "not JSON: a value expected at byte 5"),
        (b"{\"a\":01}", "not JSON: this is not a number of JSON at byte 6"),
        (b"{\"a\":.5}", "not JSON: a value expected at byte 5"),
        (b"{\"a\":1.}", "not JSON: this is not a number of JSON at byte 7"),
        (b"{\"a\":1e}", "not JSON: this is not a number of JSON at byte 7"),
        (b"{\"a\":-}", "not JSON: this is not a number of JSON at byte 6"),
        (b"{\"a\":tru}", "not JSON: a value expected at byte 5"),
        (b"{\"a\":[1 2]}", "not JSON: a comma or the end of the array expected at byte 8"),
        (b"{\"a\":[1,]}", "not JSON: a value expected at byte 8"),
        (b"{} {}", "not JSON: nothing may follow the document at byte 3"),
        (b"{}x", "not JSON: nothing may follow the document at byte 2"),
        (b"{\"a\":\"b\nc\"}", "not JSON: a control character inside a string must be escaped at byte 7"),
        (b"{\"a\":\"\\x\"}", "not JSON: this is not an escape of JSON at byte 6"),
        (b"{\"a\":\"\\u12G4\"}", "not JSON: this is not an escape of JSON at byte 6"),
        (b"{\"a\":\"\\ud800\"}", "not JSON: half of a surrogate pair is no character at byte 6"),
        (b"{\"a\":\"\\udc00\\ud800\"}", "not JSON: half of a surrogate pair is no character at byte 6"),
        (b"{\"a\":1,\"\\u0061\":2}", "not JSON: the same key stands twice in one object at byte 8"),
    ];
    for (body, message) in cases {
        assert_eq!(refused(body, &options()).to_string(), message, "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn a_bundle_that_is_cut_off_ends_too_early_where_it_is_cut() {
    let body = "\r\n{ \"type\" :\t\"collection\", \"entry\" : [ { \"resource\" : { \"id\" : [ 1 , true ] } } ,\n\n  {} ] ,  \"resourceType\" : \"Bundle\" }";
    assert!(normalise(body.as_bytes(), &options()).is_ok());
    for cut in 0..body.len() {
        let BundleError::NotJson { offset, .. } = refused(&body.as_bytes()[..cut], &options()) else {
            panic!("cut at {cut}")
        };
        // A word that is cut short is no word where it begins.
        let in_a_word =
            body[..cut].ends_with("t") || body[..cut].ends_with("tr") || body[..cut].ends_with("tru");
        assert!(offset == cut || in_a_word, "cut at {cut}, told at {offset}");
    }
}

#[test]
fn invalid_utf8_is_refused_where_it_stands() {
    let mut body = with_text("canary");
    let at = body.iter().position(|byte| *byte == b'y').expect("there");
    for byte in [0x80, 0xC0, 0xFF, 0xED] {
        body[at] = byte;
        assert_eq!(
            refused(&body, &options()).to_string(),
            format!("not JSON: this is not UTF-8 at byte {at}")
        );
    }
}

#[test]
fn invalid_utf8_is_found_in_a_long_body_wherever_it_stands() {
    let long = with_text(&"caf\u{e9} \u{20ac} \u{10348} plain ".repeat(600));
    for shift in 0..4 {
        let body = [&b"   "[..shift], &long].concat();
        assert!(normalise(&body, &options()).is_ok());
        for at in (0..body.len()).step_by(67) {
            // One byte too many, one that is wrong, and one too few.
            for (upto, bytes) in [(at, &b"\xBF"[..]), (at + 1, b"\xF0"), (at + 1, b"")] {
                let broken = [&body[..at], bytes, &body[upto..]].concat();
                let Err(error) = str::from_utf8(&broken) else { continue };
                let message = format!("not JSON: this is not UTF-8 at byte {}", error.valid_up_to());
                assert_eq!(normalise(&broken, &options()).expect_err("refused").to_string(), message);
                let mut feed = Feed::new(options());
                let pushed = broken.chunks(1 << 12).try_for_each(|piece| feed.push(piece));
                let fed = pushed.and_then(|()| feed.finish().map(drop)).expect_err("refused in pieces too");
                assert_eq!(fed.to_string(), message);
            }
        }
    }
}

#[test]
fn invalid_utf8_is_told_before_any_other_fault() {
    for (fault, behind) in [("{\"a\":1,}", 0), ("{\"a\":1,}", 9000), ("{}", 0), ("{}", 9000), ("[[[", 9000)] {
        let mut body = format!("{fault}{}", " ".repeat(behind)).into_bytes();
        body.extend(b"\xC3");
        let message = format!("not JSON: this is not UTF-8 at byte {}", body.len() - 1);
        assert_eq!(refused(&body, &options()).to_string(), message);
        // In what no table reads, and in pieces as soon as it is there.
        let mut entry = with_entry(&format!("{fault}{}", " ".repeat(behind)));
        let at = entry.iter().rposition(|byte| *byte == b']').expect("there");
        entry[at - 1] = 0xFF;
        let message = format!("not JSON: this is not UTF-8 at byte {}", at - 1);
        assert_eq!(normalise(&entry, &options()).expect_err("refused").to_string(), message);
    }
}

#[test]
fn a_fault_inside_an_entry_names_the_entry() {
    let body = br#"{"resourceType":"Bundle","entry":[{"resource":{}},{"resource":{"a":1,"a":2}}]}"#;
    assert_eq!(
        refused(body, &options()).to_string(),
        "not JSON: the same key stands twice in one object at byte 70, in entry 1"
    );
}

#[test]
fn duplicate_keys_are_found_in_what_no_table_reads() {
    for inside in [r#"{"a":{"b":[{"c":1,"c":1}]}}"#, r#"{"valueQuantity":{"value":1,"unit":"x","value":2}}"#]
    {
        let body = with_entry(&inside.replacen('{', r#"{"resourceType":"Observation","#, 1));
        assert!(refused(&body, &options()).to_string().contains("the same key stands twice"));
    }
}

#[test]
fn duplicate_keys_are_found_in_what_tables_read() {
    for resource in [
        r#"{"resourceType":"Condition","resourceType":"Condition"}"#,
        r#"{"resourceType":"Observation","resourceType":"Observation"}"#,
        r#"{"id":"1","resourceType":"Condition","id":"2"}"#,
        r#"{"id":"1","resourceType":"Observation","id":"2"}"#,
        r#"{"x":1,"resourceType":"Observation","x":2}"#,
        r#"{"id":"1","resourceType":"Observation","resourceType":"Observation"}"#,
        r#"{"id":"1","id":"2","x":[}],"resourceType":"Condition"}"#,
        r#"{"resourceType":"Condition","id":"1","\u0069d":"2"}"#,
        r#"{"resourceType":"Condition","\u0069d":"1","id":"2"}"#,
        r#"{"resourceType":"Condition","x":"1","id":"2","x":"3"}"#,
        r#"{"resourceType":"Condition","subject":{"reference":"a","reference":"b"}}"#,
        r#"{"resourceType":"Condition","code":{"coding":[{"code":"1","code":"1"}]}}"#,
        r#"{"resourceType":"Condition","code":{"text":"1","coding":[],"text":"1"}}"#,
        r#"{"resourceType":"Condition","extension":[{"url":"x","url":"x"}]}"#,
        r#"{"resourceType":"Condition","extension":[{"valueCode":"1","url":"x","valueCode":"1"}]}"#,
    ] {
        let error = refused(&with_entry(resource), &options()).to_string();
        assert!(error.contains("the same key stands twice"), "{resource}: {error}");
    }
}

#[test]
fn duplicate_keys_are_found_in_an_entry() {
    let cases = [r#""resource":{},"resource":{}"#, r#""x":1,"resource":{},"resource":{}"#];
    for members in cases.into_iter().chain([r#""resource":{},"x":1,"x":1"#]) {
        let body = format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{{{members}}}]}}"#);
        let error = refused(body.as_bytes(), &options()).to_string();
        assert!(error.contains("the same key stands twice"), "{members}: {error}");
    }
}

#[test]
fn keys_are_counted_whoever_knows_them() {
    let body = with_entry(r#"{"resourceType":"Condition","id":"1","x":1,"clinicalStatus":"active"}"#);
    let most = |keys| Options { limits: Limits { keys, ..Limits::default() }, ..options() };
    assert!(normalise(&body, &most(4)).is_ok());
    assert!(refused(&body, &most(3)).to_string().contains("more than 3 keys"));
}

#[test]
fn other_documents_are_no_bundles() {
    let cases = [
        ("[]", "not a bundle: the document is not an object"),
        ("null", "not a bundle: the document is not an object"),
        ("{}", "not a bundle: it has no resourceType"),
        (
            r#"{"resourceType":"OperationOutcome","issue":[]}"#,
            "not a bundle: the document is of type OperationOutcome",
        ),
        (r#"{"resourceType":"bundle"}"#, "not a bundle: its resourceType is no type of FHIR STU3"),
        (
            r#"{"resourceType":"Bundle","type":"message"}"#,
            "not a bundle: its type is neither collection nor searchset",
        ),
    ];
    for (body, message) in cases {
        assert_eq!(refused(body.as_bytes(), &options()).to_string(), message);
    }
}

#[test]
fn depth_64_is_read_and_65_is_refused() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        // The bundle, its entries, the entry and the resource are four levels.
        let nested = |levels: usize| {
            let inside = format!("{}0{}", open.repeat(levels), close.repeat(levels));
            with_entry(&format!(r#"{{"resourceType":"Observation","x":{inside}}}"#))
        };
        assert!(normalise(&nested(60), &options()).is_ok());
        let message = refused(&nested(61), &options()).to_string();
        assert!(message.starts_with("limit: nested deeper than 64 levels at byte "), "{message}");
    }
    let million = [b"{\"a\":".as_slice(), &b"[".repeat(1_000_000)].concat();
    assert!(matches!(normalise(&million, &options()), Err(BundleError::Limit { .. })));
}

#[test]
fn caps_hold_at_their_edge() {
    let small = Options {
        limits: Limits {
            body_bytes: 4096,
            values: 40,
            entries: 3,
            string_bytes: 100,
            number_characters: 10,
            keys: 8,
            ..Limits::default()
        },
        ..options()
    };
    let entries = |count: usize| {
        let entries = vec!["{}"; count].join(",");
        format!(r#"{{"resourceType":"Bundle","entry":[{entries}]}}"#).into_bytes()
    };
    let keys = |count: usize| {
        let keys: Vec<String> = (0..count).map(|key| format!("\"k{key}\":0")).collect();
        with_entry(&format!("{{{}}}", keys.join(",")))
    };
    let number = |digits: usize| with_entry(&format!(r#"{{"x":{}}}"#, "1".repeat(digits)));
    let values = |count: usize| with_entry(&format!(r#"{{"x":[{}]}}"#, vec!["0"; count].join(",")));
    type Sized<'f> = &'f dyn Fn(usize) -> Vec<u8>;
    let cases: [(Sized<'_>, usize, &str); 5] = [
        (&entries, 3, "limit: more than 3 entries"),
        (&keys, 8, "limit: an object of more than 8 keys"),
        (&number, 10, "limit: a number of more than 10 characters"),
        (&|length| with_text(&"t".repeat(length)), 100, "limit: a string of more than 100 bytes"),
        // Bundle, its two strings, entries, entry, resource and list are seven.
        (&values, 33, "limit: more than 40 values"),
    ];
    for (body, edge, message) in cases {
        assert!(normalise(&body(edge), &small).is_ok(), "{message}");
        let found = refused(&body(edge + 1), &small).to_string();
        assert!(found.starts_with(message), "{found}");
    }
    assert_eq!(refused(&[b' '; 4097], &small).to_string(), "limit: a body of more than 4096 bytes");
}

#[test]
fn lists_that_hold_each_other_are_bounded() {
    // Each of thirty lists names the next one twice: two to the thirtieth paths.
    let mut lists: Vec<String> = (0..30)
        .map(|list| {
            let next = format!(r#"{{"item":{{"reference":"List/{}"}}}}"#, list + 1);
            format!(
                r#"{{"resource":{{"resourceType":"List","id":"{list}","code":{{"coding":[{{"code":"25851000000105"}}]}},
                "encounter":{{"reference":"Encounter/e"}},"entry":[{next},{next}]}}}}"#
            )
        })
        .collect();
    lists.push(r#"{"resource":{"resourceType":"Encounter","id":"e"}}"#.into());
    let body = format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, lists.join(","));
    let found = refused(body.as_bytes(), &options()).to_string();
    assert!(found.starts_with("limit: consultations of more than"), "{found}");
}

#[test]
fn one_byte_order_mark_is_passed_over() {
    let body = [b"\xEF\xBB\xBF".as_slice(), &with_text("peanut")].concat();
    assert_eq!(normalise(&body, &options()).expect("read").table(Table::Allergies).num_rows(), 1);
    let mut feed = Feed::new(options());
    body.chunks(2).for_each(|piece| feed.push(piece).expect("read"));
    assert_eq!(feed.finish().expect("read").table(Table::Allergies).num_rows(), 1);
    assert!(matches!(
        refused(&[b"\xEF\xBB\xBF".as_slice(), &body].concat(), &options()),
        BundleError::NotJson { .. }
    ));
}

#[test]
fn an_escaped_key_is_its_key() {
    let body = br#"{"resourceType":"Bundle","type":"collection","\u0065ntry":[{"\u0072esource":
        {"\u0072esourceType":"AllergyIntolerance","i\u0064":"a","code":{"t\u0065xt":"\u00e9\ud83d\ude00\/"}}}]}"#;
    for record in [normalise(body, &options()).expect("read"), {
        let mut feed = Feed::new(options());
        body.chunks(3).for_each(|piece| feed.push(piece).expect("read"));
        feed.finish().expect("read")
    }] {
        let allergies = record.table(Table::Allergies);
        assert_eq!(support::column(allergies, "allergy_id").next(), Some(Some("a".into())));
        assert_eq!(support::column(allergies, "allergy_text").next(), Some(Some("é😀/".into())));
    }
}
