//! Through all pages of a report, by sealed cursors and by links, as a client does it; and what others can do with them.

use crate::harness::{Config, Gate, LEADS, Received, RecordingBackend, Reply, Request, affiliate, pairs};
use serde_json::{Value, json};

/// How many leads there are.
const LEADS_IN_ALL: usize = 10;

/// How the backend's cursors say where the next page begins: behind this lead.
type Cursor = fn(usize) -> Value;

/// Datasette's: the sort value and the hidden key of a page's last row.
fn text(lead: usize) -> Value {
    json!(format!("s3cr3t & \"é\"+;#,{lead}"))
}

/// The hidden key alone.
fn number(lead: usize) -> Value {
    json!(9_000_000_000_000_000_u64 + lead as u64)
}

/// Elasticsearch's `search_after`.
fn list(lead: usize) -> Value {
    json!(["s3cr3t", lead])
}

/// The lead whose cursor came back, in a body or else in a query.
fn behind(received: &Received, kind: Cursor) -> Option<usize> {
    let body: Option<Value> = serde_json::from_slice(&received.body).ok();
    let in_body = body.as_ref().and_then(|body| body.pointer("/page/after"));
    let query = pairs(received.query());
    let in_query = query.iter().find(|(name, _)| name == "_next").map(|(_, value)| value);
    let is = |own: &Value| match (in_body, in_query, own) {
        (Some(sent), None, own) => sent == own,
        (None, Some(sent), Value::String(own)) => sent == own,
        (None, Some(sent), own) => serde_json::from_str::<Value>(sent).is_ok_and(|sent| sent == *own),
        _ => panic!("a cursor at two places"),
    };
    let is_sent = in_body.is_some() || in_query.is_some();
    is_sent.then(|| (1..=LEADS_IN_ALL).find(|lead| is(&kind(*lead))).expect("a cursor of the backend's own"))
}

/// A page of leads; cursor and link to the next one are null in the last.
fn page(received: &Received, kind: Cursor, reply: &mut Reply<'_>) {
    let asked = pairs(received.query());
    let value = |name: &str| asked.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    let first = behind(received, kind).map_or(1, |lead| lead + 1);
    let size: usize = value("size").map_or(4, |size| size.parse().unwrap());
    let last = (first + size - 1).min(LEADS_IN_ALL);
    let rows: Vec<_> = (first..=last)
        .map(|lead| json!({"lead_id": "s3cr3t", "country": "DE", "commission": lead}))
        .collect();
    let next = if last < LEADS_IN_ALL { kind(last) } else { Value::Null };
    let link = next.as_str().map(|next| {
        let asked: String =
            asked.iter().map(|(name, value)| format!("&{}={}", encoded(name), encoded(value))).collect();
        let host = received.header("host").unwrap();
        format!(
            "http://s3cr3t:s3cr3t@{host}{}?_next={}{}#s3cr3t",
            received.path(),
            encoded(next),
            asked.replace("&_next=", "&was=")
        )
    });
    reply.json(json!({"rows": rows, "next": next, "next_url": link, "count": "s3cr3t"}).to_string());
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    reportgate::domain::encode::push_component(&mut out, text);
    out
}

/// A gate whose report pages by a cursor that comes back at `parameter`, and in a query by links, too.
fn gate(backend: &RecordingBackend, parameter: &str) -> Gate {
    let (methods, links) = if parameter.starts_with("json:") {
        ("methods = [\"POST\"]\nbackend_method = \"POST\"", "")
    } else {
        ("methods = [\"GET\"]", "links = [\"/next_url\"]")
    };
    let cursor = format!("cursors = [{{ response = \"/next\", parameter = \"{parameter}\" }}]");
    let leads = LEADS.replace("path = \"/leads\"", &format!("path = \"/leads\"\n{methods}")).replace(
        "rows = \"/rows\"",
        &format!("rows = \"/rows\"\n{cursor}\n{links}\noutput = [\"json\", \"csv\"]"),
    );
    let holder = |id| affiliate(id, "role = \"standard\"\nscope = [\"1001\"]");
    let config = Config::empty(backend).backend("query = { api_key = \"s3cr3t-key\" }").with(&leads);
    Gate::start(&config.with(&holder("acme")).with(&holder("other")))
}

/// The leads of a page, by what the client may see of them.
fn leads(page: &Value) -> Vec<u64> {
    page["rows"].as_array().unwrap().iter().map(|row| row["commission"].as_u64().unwrap()).collect()
}

