//! A backend's request as it may be shown: what the gate is known by there, and tokens, are `***`.

use crate::decide::query::{Pair, pairs};
use crate::domain::encode;
use crate::policy::Credential;
use crate::rewrite::BackendRequest;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

/// What stands for a secret.
pub(super) const HIDDEN: &str = "***";

/// A backend's request without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownRequest {
    /// GET, HEAD or POST.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// Names in lower case, in the order they are sent.
    #[serde(serialize_with = "as_map")]
    pub headers: Vec<(String, String)>,
    /// Empty when there is none.
    pub body: String,
}

impl ShownRequest {
    /// Shows `request`, which holds `credential`; `token` is a client's own, which has no place in it.
    pub(super) fn of(request: &BackendRequest, credential: &Credential, token: Option<&str>) -> Self {
        let (path, query) = match request.path_and_query().split_once('?') {
            Some((path, query)) => (path, Some(shown_query(query, credential))),
            None => (request.path_and_query(), None),
        };
        let scheme = request.backend().endpoint.url.split_once("://").map_or("http", |(scheme, _)| scheme);
        let authority = String::from_utf8_lossy(request.backend().endpoint.authority.as_bytes());
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        let without = |text: String| without_token(text, token);
        let mut headers = shown_headers(request.headers(), credential);
        // hyper writes it, where a request may have a body.
        if !request.body().is_empty() || request.method() == Method::POST {
            headers.push((CONTENT_LENGTH.to_string(), request.body().len().to_string()));
        }
        Self {
            method: request.method().to_string(),
            url: without(format!("{scheme}://{authority}{path}{query}")),
            headers: headers.into_iter().map(|(name, value)| (name, without(value))).collect(),
            body: without(String::from_utf8_lossy(request.body()).into_owned()),
        }
    }
}

fn shown_headers(headers: &HeaderMap, credential: &Credential) -> Vec<(String, String)> {
    let shown = headers.iter().map(|(name, value)| {
        let is_secret = credential.headers.iter().any(|(own, _)| own == name);
        let value = if is_secret { HIDDEN.into() } else { String::from_utf8_lossy(value.as_bytes()) };
        (name.to_string(), value.into_owned())
    });
    shown.collect()
}

/// A query that the gate wrote, without the values of the credential's names.
fn shown_query(query: &str, credential: &Credential) -> String {
    let piece = |piece: &str| {
        let name = pairs(piece).next().and_then(Result::ok).map(|Pair { name, .. }| name.into_owned());
        let is_secret = name.is_none_or(|name| credential.query.iter().any(|(own, _)| **own == name));
        match piece.split_once('=') {
            Some((name, _)) if is_secret => format!("{name}={HIDDEN}"),
            Some(_) | None => piece.to_owned(),
        }
    };
    query.split('&').map(piece).collect::<Vec<_>>().join("&")
}

/// The text without the token, plain or percent-encoded.
pub(super) fn without_token(text: String, token: Option<&str>) -> String {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return text };
    let mut encoded = String::new();
    encode::push_component(&mut encoded, token);
    let text = text.replace(token, HIDDEN);
    if encoded == token { text } else { text.replace(&encoded, HIDDEN) }
}

/// An object of names and values; the values of a name that stands several times are an array.
fn as_map<S: Serializer>(headers: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    for (at, (name, value)) in headers.iter().enumerate() {
        let same = || headers.iter().enumerate().filter(|(_, (other, _))| other == name);
        if same().any(|(earlier, _)| earlier < at) {
            continue;
        }
        let values: Vec<_> = same().map(|(_, (_, value))| value).collect();
        if values.len() > 1 {
            map.serialize_entry(name, &values)?;
        } else {
            map.serialize_entry(name, value)?;
        }
    }
    map.end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    #[test]
    fn secrets_are_not_shown() {
        let key = HeaderName::from_static("x-api-key");
        let credential = Credential {
            headers: [(key.clone(), HeaderValue::from_static("s3cr3t"))].into(),
            query: [("k[]".into(), "s3cr3t".into())].into(),
        };
        assert_eq!(shown_query("a=1&k%5B%5D=s3cr3t&k=2", &credential), "a=1&k%5B%5D=***&k=2");
        let mut headers = HeaderMap::new();
        headers.insert(key, HeaderValue::from_static("s3cr3t"));
        headers.insert("host", HeaderValue::from_static("legacy"));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let shown = shown_headers(&headers, &credential);
        assert!(shown.contains(&pair("x-api-key", "***")) && shown.contains(&pair("host", "legacy")));
        #[rustfmt::skip]
        let cases = [
            ("a t+k b", Some("t+k"), "a *** b"), ("a=t%2Bk", Some("t+k"), "a=***"), ("a", Some(""), "a"), ("t+k", None, "t+k"),
        ];
        for (text, token, expected) in cases {
            assert_eq!(without_token(text.to_owned(), token), expected);
        }
    }

    #[test]
    fn headers_are_an_object_in_their_order() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = vec![pair("z", "1"), pair("a", "2"), pair("z", "3")];
        let shown =
            ShownRequest { method: "GET".into(), url: "http://l/".into(), headers, body: String::new() };
        let expected = r#"{"method":"GET","url":"http://l/","headers":{"z":["1","3"],"a":"2"},"body":""}"#;
        assert_eq!(serde_json::to_string(&shown).unwrap(), expected);
    }
}
