use serde_json::Value;

/// The JSON text changed; of what is no JSON, the text of what the change makes of nothing.
pub(super) fn edit(body: &[u8], edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(body).unwrap_or_default();
    edit(&mut value);
    value.to_string().into_bytes()
}
