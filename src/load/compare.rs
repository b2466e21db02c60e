//! Where the request that would go to the backend is not as a case states it.
//!
//! Only what is stated is compared. Messages name what was expected and found, but never a
//! value of the platform's credential nor anything that looks like a token.

use super::json;
use crate::config::{Case, blotted};
use crate::policy::{BackendIndex, Credential, Policy};
use crate::rewrite::BackendRequest;
use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode;
use std::sync::Arc;

/// One sentence for each difference.
pub(super) fn differences(case: &Case, request: &BackendRequest, policy: &Policy) -> Vec<String> {
    let sent =
        Sent { path_and_query: request.path_and_query(), headers: request.headers(), body: request.body() };
    let backend = policy.backends.iter().position(|backend| Arc::ptr_eq(backend, request.backend()));
    let holder = policy.principals.iter().find(|principal| principal.id == case.principal);
    let own = holder.zip(backend).and_then(|(holder, at)| holder.credential(BackendIndex(at)));
    let credentials: Vec<_> = std::iter::once(&request.backend().credential).chain(own).collect();
    compare(case, &sent, &credentials)
}

/// What a backend would get.
struct Sent<'r> {
    path_and_query: &'r str,
    headers: &'r HeaderMap,
    body: &'r [u8],
}

fn compare(case: &Case, sent: &Sent<'_>, credentials: &[&Credential]) -> Vec<String> {
    let (path, query) = sent.path_and_query.split_once('?').unwrap_or((sent.path_and_query, ""));
    let mut found = Vec::new();
    if let Some(expected) = case.backend_path.as_deref().filter(|expected| *expected != path) {
        found.push(differs("backend_path", &[expected], &[path]));
    }
    let secret = |name: &str| credentials.iter().any(|c| c.query.iter().any(|(own, _)| **own == *name));
    compare_pairs("backend_query", &case.backend_query, query.as_bytes(), secret, &mut found);
    compare_pairs("backend_form", &case.backend_form, sent.body, |_| false, &mut found);
    for (name, expected) in &case.backend_header {
        let values: Vec<_> =
            sent.headers.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes())).collect();
        if values != [expected.as_str()] {
            let what = format!("backend_header `{name}`");
            found.push(if is_credential(name, credentials) {
                format!("{what}: is not the expected value (not shown: it is a credential)")
            } else {
                differs(&what, &[expected.as_str()], &values)
            });
        }
    }
    let body = std::str::from_utf8(sent.body).unwrap_or("");
    for (pointer, expected) in &case.backend_json {
        let value = json::find(body, pointer);
        if !value.is_some_and(|value| json::same(value, expected)) {
            let value = value.map_or("nothing".to_owned(), |value| blotted(value.to_owned()));
            let expected = blotted(expected.clone());
            found.push(format!("backend_json `{pointer}`: expected {expected}, found {value}"));
        }
    }
    found
}

/// Compares the stated names of a query or form: all values of each, in order.
fn compare_pairs(
    what: &str,
    stated: &[(String, Vec<String>)],
    encoded: &[u8],
    is_secret: impl Fn(&str) -> bool,
    found: &mut Vec<String>,
) {
    if stated.is_empty() {
        return;
    }
    let pairs = decoded(encoded);
    for (name, expected) in stated {
        let values: Vec<_> = pairs.iter().filter(|(n, _)| n == name).map(|(_, value)| value).collect();
        if values != expected.iter().collect::<Vec<_>>() {
            let what = format!("{what} `{name}`");
            found.push(if is_secret(name) {
                format!("{what}: is not the expected value (not shown: it is a credential)")
            } else {
                differs(&what, expected, &values)
            });
        }
    }
}

/// The pairs of a query or form, decoded as backends decode them.
pub(super) fn decoded(encoded: &[u8]) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| {
        let spaced: Vec<u8> = bytes.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
        percent_decode(&spaced).decode_utf8_lossy().into_owned()
    };
    let pairs = encoded.split(|b| *b == b'&').filter(|pair| !pair.is_empty());
    let split = |pair: &[u8]| {
        let mut parts = pair.splitn(2, |b| *b == b'=');
        (text(parts.next().unwrap_or_default()), text(parts.next().unwrap_or_default()))
    };
    pairs.map(split).collect()
}

fn is_credential(name: &HeaderName, credentials: &[&Credential]) -> bool {
    credentials.iter().any(|c| c.headers.iter().any(|(own, _)| own == name))
}

fn differs(what: &str, expected: &[impl AsRef<str>], found: &[impl AsRef<str>]) -> String {
    format!("{what}: expected {}, found {}", listed(expected), listed(found))
}

