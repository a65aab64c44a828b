use bedside_model::{Asid, NhsNumber, Requester};

use crate::{Parameters, ServiceRoot, endpoint};

/// The interaction id of "retrieve structured record" (`retrieve` sheet, section 3): it names the operation
/// in the SSP's header and in the directory.
pub const INTERACTION: &str = "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1";

/// Who we are on Spine. The same for every call of an installation.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// The Spine Secure Proxy: `https://HOST[:PORT]`, the host in lower case, the port left out if it is 443,
    /// without a path and without a trailing slash.
    pub ssp_root: String,
    /// ASID of the organisation where requests originate, not that of a hosting supplier.
    pub asid: Asid,
    /// The system that asks.
    pub device: Device,
    /// The token's `iss`: URL of the consumer system's Spine endpoint.
    pub token_issuer: String,
    /// Identifier system of local user ids, such as `https://supplier.example/Id/user-guid`.
    pub user_id_system: String,
}

/// The token's `requesting_device`.
#[derive(Debug, Clone)]
pub struct Device {
    /// Identifier system, such as `https://supplier.example/Id/device-identifier`.
    pub identifier_system: String,
    /// Identifier of this installation.
    pub identifier: String,
    /// Product name.
    pub model: String,
    /// Product version.
    pub version: String,
}

/// One practice's system, as the directory gives it. Good for one look-up's episode, never kept
/// (`retrieve` sheet, section 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// FHIR service root.
    pub service_root: ServiceRoot,
    /// ASID of the practice's system.
    pub asid: Asid,
}

/// One retrieval: whose record, from where, for whom, and what of it.
#[derive(Debug, Clone)]
pub struct Call {
    /// The traced, verified NHS number.
    pub nhs_number: NhsNumber,
    /// The practice's system.
    pub provider: Provider,
    /// The real, logged-on user.
    pub requester: Requester,
    /// What is asked for.
    pub parameters: Parameters,
}

/// Everything that is wrong with a [`Consumer`], one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the consumer is not fit to call Spine: {}", .0.join("; "))]
pub struct ConsumerError(pub Vec<String>);

impl Consumer {
    /// Everything that is wrong.
    pub(crate) fn check(&self) -> Result<(), ConsumerError> {
        let mut problems = Vec::new();
        if !endpoint::is_root(&self.ssp_root) || self.ssp_root.matches('/').count() != 2 {
            problems.push(
                "ssp_root is not https://HOST[:PORT] in lower case, without port 443, a path or a trailing slash"
                    .to_owned(),
            );
        }
        for (name, value) in [
            ("token_issuer", &self.token_issuer),
            ("user_id_system", &self.user_id_system),
            ("device.identifier_system", &self.device.identifier_system),
            ("device.identifier", &self.device.identifier),
            ("device.model", &self.device.model),
            ("device.version", &self.device.version),
        ] {
            if value.trim().is_empty() {
                problems.push(format!("{name} is empty: the token needs it"));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(ConsumerError(problems)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_of_a_consumer_is_reported_at_once() {
        let consumer = Consumer {
            ssp_root: "https://proxy.example/".into(),
            asid: "200000000001".parse().expect("an ASID"),
            device: Device {
                identifier_system: "https://supplier.example/Id/device-identifier".into(),
                identifier: " ".into(),
                model: "bedside".into(),
                version: String::new(),
            },
            token_issuer: "https://hospital.example".into(),
            user_id_system: "https://supplier.example/Id/user-guid".into(),
        };
        let problems = consumer.check().expect_err("not fit").0;
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[0].starts_with("ssp_root") && problems[2].starts_with("device.version"));
    }
}
