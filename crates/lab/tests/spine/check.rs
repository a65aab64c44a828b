//! What `bedside check` finds out: certificates, handshake and clocks.

use bedside_lab::provider::Behaviour;
use bedside_spine::{Configuration, Decision, Unavailability};
use jiff::Timestamp;

use crate::support::{start_one, tls, tls_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_tells_its_suite_and_the_servers_clock_and_asks_for_no_patient() {
    let spine = start_one(Behaviour::Normal).await;
    let (identity, root) = (tls(&spine), spine.ssp_root());
    let handshake = tokio::task::block_in_place(|| identity.shake_hands(&root)).expect("a handshake");
    assert_eq!(
        (handshake.version.as_str(), handshake.suite.as_str()),
        ("TLSv1_3", "TLS13_AES_256_GCM_SHA384")
    );
    assert!(handshake.clock_ahead.expect("a date").abs().as_secs() < 60, "{handshake:?}");
    let requests = spine.requests();
    assert!(
        requests.iter().all(|seen| seen.method == "HEAD" && seen.target == "/"),
        "nothing but the front page"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_of_a_handshake_is_told_apart() {
    let (spine, other) = (start_one(Behaviour::Normal).await, start_one(Behaviour::Normal).await);
    let shake = |tls: bedside_spine::Tls, root: &str| {
        tokio::task::block_in_place(|| tls.shake_hands(root).expect_err("none"))
    };
    let refused = shake(tls_of(&other, &spine), &spine.ssp_root());
    assert_eq!(refused, Decision::Configuration(Configuration::CertificateRefused));
    let strange = shake(tls_of(&spine, &other), &spine.ssp_root());
    assert_eq!(strange, Decision::Configuration(Configuration::ServerNotTrusted));
    let (identity, root) = (tls(&spine), spine.ssp_root());
    spine.stop().await;
    assert_eq!(shake(identity, &root), Decision::Unavailable(Unavailability::Network));
}

#[tokio::test]
async fn a_certificate_is_judged_by_its_authority_and_its_dates() {
    let (spine, other) = (start_one(Behaviour::Normal).await, start_one(Behaviour::Normal).await);
    let facts = tls(&spine).certificate_facts();
    assert!(facts.chains);
    assert!(facts.days_left(Timestamp::now()).expect("dates") > 365);
    let until = facts.until.expect("dates");
    assert_eq!(facts.days_left(until), Some(0));
    assert_eq!(facts.days_left(until + jiff::SignedDuration::from_secs(1)), Some(-1));
    assert!(!tls_of(&spine, &other).certificate_facts().chains);
}
