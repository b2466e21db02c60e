//! Whatever a client sends: one scope, within the holder's ids, and only granted columns.
//!
//! The backend's request is read again by a lenient reader of the test's own, which decodes and
//! folds case as the laxest platform would.

use super::*;
use crate::domain::dialect::*;
use fixture::{at, scope_slot};
use percent_encoding::percent_decode_str;
use proptest::prelude::*;

const IDS: [&str; 2] = ["1001", "1002"];
const GRANTED: [&str; 4] = ["lead_id", "country", "trackingcode", "commission"];

/// Names and values of a query or form, decoded, names in lower case without brackets.
fn pairs(text: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pieces = text.split(['&', ';']).filter(|piece| !piece.is_empty());
    let split = pieces.map(|piece| piece.split_once('=').unwrap_or((piece, "")));
    split
        .map(|(name, value)| (decode(name).trim().to_lowercase().replace(['[', ']'], ""), decode(value)))
        .collect()
}

fn values<'a>(pairs: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    pairs.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect()
}

fn assert_scope_and_columns(pairs: &[(String, String)]) {
    let scope = values(pairs, "affiliate_id");
    assert_eq!(scope.len(), 1, "{pairs:?}");
    let ids: Vec<_> = scope[0].split(',').collect();
    assert!(ids.iter().all(|id| IDS.contains(id)), "{pairs:?}");
    let columns = values(pairs, "_col");
    assert!(!columns.is_empty(), "{pairs:?}");
    assert!(columns.iter().all(|column| GRANTED.contains(&column.to_lowercase().as_str())), "{pairs:?}");
}

/// Pieces from which attacks are made, and a few random characters.
fn piece() -> impl Strategy<Value = String> {
    #[rustfmt::skip]
    let parts = vec![
        "affiliate_id", "AFFILIATE_ID", "affiliate%5Fid", "affiliate_id[]", "_col", "_col[]", "%5fcol", "q", "x", "sort",
        "=", "=", "=", "&", "&", ";", "%00", "%", "+", " ", ",", "[0]", "1001", "1002", "9999", "code", "email", "lead_id", "%65mail", "-email",
    ];
    prop_oneof![8 => prop::sample::select(parts).prop_map(str::to_owned), 1 => "[ -~é]{1,3}"]
}

fn text() -> impl Strategy<Value = String> {
    let names = vec!["affiliate_id", "_col", "_col", "q", "x", "sort", "affiliate_id[]", "_COL"];
    let values =
        vec!["1001", "1002,1001", "9999", "code", "lead_id", "email", "-email", "%61", "a%26_col=email"];
    let pair = (prop::sample::select(names), prop::sample::select(values));
    let pair = pair.prop_map(|(name, value)| format!("{name}={value}"));
    prop_oneof![
        prop::collection::vec(piece(), 0..12).prop_map(|pieces| pieces.concat()),
        prop::collection::vec(pair, 0..4).prop_map(|pairs| pairs.join("&")),
    ]
}