#[test]
fn cursors_lead_to_the_last_page() {
    for (name, kind, parameter) in [
        ("text", text as Cursor, "_next"),
        ("number", number, "_next"),
        ("list", list, "_next"),
        ("text in a body", text, "json:/page/after"),
        ("number in a body", number, "json:/page/after"),
        ("list in a body", list, "json:/page/after"),
    ] {
        let backend = RecordingBackend::start(move |received, reply| page(received, kind, reply));
        let gate = gate(&backend, parameter);
        let (mut seen, mut cursor, mut pages) = (Vec::new(), Value::Null, 0);
        loop {
            let request = match (parameter, cursor.as_str()) {
                ("_next", None) => Request::get("/leads?_col=commission&_sort=country"),
                ("_next", Some(cursor)) => {
                    Request::get(&format!("/leads?_col=commission&_sort=country&_next={cursor}"))
                }
                (_, None) => Request::post("/leads", "application/json", "{}"),
                (_, Some(cursor)) => Request::post(
                    "/leads",
                    "application/json",
                    json!({"page": {"after": cursor}}).to_string(),
                ),
            };
            let answer = gate.call(&request.of("acme"));
            assert!(answer.is_success(), "{name}: {}", answer.text());
            let text = answer.text();
            assert!(!text.contains("9000000000") && !text.contains("legacy"), "{name}: {text}");
            let page = answer.json();
            seen.extend(leads(&page));
            assert_eq!(
                page["next_url"].is_string(),
                kind(1).is_string() && !page["next"].is_null() && parameter == "_next",
                "{name}: {page}"
            );
            pages += 1;
            cursor = page["next"].clone();
            if cursor.is_null() {
                break;
            }
        }
        assert_eq!((pages, seen), (3, (1..=LEADS_IN_ALL as u64).collect()), "{name}");
    }
}

#[test]
fn links_lead_to_the_last_page() {
    let backend = RecordingBackend::start(|received, reply| page(received, text, reply));
    let gate = gate(&backend, "_next");
    let (mut seen, mut pages) = (Vec::new(), Vec::new());
    let mut target = "/leads?_col=commission&size=3&q=a%26b%3Dc+d&_sort=country".to_owned();
    loop {
        let answer = gate.get("acme", &target);
        assert!(answer.is_success(), "{target}: {}", answer.text());
        let sent = pairs(backend.last().query());
        let own = |name: &str| {
            sent.iter().filter(|(own, _)| own == name).map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        assert_eq!(
            (own("q"), own("affiliate_id"), own("_col")),
            (vec!["a&b=c d".to_owned()], vec!["1001".to_owned()], vec!["commission".to_owned()])
        );
        let page = answer.json();
        seen.extend(leads(&page));
        let cursor = page["next"].clone();
        let Some(link) = page["next_url"].as_str().map(str::to_owned) else {
            assert!(cursor.is_null() && page["next_url"].is_null(), "{page}");
            break;
        };
        assert!(link.starts_with("/leads?") && !link.contains("was=") && !link.contains("api_key"), "{link}");
        // Cursor and link are two ways to one page.
        let by_cursor = gate.get(
            "acme",
            &format!(
                "/leads?_col=commission&size=3&q=a%26b%3Dc+d&_sort=country&_next={}",
                cursor.as_str().unwrap()
            ),
        );
        pages.push((link.clone(), by_cursor.json()));
        target = link;
    }
    assert_eq!(seen, (1..=LEADS_IN_ALL as u64).collect::<Vec<_>>());
    assert_eq!(pages.len(), 3);
    for (link, by_cursor) in pages {
        assert_eq!(gate.get("acme", &link).json(), by_cursor, "{link}");
        // Nobody else's, nor of another selection or order.
        for (who, target) in [
            ("other", link.clone()),
            ("acme", link.replace("_col=commission", "_col=country")),
            ("acme", link.replace("_sort=country", "_sort=commission")),
            ("acme", link.replace("_sort=country", "")),
        ] {
            let asked = backend.count();
            let answer = gate.get(who, &target);
            assert_eq!(
                (answer.status, answer.code().as_str(), backend.count()),
                (400, "parameter_invalid", asked),
                "{who}: {target}"
            );
            assert!(!answer.text().contains("9000"), "{}", answer.text());
        }
    }
}
