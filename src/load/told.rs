//! What the backend would be told where a case looks: for changes that cases have to follow.

use super::compare::decoded;
use super::{ask, json};
use crate::config::Case;
use crate::decide::Denial;
use crate::domain::time::Timestamp;
use crate::policy::Policy;

/// A case with what its request would really send in the place of what it expects.
///
/// Of names that are stated and not sent the lists are empty; of JSON members that are not, the text is empty.
///
/// # Errors
/// When nothing would be sent.
pub(crate) fn told(policy: &Policy, case: &Case, now: Timestamp) -> Result<Case, Denial> {
    let request = ask::ask(policy, &case.into(), now)?;
    let (path, query) = request.path_and_query().split_once('?').unwrap_or((request.path_and_query(), ""));
    let pairs = |stated: &[(String, Vec<String>)], encoded: &[u8]| {
        let sent = decoded(encoded);
        let values = |name: &String| sent.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone()).collect();
        stated.iter().map(|(name, _)| (name.clone(), values(name))).collect()
    };
    let body = std::str::from_utf8(request.body()).unwrap_or("");
    let mut told = case.clone();
    told.backend_path = case.backend_path.as_ref().map(|_| path.to_owned());
    told.backend_query = pairs(&case.backend_query, query.as_bytes());
    told.backend_form = pairs(&case.backend_form, request.body());
    for (name, value) in &mut told.backend_header {
        let sent = request.headers().get_all(&*name).iter();
        let sent: Vec<_> = sent.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        *value = sent.join(", ");
    }
    for ((pointer, text), (_, expected)) in told.backend_json.iter_mut().zip(&case.backend_json) {
        *text = match json::find(body, pointer) {
            // The spelling of the case, where both say the same.
            Some(sent) if json::same(sent, expected) => expected.clone(),
            Some(sent) => sent.to_owned(),
            None => String::new(),
        };
    }
    Ok(told)
}