/// JSON that is mostly well formed, around the names that matter.
fn json() -> impl Strategy<Value = String> {
    let names = vec![
        "affiliate_id",
        "Affiliate_id",
        "\\u0061ffiliate_id",
        "affiliate_id[]",
        "_col",
        "_COL",
        "open",
        "filters",
        "type",
        "id",
        "x",
    ];
    let scalars = vec![
        "1001",
        "\"1001\"",
        "\"1002\"",
        "9999",
        "\"9999\"",
        "\"code\"",
        "\"email\"",
        "\"country\"",
        "\"affiliate\"",
        "null",
        "true",
        "1e99",
    ];
    let scalar = prop::sample::select(scalars).prop_map(str::to_owned);
    let value = scalar.prop_recursive(3, 12, 4, move |inner| {
        let member = (prop::sample::select(names.clone()), inner.clone());
        let member = member.prop_map(|(name, value)| format!("\"{name}\":{value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    });
    prop_oneof![
        9 => value.prop_map(|value| if value.starts_with('{') { value } else { format!("{{\"affiliate_id\":{value}}}") }),
        1 => text(),
    ]
}

fn lax() -> RequestDialect {
    RequestDialect {
        on_unknown_parameter: OnExtra::Drop,
        on_extra_columns: OnExtra::Drop,
        allow: [Place::Query("q".into())].into(),
        sort: [SortSlot { place: Place::Query("sort".into()), minus: true }].into(),
        ..fixture::dialect()
    }
}

fn in_json() -> RequestDialect {
    let columns = || {
        let place = ColumnPlace::Json { at: at("/_col"), style: JsonListStyle::Array };
        [fixture::column_slot(place)].into()
    };
    let item = [("type".into(), fixture::text("affiliate")), ("id".into(), fixture::text("{scope}"))].into();
    let allow = [AllowedMember { name: "type".into(), values: ["country".into()].into() }].into();
    let slots = [
        scope_slot(ScopePlace::Json { at: at("/affiliate_id"), style: None, id_type: IdType::String }),
        scope_slot(ScopePlace::Append { at: at("/filters"), item, id_type: IdType::String, allow }),
    ];
    RequestDialect {
        body: BodyKind::Json,
        columns: columns(),
        ask: columns(),
        scope: ScopeRule::Slots(slots.into()),
        allow: [Place::Json(at("/open"))].into(),
        ..lax()
    }
}

/// Every value whose name is `name` in any case, at the top of the body.
fn members<'a>(body: &'a serde_json::Value, name: &str) -> Vec<&'a serde_json::Value> {
    let folded = |own: &str| own.trim().to_lowercase().replace(['[', ']'], "");
    body.as_object().unwrap().iter().filter(|(own, _)| folded(own) == name).map(|(_, value)| value).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn queries_keep_their_scope_and_columns(query in text()) {
        let policy = policy(lax());
        if let Ok(request) = rewritten(&policy, "ib", &query, None) {
            let sent = pairs(request.path_and_query().split_once('?').unwrap().1);
            assert_scope_and_columns(&sent);
            let sorts = values(&sent, "sort");
            prop_assert!(sorts.iter().all(|name| GRANTED.contains(&name.trim_start_matches('-').to_lowercase().as_str())));
            let again = rewritten(&policy, "ib", &query, None).unwrap();
            prop_assert_eq!(again.path_and_query(), request.path_and_query());
        }
    }

    #[test]
    fn forms_keep_their_scope_and_columns(query in text(), form in text()) {
        let mut dialect = RequestDialect { body: BodyKind::Form, ..lax() };
        let place = ColumnPlace::Form { name: "_col".into(), style: ListStyle::Repeat };
        dialect.columns = [fixture::column_slot(place.clone())].into();
        dialect.ask = [fixture::column_slot(place)].into();
        let scope = ScopePlace::Form { name: "affiliate_id".into(), style: fixture::csv() };
        dialect.scope = ScopeRule::Slots([scope_slot(scope)].into());
        if let Ok(request) = rewritten(&policy(dialect), "ib", &query, Some(form.as_bytes())) {
            assert_scope_and_columns(&pairs(std::str::from_utf8(request.body()).unwrap()));
            let query = request.path_and_query().split_once('?').map_or("", |(_, query)| query);
            prop_assert!(values(&pairs(query), "affiliate_id").is_empty());
        }
    }

    #[test]
    fn json_keeps_its_scope_and_columns(body in json()) {
        if let Ok(request) = rewritten(&policy(in_json()), "ib", "", Some(body.as_bytes())) {
            let sent: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
            let scope = members(&sent, "affiliate_id");
            prop_assert_eq!(scope.len(), 1);
            let ids = scope[0].as_array().cloned().unwrap_or_else(|| vec![scope[0].clone()]);
            prop_assert!(!ids.is_empty() && ids.iter().all(|id| IDS.contains(&id.as_str().unwrap())));
            let columns = members(&sent, "_col");
            prop_assert_eq!(columns.len(), 1);
            let names = columns[0].as_array().unwrap();
            prop_assert!(!names.is_empty());
            prop_assert!(names.iter().all(|name| GRANTED.contains(&name.as_str().unwrap().to_lowercase().as_str())));
            let filters = sent["filters"].as_array().unwrap();
            let own = filters.iter().filter(|item| item["type"] == "affiliate");
            let own: Vec<_> = own.map(|item| item["id"].as_str().unwrap().to_owned()).collect();
            prop_assert_eq!(own, ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(query in "[\\PC]{0,40}", body in prop::collection::vec(any::<u8>(), 0..60)) {
        for kind in [BodyKind::None, BodyKind::Form, BodyKind::Json] {
            let policy = policy(RequestDialect { body: kind, ..lax() });
            let _ = rewritten(&policy, "ib", &query, Some(&body));
        }
    }
}
