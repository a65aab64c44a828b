//! Two generations of one number, both sealed with the episode's key, as a restored backup can leave them: the one that
//! the record's own successor names is compared with it, and no other (`security` sheet, T-20).

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../../audit/tests/support/memory.rs"]
mod memory;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/record.rs"]
mod record;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/world.rs"]
mod world;

use bedside_cache::{CacheError, Damage, NotReadable};
use world::{Disks, episode};

#[test]
fn an_authentic_generation_of_the_same_number_is_not_taken_for_the_one_before() {
    let base = Disks::tiny();
    base.world().write(&episode("EP-1"), 1).expect("written");
    let (once, again) = (base.copy(), base.copy());
    once.world().write(&episode("EP-1"), 2).expect("generation 2");
    for version in [3, 4] {
        again.world().write(&episode("EP-1"), version).expect("generation 2 once more, and 3");
    }
    assert_eq!(again.world().versions(&episode("EP-1")).expect("both"), (4, Some(3)));
    for (path, bytes) in once.cache.files().into_iter().filter(|(path, _)| path.contains("/gen-2/")) {
        again.cache.put(&path, &bytes);
    }
    let told = again.world().versions(&episode("EP-1"));
    let damaged = NotReadable::Damaged { what: Damage::Earlier };
    assert!(matches!(&told, Err(CacheError::NotReadable(state)) if *state == damaged), "{told:?}");
    assert_eq!(again.world().version(&episode("EP-1")).expect("the current one is not touched by it"), 4);
}
