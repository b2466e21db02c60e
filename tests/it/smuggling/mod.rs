//! Requests that two programs could read differently are refused, or read in exactly one way.
//!
//! Every payload of the corpus hides a request with somebody else's token where a careless
//! reader sees the next one. What the backend received must be requests of the gate's own, the
//! same to the strictest and to the most careless reader, and the hidden one among them only
//! where RFC 9112 leaves no doubt that it is a request. Right behind each payload another
//! client asks, and gets its own answer.

mod chunks;
mod codings;
mod corpus;
mod heads;
mod lengths;
mod lines;
mod reference;

use crate::harness::{
    Answer, Client, Config, End, Gate, Message, Reading, RecordingBackend, Request, Stop, TO_THE_BACKEND,
    Taste, affiliate, leniently, pairs, sorted, strictly,
};
use corpus::{CARRIER, Corpus, Payload, VICTIM};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Asks behind every payload, on a connection of its own.
const PROBER: &str = "prober";

/// A report that is asked for with a form; what nobody declared is dropped, so that odd bodies get far.
const FORM: &str = r#"
[reports.form]
permission = "get_leads_report"
path = "/form"
methods = ["POST"]
backend_path = "/legacy/form"
backend_method = "POST"
[reports.form.columns]
country = {}
[reports.form.request]
body = "form"
columns = { in = "form", name = "_col", style = "repeat" }
scope = [{ in = "form", name = "affiliate_id" }]
allow = ["form:q", "form:note"]
on_unknown_parameter = "drop"
[reports.form.response]
format = "json"
rows = "/rows"

[reports.leads]
permission = "get_leads_report"
path = "/leads"
backend_path = "/legacy/leads.json"
[reports.leads.columns]
country = {}
[reports.leads.request]
columns = { in = "query", name = "_col", style = "repeat" }
scope = [{ in = "query", name = "affiliate_id" }]
allow = ["q"]
[reports.leads.response]
format = "json"
rows = "/rows"
"#;

/// The first letter of what a principal asks for, the principal, and its scope.
const HOLDERS: [(&str, &str, &str); 3] =
    [("c", CARRIER, "1001"), ("m", VICTIM, "1002"), ("p", PROBER, "1003")];

fn config(backend: &RecordingBackend) -> Config {
    HOLDERS.iter().fold(Config::empty(backend).with(FORM), |config, (_, principal, scope)| {
        let keys = format!(
            "permissions = [\"get_leads_report\"]\nscope = [\"{scope}\"]\n\
             columns.leads = [\"country\"]\ncolumns.form = [\"country\"]"
        );
        config.with(&affiliate(principal, &keys))
    })
}

/// Whose request this is, and of which payload: its `User-Agent`, which the gate passes on as it is.
fn asked(message: &Message) -> Option<String> {
    let agent = message.fields.iter().find(|(name, _)| name == "user-agent");
    agent.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
}

/// A backend whose one row tells what was asked for.
fn echo() -> RecordingBackend {
    RecordingBackend::start(|received, reply| {
        let asked = received.header("user-agent").unwrap_or_default();
        reply.json(format!("{{\"rows\":[{{\"country\":\"{asked}\"}}]}}"));
    })
}

/// Every answer to a payload, until the connection is closed.
fn answers(address: SocketAddr, payload: &Payload) -> Vec<Answer> {
    let mut client = Client::connect(address, &[]).expecting_continue();
    client.send(&payload.bytes);
    client.half_close();
    let mut first = if payload.bytes.starts_with(b"HEAD ") { "HEAD" } else { "GET" };
    let next = || client.answer(std::mem::replace(&mut first, "GET"));
    std::iter::from_fn(next).collect()
}

/// What the row of a success tells.
fn told(answer: &Answer) -> Option<String> {
    if answer.status != 200 || answer.body.is_empty() {
        return None;
    }
    answer.json()["rows"][0]["country"].as_str().map(str::to_owned)
}

/// How the gate took a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Taken {
    /// All of it was read as RFC 9112 says, or less.
    Read,
    /// It holds a mistake, and was refused there at the latest.
    Refused,
    /// Likewise, without a word.
    Closed,
}