fn listed(values: &[impl AsRef<str>]) -> String {
    if values.is_empty() {
        return "nothing".to_owned();
    }
    let quoted: Vec<_> = values.iter().map(|value| blotted(format!("{:?}", value.as_ref()))).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Location;
    use crate::domain::names::PrincipalId;
    use crate::domain::pointer::Pointer;
    use http::{HeaderValue, Method};

    const TOKEN: &str = "rg_0123456789abcdefghijABCDEFGHIJ01000000";

    fn case() -> Case {
        Case {
            location: Location { file: "gate.toml".into(), line: 1, column: 1 },
            principal: PrincipalId::parse("acme").unwrap(),
            from: [192, 0, 2, 1].into(),
            method: Method::GET,
            target: "/leads".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            refusal: None,
            backend_path: None,
            backend_query: Vec::new(),
            backend_form: Vec::new(),
            backend_header: Vec::new(),
            backend_json: Vec::new(),
        }
    }

    fn pairs(name: &str, values: &[&str]) -> Vec<(String, Vec<String>)> {
        vec![(name.to_owned(), values.iter().map(|v| (*v).to_owned()).collect())]
    }

    fn header(name: &'static str, value: &str) -> Vec<(HeaderName, String)> {
        vec![(HeaderName::from_static(name), value.to_owned())]
    }

    fn member(pointer: &str, value: &str) -> Vec<(Pointer, String)> {
        vec![(Pointer::parse(pointer).unwrap(), value.to_owned())]
    }

    #[track_caller]
    fn check(name: &str, case: &Case, body: &str, expected: &[&str]) {
        let key = || HeaderValue::from_static("s3cret");
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", key());
        headers.insert("affiliateid", HeaderValue::from_static("1001"));
        headers.append("x-two", HeaderValue::from_static("1"));
        headers.append("x-two", HeaderValue::from_static("2"));
        let backend = Credential {
            headers: [(HeaderName::from_static("x-api-key"), key())].into(),
            query: Box::default(),
        };
        let own = Credential { headers: Box::default(), query: [("k".into(), "s3cret".into())].into() };
        let sent = Sent {
            path_and_query: "/base/leads.json?_col=a&_col=b%20c&f%5B%5D=1&k=s3cret&q=x+y",
            headers: &headers,
            body: body.as_bytes(),
        };
        let found = compare(case, &sent, &[&backend, &own]);
        assert_eq!(found, expected, "{name}");
        assert!(
            found.iter().all(|line| !line.contains("s3cret") && !line.contains("guess")),
            "{name}: a credential"
        );
    }

    #[test]
    fn paths_and_queries_are_compared_where_stated() {
        let path = |path: &str| Case { backend_path: Some(path.to_owned()), ..case() };
        let query = |name, values: &[&str]| Case { backend_query: pairs(name, values), ..case() };
        #[rustfmt::skip]
        let cases: [(&str, Case, &[&str]); 11] = [
            ("nothing stated", case(), &[]),
            ("the path", path("/base/leads.json"), &[]),
            ("another path", path("/leads.json"),
                &["backend_path: expected \"/leads.json\", found \"/base/leads.json\""]),
            ("all values in order", query("_col", &["a", "b c"]), &[]),
            ("brackets", query("f[]", &["1"]), &[]),
            ("plus is a space", query("q", &["x y"]), &[]),
            ("another order", query("_col", &["b c", "a"]),
                &["backend_query `_col`: expected \"b c\", \"a\", found \"a\", \"b c\""]),
            ("one too few", query("_col", &["a"]), &["backend_query `_col`: expected \"a\", found \"a\", \"b c\""]),
            ("not there", query("x", &["1"]), &["backend_query `x`: expected \"1\", found nothing"]),
            ("a credential", query("k", &["guess"]),
                &["backend_query `k`: is not the expected value (not shown: it is a credential)"]),
            ("a token", query("q", &[TOKEN]), &["backend_query `q`: expected \"*****************************************\", found \"x y\""]),
        ];
        for (name, case, expected) in cases {
            check(name, &case, "", expected);
        }
    }

    #[test]
    fn headers_and_bodies_are_compared_where_stated() {
        let form = |name, values: &[&str]| Case { backend_form: pairs(name, values), ..case() };
        let header = |name, value| Case { backend_header: header(name, value), ..case() };
        let json = |pointer, value| Case { backend_json: member(pointer, value), ..case() };
        #[rustfmt::skip]
        let cases: [(&str, Case, &str, &[&str]); 11] = [
            ("a field", form("a", &["1", "ü"]), "a=1&b=2&a=%C3%BC", &[]),
            ("another field", form("a", &["1"]), "a=2", &["backend_form `a`: expected \"1\", found \"2\""]),
            ("a header", header("affiliateid", "1001"), "", &[]),
            ("another value", header("affiliateid", "1002"), "",
                &["backend_header `affiliateid`: expected \"1002\", found \"1001\""]),
            ("two values", header("x-two", "1"), "", &["backend_header `x-two`: expected \"1\", found \"1\", \"2\""]),
            ("no header", header("x-none", "1"), "", &["backend_header `x-none`: expected \"1\", found nothing"]),
            ("a credential", header("x-api-key", "guess"), "",
                &["backend_header `x-api-key`: is not the expected value (not shown: it is a credential)"]),
            ("a member", json("/f", r#"["a","b"]"#), r#"{"f": [ "a", "\u0062" ]}"#, &[]),
            ("another number", json("/n", "1"), r#"{"n":1.0}"#, &["backend_json `/n`: expected 1, found 1.0"]),
            ("no member", json("/x", "1"), r#"{"n":1}"#, &["backend_json `/x`: expected 1, found nothing"]),
            ("no JSON", json("", "1"), "a=1", &["backend_json ``: expected 1, found nothing"]),
        ];
        for (name, case, body, expected) in cases {
            check(name, &case, body, expected);
        }
    }
}
