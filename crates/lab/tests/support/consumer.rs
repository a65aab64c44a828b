//! The consumer that the simulated Spine knows.

use bedside_lab::provider::CONSUMER_ASID;
use bedside_spine::{Consumer, Device};

/// The consumer of a proxy at that root.
pub(crate) fn consumer(ssp_root: String) -> Consumer {
    Consumer {
        ssp_root,
        asid: CONSUMER_ASID.parse().expect("an ASID"),
        device: Device {
            identifier_system: "https://supplier.example/Id/device-identifier".into(),
            identifier: "device-1".into(),
            model: "bedside".into(),
            version: "0.1.0".into(),
        },
        token_issuer: "https://hospital.example/spine".into(),
        user_id_system: "https://supplier.example/Id/user-guid".into(),
    }
}