/// Holds the answers to a payload, and what the backend was asked meanwhile, against the strict reading.
fn judge(payload: &Payload, answers: &[Answer], forwarded: &[String]) -> Result<Taken, String> {
    let is_head = payload.bytes.starts_with(b"HEAD ");
    let told: Vec<_> = answers.iter().filter_map(told).collect();
    if told != forwarded && !is_head {
        return Err(format!("asked for {forwarded:?}, told {told:?}"));
    }
    if let Some(broken) = answers.iter().find(|answer| answer.end == End::Broken) {
        return Err(format!("an answer broke off: {}", broken.status));
    }
    compare(&strictly(&payload.bytes), answers, forwarded)
}

fn compare(reading: &Reading, answers: &[Answer], forwarded: &[String]) -> Result<Taken, String> {
    let allowed: Vec<_> = reading.messages.iter().map(asked).collect();
    let mut left = allowed.iter();
    if !forwarded.iter().all(|asked| left.any(|allowed| allowed.as_ref() == Some(asked))) {
        return Err(format!("asked for {forwarded:?} instead of {allowed:?}, {:?}", reading.stop));
    }
    let is_whole = reading.stop == Stop::End || reading.stop == Stop::Last;
    if answers.len() > allowed.len() + usize::from(!is_whole) {
        return Err(format!("{:?} to {} requests, {:?}", statuses(answers), allowed.len(), reading.stop));
    }
    let code = answers.last().map(Answer::code).unwrap_or_default();
    match answers.last() {
        _ if is_whole => Ok(Taken::Read),
        // A head must be refused as such: any other code tells that it was believed.
        Some(last)
            if matches!(reading.stop, Stop::Malformed(_))
                && answers.len() > allowed.len()
                && !(last.status == 400
                    && ["", "request_malformed"].contains(&code.as_str())
                    && last.header("connection") == Some("close")) =>
        {
            Err(format!("refused with {} {code}, {:?}", last.status, reading.stop))
        }
        Some(last) if last.status >= 400 => Ok(Taken::Refused),
        _ if answers.len() == allowed.len() => Ok(Taken::Closed),
        _ => Err(format!("neither refused nor read: {:?}, {:?}", statuses(answers), reading.stop)),
    }
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

/// What every connection of the backend brought, as every reader sees it alike: requests of the gate's own.
fn received(backend: &RecordingBackend) -> Vec<Message> {
    let mut all = Vec::new();
    for bytes in backend.bytes() {
        let reading = strictly(&bytes);
        assert_eq!(reading.stop, Stop::End, "{}", bytes.escape_ascii());
        for taste in Taste::ALL {
            assert_eq!(leniently(&bytes, taste), reading, "{taste:?}: {}", bytes.escape_ascii());
        }
        all.extend(reading.messages);
    }
    all.iter().for_each(built);
    all
}

/// Fails unless the request is one that the gate builds, of the holder whose request it is.
fn built(message: &Message) {
    let asked = asked(message).expect("a number");
    let (_, _, scope) = HOLDERS.iter().find(|(letter, ..)| asked.starts_with(letter)).expect("a holder");
    let (path, query) = message.target.split_once('?').unwrap_or((&message.target, ""));
    let form = String::from_utf8(message.body.clone()).unwrap();
    let sent = match (message.method.as_str(), path) {
        ("GET" | "HEAD", "/legacy/leads.json") if form.is_empty() => query,
        ("POST", "/legacy/form") if query.is_empty() => form.as_str(),
        other => panic!("not of the gate's own: {other:?}"),
    };
    let (own, others): (Vec<_>, Vec<_>) = sorted(pairs(sent))
        .into_iter()
        .partition(|(name, _)| ["_col", "affiliate_id"].contains(&name.as_str()));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(own, [pair("_col", "country"), pair("affiliate_id", scope)]);
    for (name, value) in others {
        assert!(
            name == "note" || name == "q" && (value.is_empty() || value == asked),
            "{asked} sent {name}={value}"
        );
    }
    assert!(!sent.bytes().any(|byte| byte <= b' ' || byte > b'~'), "{sent:?}");
    for (at, (name, value)) in message.fields.iter().enumerate() {
        let known = TO_THE_BACKEND.contains(&name.as_str())
            || ["content-type", "content-length"].contains(&name.as_str());
        assert!(known, "{name}: {}", value.escape_ascii());
        assert!(message.fields[..at].iter().all(|(other, _)| other != name), "{name} twice");
    }
}

/// The numbers of payloads, and what was asked for of each, in order.
fn by_payload(messages: &[Message]) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for message in messages {
        let asked = asked(message).expect("a number");
        let number = asked.trim_start_matches(char::is_alphabetic).to_owned();
        all.entry(number).or_default().push(asked);
    }
    all
}

