//! Who may read: the truth table of the `security` sheet, section 5, asked of the cache itself, and the tokens that a
//! host system signs.

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../../audit/tests/support/memory.rs"]
mod memory;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/record.rs"]
mod record;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/world.rs"]
mod world;

use std::collections::BTreeSet;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use bedside_cache::{
    CacheError, HoldReason, NotReadable, OpenEpisode, PublicKey, Refused, SitePolicy, TokenIssuer,
    TokenProblem,
};
use jiff::SignedDuration;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use world::{Disks, World, assertion, audited, episode};

/// A cache whose site lets pharmacists and doctors act, and whose patients are also in the care of RXX03.
fn site(disks: &Disks) -> World {
    let roles = Some(BTreeSet::from(["Pharmacist".to_owned(), "Doctor".to_owned()]));
    let partners = BTreeSet::from(["RXX03".parse().expect("ODS code")]);
    let world = disks.world();
    let policy = SitePolicy { roles, partners, ..SitePolicy::default() };
    World { cache: world.cache.with_policy(policy), ..world }
}

/// What each input of the rule may be made to be. The first that fails, in this order, is the answer.
const INPUTS: [&str; 6] = ["purpose", "relationship", "role", "held", "over", "organisation"];

/// Who asks, and in which part of the stay: what makes no difference to the rule.
#[derive(Clone, Copy)]
struct Asker {
    organisation: &'static str,
    in_grace: bool,
}

const ASKERS: [Asker; 3] = [
    Asker { organisation: "RXX01", in_grace: false },
    Asker { organisation: "RXX01", in_grace: true },
    Asker { organisation: "RXX03", in_grace: false },
];

/// Asks for a grant with those inputs failing, and reads with it; what the asker is told, and how many refusals the
/// audit log holds then.
fn asked(asker: Asker, fails: &dyn Fn(&str) -> bool) -> (&'static str, usize) {
    let disks = Disks::tiny();
    let world = site(&disks);
    world.write(&episode("EP-1"), 1).expect("written");
    if asker.in_grace {
        world.cache.discharge(&episode("EP-1"), &assertion()).expect("discharged");
    }
    let mut asserted = assertion();
    asserted.requester.organisation = asker.organisation.parse().expect("ODS code");
    if fails("purpose") {
        asserted.reason = "research".into();
    }
    if fails("relationship") {
        asserted.relationship.clear();
    }
    if fails("role") {
        asserted.requester.role = "Receptionist".into();
    }
    if fails("organisation") {
        asserted.requester.organisation = "RXX02".parse().expect("ODS code");
    }
    if fails("held") {
        world.cache.hold(&episode("EP-1"), &assertion(), HoldReason::Dissent).expect("held");
    }
    if fails("over") {
        world.clock.advance(SignedDuration::from_hours(24 * 7));
    }
    let granted = world.cache.grant(&asserted, &episode("EP-1"));
    let told = told(granted.and_then(|grant| world.cache.read(&grant)));
    let refusals = audited(&disks.audit).into_iter().filter(|entry| entry["outcome"] == "blocked");
    (told, refusals.count())
}

