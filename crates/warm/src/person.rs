use bedside_model::Requester;

use crate::strict::Fields;

/// Reads the person on whose behalf a record is fetched or read (`retrieve` sheet, section 4: the real,
/// logged-on user; a fixed, generic or system user is forbidden).
///
/// Blank names are a matter of policy, not of form: the field is there, and it names nobody.
pub(crate) fn requester(fields: &mut Fields<'_>) -> Option<Requester> {
    let user_id = fields.text("user_id");
    let sds_user_id = fields.text("sds_user_id");
    let sds_role_profile_id = fields.text("sds_role_profile_id");
    let family = fields.text_or_blank("family");
    let given = fields.text_or_blank("given");
    let prefix = fields.optional_text("prefix");
    let role = fields.text("role");
    let organisation = fields.parsed("organisation_ods", str::parse);
    let organisation_name = fields.text("organisation_name");
    note_nobody(fields, user_id, family, given);
    Some(Requester {
        user_id: user_id?.to_owned(),
        sds_user_id: sds_user_id?.to_owned(),
        sds_role_profile_id: sds_role_profile_id?.to_owned(),
        family: family?.to_owned(),
        given: given?.to_owned(),
        prefix: prefix.map(str::to_owned),
        role: role?.to_owned(),
        organisation: organisation?,
        organisation_name: organisation_name?.to_owned(),
    })
}

fn note_nobody(fields: &mut Fields<'_>, user_id: Option<&str>, family: Option<&str>, given: Option<&str>) {
    const NOBODY: &str = "must name the real person who asks";
    for (name, value) in [("family", family), ("given", given)] {
        if value.is_some_and(|value| !value.chars().any(char::is_alphabetic)) {
            fields.policy(name, NOBODY);
        }
    }
    if family.zip(given).is_some_and(|(family, given)| Requester::is_function_name(family, given)) {
        fields.policy("family", NOBODY);
    }
    if user_id.is_some_and(Requester::is_shared_user_id) {
        fields.policy("user_id", "must be the id of a person, not of a system or shared user");
    }
}