/// Sends every payload, each followed by a request of somebody else; the answers to each.
fn sent(gate: &Gate, corpus: &Corpus) -> Vec<Vec<Answer>> {
    let mut all = Vec::new();
    for (number, payload) in corpus.numbered() {
        all.push(answers(gate.address(), payload));
        let probe = gate.call(&Request::get("/leads").of(PROBER).header("User-Agent", &format!("p{number}")));
        assert_eq!(
            (probe.status, told(&probe)),
            (200, Some(format!("p{number}"))),
            "behind {}: {}",
            payload.family,
            payload.name
        );
    }
    all
}

#[test]
fn nothing_is_read_two_ways() {
    let corpus = Corpus::all();
    let backend = echo();
    let gate = Gate::start(&config(&backend));
    let answers = sent(&gate, &corpus);
    let asked = by_payload(&received(&backend));
    let mut wrong = Vec::new();
    let mut taken: BTreeMap<Taken, Vec<String>> = BTreeMap::new();
    let mut whole = 0;
    for ((number, payload), answers) in corpus.numbered().zip(&answers) {
        let mut forwarded = asked.get(&number.to_string()).cloned().unwrap_or_default();
        forwarded.retain(|asked| !asked.starts_with('p'));
        whole += forwarded.len();
        let name = format!("{}: {}", payload.family, payload.name);
        match judge(payload, answers, &forwarded) {
            Ok(how) => taken.entry(how).or_default().push(name),
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    for (how, names) in &taken {
        println!("{how:?}: {}", names.len());
    }
    assert!(wrong.is_empty(), "{} wrong: {wrong:#?}", wrong.len());
    let closed = taken.get(&Taken::Closed).into_iter().flatten();
    let closed: Vec<_> = closed.filter(|name| !name.starts_with("pipeline")).collect();
    assert!(closed.is_empty(), "closed without a word: {closed:#?}");
    // What is in order gets through: most of the corpus would be refused by a gate that refuses everything.
    assert!(whole >= 300 && taken[&Taken::Read].len() >= 300, "{whole} requests forwarded");
}

/// The corpus itself: large, and most of it a trap for somebody.
#[test]
fn the_corpus_is_worth_its_name() {
    let corpus = Corpus::all();
    let two_ways = corpus.payloads.iter().filter(|payload| {
        let reading = strictly(&payload.bytes);
        Taste::ALL.iter().any(|taste| {
            let other = leniently(&payload.bytes, *taste);
            other.messages.iter().any(|message| !reading.messages.contains(message))
        })
    });
    let (all, two_ways) = (corpus.payloads.len(), two_ways.count());
    let hidden = |payload: &&Payload| {
        let hidden =
            |reading: Reading| reading.messages.iter().filter_map(asked).any(|asked| asked.starts_with('m'));
        !hidden(strictly(&payload.bytes))
            && Taste::ALL.iter().any(|taste| hidden(leniently(&payload.bytes, *taste)))
    };
    let hidden = corpus.payloads.iter().filter(hidden).count();
    println!(
        "{all} payloads, {two_ways} read two ways, {hidden} with the hidden request found by the careless alone"
    );
    assert!(all >= 4_000 && two_ways >= 3_000 && hidden >= 1_000, "{all} {two_ways} {hidden}");
}