fn told(result: Result<OpenEpisode, CacheError>) -> &'static str {
    match result {
        Ok(_) => "permitted",
        Err(CacheError::Refused(Refused::Assertion(_))) => "assertion",
        Err(CacheError::Refused(Refused::Role)) => "role",
        Err(CacheError::Refused(Refused::Organisation)) => "organisation",
        Err(CacheError::NotReadable(NotReadable::Held { .. })) => "held",
        Err(CacheError::NotReadable(NotReadable::Expired { .. })) => "over",
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn the_truth_table_of_the_rule() {
    let mut permitted = 0;
    for chosen in 0..1u32 << INPUTS.len() {
        let fails = |input: &str| {
            let index = INPUTS.iter().position(|name| *name == input).expect("an input");
            chosen >> index & 1 == 1
        };
        let first = INPUTS.into_iter().find(|input| fails(input));
        let expected = match first {
            None => "permitted",
            Some("purpose" | "relationship") => "assertion",
            Some(input) => input,
        };
        for asker in ASKERS {
            // A refusal is recorded, and nothing else is one.
            let told = asked(asker, &fails);
            assert_eq!(told, (expected, usize::from(first.is_some())), "{chosen:06b} {}", asker.organisation);
            permitted += u32::from(told.0 == "permitted");
        }
    }
    println!("{} combinations, {permitted} permitted", ASKERS.len() << INPUTS.len());
    assert_eq!(permitted, 3);
}

#[test]
fn a_partner_reads_and_does_not_end_and_one_that_is_listed_no_more_does_not_read() {
    let disks = Disks::tiny();
    let world = site(&disks);
    world.write(&episode("EP-1"), 1).expect("written");
    let mut partner = assertion();
    partner.requester.organisation = "RXX03".parse().expect("ODS code");
    let grant = world.cache.grant(&partner, &episode("EP-1")).expect("granted");
    assert_eq!(world.whole(&world.cache.read(&grant).expect("read")), 1);
    let read = audited(&disks.audit).into_iter().find(|entry| entry["event"] == "read").expect("recorded");
    assert_eq!(read["user"]["organisation"], "RXX03", "under its own name");
    for refused in [
        world.cache.purge(&episode("EP-1"), &partner).map(drop),
        world.cache.discharge(&episode("EP-1"), &partner).map(drop),
        world.cache.hold(&episode("EP-1"), &partner, HoldReason::Dissent).map(drop),
    ] {
        assert!(matches!(refused, Err(CacheError::Refused(Refused::Organisation))));
    }
    let alone = disks.world().cache;
    assert!(matches!(alone.read(&grant), Err(CacheError::Refused(Refused::Organisation))));
}

#[test]
fn a_role_that_is_taken_off_the_list_ends_grants_that_are_out() {
    let disks = Disks::tiny();
    let world = site(&disks);
    world.write(&episode("EP-1"), 1).expect("written");
    let grant = world.cache.grant(&assertion(), &episode("EP-1")).expect("granted");
    let roles = Some(BTreeSet::from(["Doctor".to_owned()]));
    let cache = world.cache.with_policy(SitePolicy { roles, ..SitePolicy::default() });
    assert!(matches!(cache.read(&grant), Err(CacheError::Refused(Refused::Role))));
    assert!(matches!(cache.purge(&episode("EP-1"), &assertion()), Err(CacheError::Refused(Refused::Role))));
}

/// The host system, which signs.
struct Host(Ed25519KeyPair);

impl Host {
    fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("a key"))
    }

    fn issuer(&self) -> TokenIssuer {
        let public_key = PublicKey::from_bytes(self.0.public_key().as_ref().try_into().expect("32 bytes"));
        TokenIssuer { public_key, audience: "bedside/ward".into() }
    }

    fn sign(&self, payload: &Value) -> String {
        let payload = BASE64_URL_SAFE_NO_PAD.encode(payload.to_string());
        let signature = BASE64_URL_SAFE_NO_PAD.encode(self.0.sign(payload.as_bytes()));
        format!("{payload}.{signature}")
    }
}

fn payload(world: &World) -> Value {
    let now = world.clock_now().as_second();
    json!({
        "aud": "bedside/ward", "episode": "EP-1", "iat": now, "exp": now + 300,
        "reason": "directcare", "relationship": "admitting team",
        "user": {
            "id": "u-17", "sds_id": "UNK", "role_profile": "UNK", "family": "Example", "given": "Ann",
            "prefix": null, "role": "Pharmacist", "organisation": "RXX01",
            "organisation_name": "Example Hospital"
        }
    })
}

fn with(mut payload: Value, field: &str, value: Value) -> Value {
    *payload.pointer_mut(field).expect("a field") = value;
    payload
}

#[test]
fn a_signed_token_opens_its_episode_for_as_long_as_it_lasts() {
    let (disks, host) = (Disks::tiny(), Host::new(1));
    let world = site(&disks);
    world.write(&episode("EP-1"), 1).expect("written");
    let grant = world
        .cache
        .grant_token(&host.issuer(), &host.sign(&payload(&world)), &episode("EP-1"))
        .expect("granted");
    assert_eq!(grant.expires(), world.clock_now() + SignedDuration::from_secs(300));
    assert_eq!(world.whole(&world.cache.read(&grant).expect("read")), 1);
    let read = audited(&disks.audit).pop().and_then(|entry| entry["intent"].as_u64()).expect("an outcome");
    assert_eq!(audited(&disks.audit)[read as usize - 1]["user"]["id"], "u-17");
    world.clock.advance(SignedDuration::from_secs(300));
    assert!(matches!(world.cache.read(&grant), Err(CacheError::Refused(Refused::GrantExpired))));
}

