//! A system, a shared account or nobody is never a reader, whichever way their word comes in: the rule stands where
//! every way goes through (`security` sheet, sections 1 and 11).

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../../audit/tests/support/memory.rs"]
mod memory;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/record.rs"]
mod record;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/world.rs"]
mod world;

use bedside_cache::{CacheError, HoldReason, ReaderAssertion, Refused};
use bedside_model::Requester;
use world::{Disks, assertion, audited, episode};

#[test]
fn a_system_a_shared_account_or_a_name_that_steers_a_terminal_reads_ends_and_holds_nothing() {
    let disks = Disks::tiny();
    let world = disks.world();
    world.write(&episode("EP-1"), 1).expect("written");
    let files = disks.cache.files();
    let nobody: [fn(&mut Requester); 6] = [
        |requester| requester.user_id = "system".into(),
        |requester| requester.user_id = " Service ".into(),
        |requester| (requester.family, requester.given) = ("Generic".into(), "User".into()),
        |requester| requester.family = "-".into(),
        |requester| requester.family = "Example\u{1b}[2J".into(),
        |requester| requester.role = "x".repeat(5_000),
    ];
    for (case, change) in nobody.into_iter().enumerate() {
        let mut asserted: ReaderAssertion = assertion();
        change(&mut asserted.requester);
        let before = audited(&disks.audit).len();
        let tried = [
            world.cache.grant(&asserted, &episode("EP-1")).map(drop),
            world.cache.discharge(&episode("EP-1"), &asserted).map(drop),
            world.cache.hold(&episode("EP-1"), &asserted, HoldReason::Dissent).map(drop),
            world.cache.purge(&episode("EP-1"), &asserted).map(drop),
        ];
        for refused in tried {
            assert!(
                matches!(refused, Err(CacheError::Refused(Refused::Assertion(_)))),
                "case {case}: {refused:?}"
            );
        }
        assert_eq!(audited(&disks.audit).len(), before + 4, "each attempt is on record");
    }
    assert_eq!(disks.cache.files(), files);
}
