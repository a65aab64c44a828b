use std::future::Future;

use crate::{Call, FetchError};

/// One attempt at a call. Whatever must happen for each attempt, such as its own pair of audit records, wraps
/// this.
pub trait Exchange: Send + Sync {
    /// Sends the call under this trace id, a fresh UUID in lower case, with a token minted for this attempt. The body
    /// goes to the sink, which is told first that an attempt begins.
    ///
    /// # Errors
    /// [`FetchError`], by the decision that it leaves to the caller. Dropping the future abandons the attempt
    /// and closes its connection.
    fn exchange(
        &self,
        call: &Call,
        trace_id: &str,
        body: &mut dyn BodySink,
    ) -> impl Future<Output = Result<Answer, FetchError>> + Send;
}

/// A call from beginning to end, with whatever policy is wrapped around its attempts.
pub trait Transport: Send + Sync {
    /// Gets the structured record of the call's patient. The witness is asked before each further attempt. What the
    /// sink was given counts for nothing until this has returned an answer: then it is one whole body.
    ///
    /// # Errors
    /// [`FetchError`] of the last attempt, with the trace ids of all.
    fn fetch(
        &self,
        call: &Call,
        witness: &dyn Witness,
        body: &mut dyn BodySink,
    ) -> impl Future<Output = Result<Answer, FetchError>> + Send;
}

/// Takes the body of an answer as it arrives, so that it can be read while it does, and so that nothing else holds it.
///
/// Only a body under status 200 and a JSON content type is given, un-gzipped, within its limits, otherwise byte for byte
/// as sent. That it is no Bundle after all, breaks off or breaks a limit shows on the way: the call then fails.
pub trait BodySink: Send {
    /// An attempt begins: whatever was taken before is not of it.
    fn begin(&mut self);

    /// Takes the next bytes. It is called between two reads of the socket, whose time limits go on.
    fn take(&mut self, piece: &[u8]);
}

/// The whole body.
impl BodySink for Vec<u8> {
    fn begin(&mut self) {
        self.clear();
    }

    fn take(&mut self, piece: &[u8]) {
        self.extend_from_slice(piece);
    }
}

/// Who answers for the attempts of a call. Each is an access of its own at the practice, which has to be on record
/// here before it is made (`reliability` sheet, section 3; GPC-IG10).
pub trait Witness: Send + Sync {
    /// An attempt is over and another would be made: whether it may. Without leave the call ends with `failed`.
    fn may_try_again(&self, failed: &FetchError) -> bool;
}

/// Nobody: every attempt may be made. For look-arounds that are on record elsewhere, and for tests.
impl Witness for () {
    fn may_try_again(&self, _: &FetchError) -> bool {
        true
    }
}

/// What came with a body that calls itself a FHIR Bundle; whether it is one is for its reader to say.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Bytes of the body, un-gzipped.
    pub bytes: usize,
    /// Bytes of the body as received, before un-gzipping.
    pub received: usize,
    /// HTTP status, which is 200.
    pub status: u16,
    /// What the answer called itself.
    pub content_type: ContentType,
    /// `Ssp-TraceID` of the attempt that succeeded: a lower-case UUID.
    pub trace_id: String,
    /// Trace ids of the attempts before it, in order.
    pub earlier_trace_ids: Vec<String>,
    /// How many attempts were made, this one included.
    pub attempts: u32,
}

/// The content type of an accepted answer (`reliability` sheet, F-15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentType {
    /// `application/fhir+json`, as the specification wants.
    FhirJson,
    /// `application/json` or an older name of FHIR's: accepted, and worth a note.
    OtherJson,
    /// None given: accepted, and worth a note.
    Missing,
}

#[cfg(test)]
pub(crate) mod tests {
    //! A consumer, a call and the like for the unit tests of this crate.

    use bedside_model::Requester;
    use jiff::civil::date;

    use crate::{
        AllowedHosts, Answer, Call, Consumer, ContentType, Device, IncludeProblems, Parameters,
        ParametersFile, Provider, ServiceRoot,
    };

    pub(crate) fn consumer() -> Consumer {
        Consumer {
            ssp_root: "https://proxy.example".into(),
            asid: "200000000001".parse().expect("an ASID"),
            device: Device {
                identifier_system: "https://supplier.example/Id/device-identifier".into(),
                identifier: "d-1".into(),
                model: "bedside".into(),
                version: "0.1.0".into(),
            },
            token_issuer: "https://hospital.example/spine".into(),
            user_id_system: "https://supplier.example/Id/user-guid".into(),
        }
    }

    pub(crate) fn provider() -> Provider {
        let root = "https://gp.provider.example/A20001/STU3/1/gpconnect/structured";
        let hosts = AllowedHosts::new(["provider.example"]);
        let practice = "A20001".parse().expect("an ODS code");
        Provider {
            service_root: ServiceRoot::new(root, &practice, &hosts).expect("allowed"),
            asid: "200000000002".parse().expect("an ASID"),
        }
    }

    pub(crate) fn requester() -> Requester {
        Requester {
            user_id: "u-7".into(),
            sds_user_id: "UNK".into(),
            sds_role_profile_id: "UNK".into(),
            family: "Example".into(),
            given: "Ada".into(),
            prefix: Some("Dr".into()),
            role: "Admitting doctor".into(),
            organisation: "RXX01".parse().expect("an ODS code"),
            organisation_name: "Test Hospital".into(),
        }
    }

    pub(crate) fn answer(trace_id: &str) -> Answer {
        Answer {
            bytes: 0,
            received: 0,
            status: 200,
            content_type: ContentType::FhirJson,
            trace_id: trace_id.to_owned(),
            earlier_trace_ids: Vec::new(),
            attempts: 1,
        }
    }

    pub(crate) fn call() -> Call {
        let asked = ParametersFile {
            include_problems: Some(IncludeProblems::default()),
            ..ParametersFile::default()
        };
        Call {
            nhs_number: "9990000018".parse().expect("a test number"),
            provider: provider(),
            requester: requester(),
            parameters: Parameters::try_from((&asked, date(2026, 1, 15))).expect("allowed"),
        }
    }
}