#[test]
fn a_token_that_is_forged_changed_foreign_or_out_of_time_opens_nothing() {
    let (disks, host) = (Disks::tiny(), Host::new(1));
    let world = site(&disks);
    world.write(&episode("EP-1"), 1).expect("written");
    let told = |token: &str| match world.cache.grant_token(&host.issuer(), token, &episode("EP-1")) {
        Err(CacheError::Refused(Refused::Token(problem))) => problem,
        other => panic!("{other:?}"),
    };
    let good = payload(&world);
    let now = world.clock_now().as_second();
    assert_eq!(told(&Host::new(2).sign(&good)), TokenProblem::Signature);
    assert_eq!(
        told(&host.sign(&with(good.clone(), "/aud", json!("bedside/clinic")))),
        TokenProblem::Audience
    );
    for (field, value) in [
        ("/iat", json!(now + 6)),
        ("/exp", json!(now)),
        ("/exp", json!(now + 901)),
        ("/iat", json!(i64::MIN)),
        ("/exp", json!(i64::MAX)),
    ] {
        assert_eq!(
            told(&host.sign(&with(good.clone(), field, value.clone()))),
            TokenProblem::Time,
            "{value}"
        );
    }
    let recorded = audited(&disks.audit).into_iter().filter(|entry| entry["reason"] == "token").count();
    assert_eq!(
        recorded, 6,
        "whoever is named by a true signature is on record, those that prove nothing are not"
    );
    for (field, value) in [
        ("/episode", json!(["EP-1", "EP-2"])),
        ("/episode", json!("")),
        ("/user/organisation", json!("no code")),
    ] {
        assert_eq!(told(&host.sign(&with(good.clone(), field, value))), TokenProblem::Malformed, "{field}");
    }
    let mut surplus = good.clone();
    surplus["scope"] = json!("*");
    assert_eq!(told(&host.sign(&surplus)), TokenProblem::Malformed);
    for token in ["", ".", "e30", "e30.e30", &"a".repeat(9_000)] {
        assert!(matches!(told(token), TokenProblem::Malformed | TokenProblem::Signature), "{token:.20}");
    }
}

#[test]
fn no_changed_character_of_a_token_passes() {
    let (disks, host) = (Disks::tiny(), Host::new(1));
    let world = site(&disks);
    world.write(&episode("EP-1"), 1).expect("written");
    let token = host.sign(&payload(&world)).into_bytes();
    for position in 0..token.len() {
        for replacement in [b'A', b'_', b'.', token[position] ^ 1, token[position] ^ 0x20] {
            let mut changed = token.clone();
            changed[position] = replacement;
            let Ok(changed) = String::from_utf8(changed) else { continue };
            let granted = world.cache.grant_token(&host.issuer(), &changed, &episode("EP-1")).is_ok();
            assert_eq!(granted, changed.as_bytes() == token, "character {position}");
        }
    }
}

#[test]
fn a_token_is_held_to_the_same_rule_as_an_assertion() {
    let (disks, host) = (Disks::tiny(), Host::new(1));
    let world = site(&disks);
    world.write(&episode("EP-1"), 1).expect("written");
    let granted = |field: &str, value: &str| {
        let token = host.sign(&with(payload(&world), field, json!(value)));
        world.cache.grant_token(&host.issuer(), &token, &episode("EP-1")).expect_err("refused")
    };
    assert!(matches!(granted("/reason", "research"), CacheError::Refused(Refused::Assertion(_))));
    assert!(matches!(granted("/user/role", "Receptionist"), CacheError::Refused(Refused::Role)));
    assert!(matches!(granted("/user/organisation", "RXX02"), CacheError::Refused(Refused::Organisation)));
    assert!(matches!(granted("/episode", "EP-2"), CacheError::Refused(Refused::OtherEpisode)));
    let token = host.sign(&with(payload(&world), "/episode", json!("EP-2")));
    let nothing = world.cache.grant_token(&host.issuer(), &token, &episode("EP-2"));
    assert!(matches!(nothing, Err(CacheError::NotReadable(NotReadable::NotWarmed))));
    let records = audited(&disks.audit);
    let refusals: Vec<_> = records.iter().filter(|entry| entry["outcome"] == "blocked").collect();
    let reasons: Vec<_> = refusals.iter().filter_map(|entry| entry["reason"].as_str()).collect();
    assert_eq!(reasons, ["purpose", "role", "organisation", "other_episode", "not_warmed"]);
    let asked = world.cache.episode_tag(&episode("EP-1"));
    assert_eq!(refusals[3]["episode"], asked.as_str(), "of the episode that was asked for");
}
