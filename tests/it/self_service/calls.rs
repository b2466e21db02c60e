//! What is described is called: every example, every value that is offered, every operation.

use super::sample::gate;
use super::{HOLDERS, told};
use crate::harness::{Answer, Gate, Request};
use serde_json::{Value, json};

/// A request being put together from a description.
#[derive(Default)]
struct Filled {
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    form: Vec<(String, String)>,
    json: Value,
}

fn encoded(pairs: &[(String, String)]) -> String {
    let component = |text: &str| {
        let byte = |b: u8| match b {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        };
        text.bytes().map(byte).collect::<String>()
    };
    let pairs: Vec<_> =
        pairs.iter().map(|(name, value)| format!("{}={}", component(name), component(value))).collect();
    pairs.join("&")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Filled {
    /// Puts values in the place of a described parameter.
    fn put(&mut self, own: &Value, values: &[Value]) {
        let name = own["name"].as_str().unwrap();
        let joined = || {
            let separator = own["separator"].as_str().unwrap_or_default();
            values.iter().map(plain).collect::<Vec<_>>().join(separator)
        };
        let pairs = || match own["style"].as_str() {
            Some("repeat" | "brackets") => values.iter().map(|one| (name.to_owned(), plain(one))).collect(),
            Some("csv") => vec![(name.to_owned(), joined())],
            _ => vec![(name.to_owned(), plain(&values[0]))],
        };
        match own["in"].as_str().unwrap() {
            "query" => self.query.extend::<Vec<_>>(pairs()),
            "header" => self.headers.push((name.to_owned(), joined())),
            "form" => self.form.extend::<Vec<_>>(pairs()),
            "json" => {
                let value = match own["style"].as_str() {
                    Some("array") => json!(values),
                    Some("objects") => {
                        let key = own["key"].as_str().unwrap();
                        values.iter().map(|one| json!({ key: one })).collect()
                    }
                    Some("csv") => json!(joined()),
                    _ => values[0].clone(),
                };
                let mut place = &mut self.json;
                for token in name.split('/').skip(1) {
                    if place.is_null() {
                        *place = json!({});
                    }
                    place = &mut place[token];
                }
                *place = value;
            }
            other => panic!("{other}"),
        }
    }

    fn send(&self, gate: &Gate, who: &str, method: &str, target: &str) -> Answer {
        let mut target = target.to_owned();
        if !self.query.is_empty() {
            target.push(if target.contains('?') { '&' } else { '?' });
            target.push_str(&encoded(&self.query));
        }
        let request = if !self.form.is_empty() {
            Request::post(&target, "application/x-www-form-urlencoded", encoded(&self.form))
        } else if !self.json.is_null() {
            Request::post(&target, "application/json", self.json.to_string())
        } else {
            Request::new(method, &target)
        };
        let request =
            self.headers.iter().fold(request.of(who), |request, (name, value)| request.header(name, value));
        gate.call(&request)
    }
}

/// The request of a description's example.
fn example(report: &Value) -> Filled {
    let mut filled = Filled::default();
    let body = &report["example_body"];
    let is_form = report["parameters"].as_array().unwrap().iter().any(|own| own["in"] == "form");
    if is_form && !body.is_null() {
        filled.form =
            body.as_object().unwrap().iter().map(|(name, value)| (name.clone(), plain(value))).collect();
    } else {
        filled.json = body.clone();
    }
    filled
}

#[test]
fn every_example_passes_and_every_value_that_is_offered() {
    let (_backend, gate) = gate();
    let mut offered = 0;
    for who in HOLDERS {
        let reports = told(&gate, who, "/_gate/reports");
        for report in reports.as_array().unwrap() {
            let target = report["example"].as_str().unwrap();
            let method = report["methods"][0].as_str().unwrap();
            let answer = example(report).send(&gate, who, method, target);
            assert!(answer.is_success(), "{who} {method} {target}: {}", answer.text());
            for own in report["parameters"].as_array().unwrap() {
                // What the example holds already is not sent twice.
                if own["required"] == true {
                    continue;
                }
                let values = own["one_of"].as_array().cloned().unwrap_or_else(|| free(own));
                let all = if own["style"].is_string() { vec![values.clone()] } else { Vec::new() };
                for values in values.iter().map(|one| vec![one.clone()]).chain(all) {
                    let mut filled = example(report);
                    filled.put(own, &values);
                    let answer = filled.send(&gate, who, method, target);
                    assert!(answer.is_success(), "{who} {target} {own} {values:?}: {}", answer.text());
                    offered += 1;
                }
            }
        }
    }
    assert!(offered > 60, "{offered}");
}

/// A value of a parameter that offers none to choose from.
fn free(own: &Value) -> Vec<Value> {
    if own["name"] == "_next" {
        return Vec::new(); // A cursor comes of an answer only.
    }
    if let Some(default) = own.get("default").filter(|_| own["type"] != "date") {
        return vec![default.clone()];
    }
    match own["type"].as_str().unwrap() {
        "string" => vec![json!("x")],
        "integer" => vec![own.get("min").cloned().unwrap_or_else(|| json!(1))],
        "number" => vec![json!(1.5)],
        "boolean" => vec![json!(true)],
        "any" => vec![json!({ "x": [1] })],
        "object" => vec![],
        "date" => Vec::new(),
        other => panic!("{other}: {own}"),
    }
}

#[test]
fn every_operation_passes_with_its_examples() {
    let (backend, gate) = gate();
    for who in HOLDERS {
        let document = told(&gate, who, "/_gate/openapi.json");
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["servers"], json!([{ "url": "http://gate.test" }]));
        assert_eq!(document["security"], json!([{ "bearer": [] }, { "x-api-key": [] }]));
        let reports = told(&gate, who, "/_gate/reports");
        let methods = |report: &Value| {
            let methods = report["methods"].as_array().unwrap().iter();
            let mut methods: Vec<_> =
                methods.map(|method| method.as_str().unwrap().to_ascii_lowercase()).collect();
            methods.sort();
            (report["path"].as_str().unwrap().to_owned(), methods)
        };
        let mut expected: Vec<_> = reports.as_array().unwrap().iter().map(methods).collect();
        expected.sort();
        let mut found = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            let operations = item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters");
            found.push((path.clone(), operations.clone().map(|(name, _)| name.clone()).collect::<Vec<_>>()));
            for (method, operation) in operations {
                let before = backend.count();
                let answer = operate(&gate, who, path, item, method, operation);
                assert!(answer.is_success(), "{who} {method} {path}: {}", answer.text());
                assert_eq!(backend.count(), before + 1);
                if method != "head" {
                    let own = answer.header("content-type").unwrap().split(';').next().unwrap();
                    assert!(operation["responses"]["200"]["content"].get(own).is_some(), "{path}: {own}");
                }
            }
        }
        assert_eq!(found, expected, "{who}");
    }
    let request = Request::get("/_gate/openapi.json").of("acme");
    let forwarded =
        gate.call(&request.header("X-Forwarded-Proto", "https").header("X-Forwarded-For", "127.0.0.1"));
    assert_eq!(forwarded.json()["servers"], json!([{ "url": "https://gate.test" }]), "of a trusted proxy");
}

/// Sends an operation with the examples that its document gives.
fn operate(gate: &Gate, who: &str, path: &str, item: &Value, method: &str, operation: &Value) -> Answer {
    let mut filled = Filled::default();
    for own in item["parameters"].as_array().into_iter().flatten() {
        let Some(value) = own.get("example") else {
            assert_eq!(own["required"], false, "{path} {own}");
            continue;
        };
        let one = value.as_array().map_or(value, |values| &values[0]);
        match own["in"].as_str().unwrap() {
            "query" => filled.query.push((own["name"].as_str().unwrap().to_owned(), plain(one))),
            other => panic!("{other}"),
        }
    }
    for (media_type, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
        let example = &content["example"];
        if media_type == "application/json" {
            filled.json = example.clone();
        } else if let Some(fields) = example.as_object() {
            filled.form = fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect();
        }
    }
    filled.send(gate, who, &method.to_ascii_uppercase(), path)
}
