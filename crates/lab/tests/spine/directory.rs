//! The look-up of a practice.

use bedside_lab::provider::{Behaviour, Practice};
use bedside_spine::{Call, Directory, DirectoryError, EndpointProblem, SdsFhirDirectory, StaticDirectory};

use crate::support::{ASID, ODS, assert_all_accepted, call, client, hosts, provider, start, start_one, tls};

#[tokio::test]
async fn the_directory_gives_endpoint_and_asid_and_keeps_nothing() {
    let spine = start(vec![
        Practice::new("A20001", "200000000002", Behaviour::Normal),
        Practice::new("A20002", "200000000003", Behaviour::Normal),
    ])
    .await;
    let directory =
        SdsFhirDirectory::new(&spine.directory_base(), &tls(&spine), hosts(), None).expect("a base");
    let ods = "A20002".parse().expect("an ODS code");
    let found = directory.look_up(&ods).await.expect("known");
    assert_eq!(found, provider(&Practice::new("A20002", "200000000003", Behaviour::Normal)));
    assert_eq!(directory.look_up(&ods).await.expect("known"), found);
    let requests = spine.requests();
    assert_all_accepted(&requests);
    assert_eq!(requests.len(), 4, "each look-up asks for the endpoint and the device anew");
    let record = client(&spine).get_structured_record(&Call { provider: found, ..call() }).await;
    assert!(record.is_ok());
    let unknown = directory.look_up(&"A20009".parse().expect("an ODS code")).await;
    assert_eq!(unknown, Err(DirectoryError::NotEnabled));
}

#[tokio::test]
async fn a_directory_entry_that_breaks_a_rule_is_refused_before_anything_is_sent() {
    for (service_root, problem) in [
        ("https://evil.example/A20001/STU3/1/gpconnect/structured", EndpointProblem::Host),
        ("https://gp.provider.example/A20002/STU3/1/gpconnect/structured", EndpointProblem::Practice),
        ("https://gp.provider.example/A20001/STU3/1/%2e%2e/structured", EndpointProblem::Path),
        ("http://gp.provider.example/A20001/STU3/1/gpconnect/structured", EndpointProblem::Scheme),
    ] {
        let practice =
            Practice { service_root: service_root.into(), ..Practice::new(ODS, ASID, Behaviour::Normal) };
        let spine = start(vec![practice]).await;
        let directory =
            SdsFhirDirectory::new(&spine.directory_base(), &tls(&spine), hosts(), None).expect("a base");
        let refused = directory.look_up(&ODS.parse().expect("an ODS code")).await;
        assert_eq!(refused, Err(DirectoryError::Endpoint(problem)));
    }
}

#[tokio::test]
async fn two_entries_for_one_practice_are_not_chosen_between() {
    let spine = start(vec![
        Practice::new(ODS, "200000000002", Behaviour::Normal),
        Practice::new(ODS, "200000000003", Behaviour::Normal),
    ])
    .await;
    let directory =
        SdsFhirDirectory::new(&spine.directory_base(), &tls(&spine), hosts(), None).expect("a base");
    let found = directory.look_up(&ODS.parse().expect("an ODS code")).await;
    assert_eq!(found, Err(DirectoryError::Ambiguous("endpoint")));
}

#[tokio::test]
async fn the_practices_can_be_written_to_a_directory_file() {
    let spine = start_one(Behaviour::Normal).await;
    let directory = StaticDirectory::from_toml(&spine.directory_toml(), &hosts()).expect("usable");
    let found = directory.look_up(&ODS.parse().expect("an ODS code")).await.expect("known");
    assert!(client(&spine).get_structured_record(&Call { provider: found, ..call() }).await.is_ok());
}
