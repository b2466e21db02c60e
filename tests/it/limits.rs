//! Rates of holders and lockout of strangers: what is refused, for how long, and whom it does not concern.

use crate::harness::{
    Answer, Client, Config, Gate, LEADS, ROW, RecordingBackend, Request, SECRET, TOKEN, affiliate,
    eventually, new_folder, run_with, stored, token,
};
use std::net::{IpAddr, Ipv4Addr};

/// An affiliate that may call the report, with more keys of its own.
fn holder(id: &str, keys: &str) -> String {
    affiliate(id, &format!("role = \"standard\"\nscope = [\"1001\"]\n{keys}"))
}

/// `acme` with this rate, and `bob` with the default one.
fn limited(backend: &RecordingBackend, rate: &str) -> Config {
    let acme = holder("acme", &format!("rate_limit = \"{rate}\""));
    Config::empty(backend).with("[defaults]\n").with(LEADS).with(&acme).with(&holder("bob", ""))
}

/// What the gate tells of rates: `RateLimit-Policy`, and `RateLimit`.
fn told(answer: &Answer) -> [&str; 2] {
    ["ratelimit-policy", "ratelimit"].map(|name| answer.header(name).unwrap_or_default())
}

/// The number behind `name` in what is told of a rate.
#[track_caller]
fn number(told: &str, name: &str) -> u64 {
    let rest = told.split_once(&format!(";{name}=")).unwrap_or_else(|| panic!("no {name} in {told}")).1;
    rest.split([';', ',']).next().unwrap().parse().unwrap()
}

#[test]
fn a_burst_passes_and_more_is_refused() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&limited(&backend, "6/h burst 3"));
    let mut client = gate.client();
    for (remaining, reset) in [(2, 600), (1, 1_200), (0, 600)] {
        let answer = client.call(&Request::get("/leads").of("acme"));
        assert_eq!(answer.status, 200);
        let [policy, now] = told(&answer);
        assert_eq!(policy, "\"default\";q=6;w=3600");
        assert_eq!(number(now, "r"), remaining, "{now}");
        // The clock goes on meanwhile.
        assert!((reset - 100..=reset).contains(&number(now, "t")), "{now}");
    }
    let answer = client.call(&Request::get("/leads").of("acme"));
    assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limited"));
    let [policy, now] = told(&answer);
    assert_eq!((policy, number(now, "r")), ("\"default\";q=6;w=3600", 0));
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((500..=600).contains(&wait) && wait == number(now, "t"), "{wait} {now}");
    assert!(answer.json()["detail"].as_str().unwrap().starts_with("6/h burst 3 is the rate of its holder"));
    assert_eq!(backend.count(), 3, "a refused request never reaches the backend");

    // A neighbour is not concerned.
    let neighbour = client.call(&Request::get("/leads").of("bob"));
    assert_eq!((neighbour.status, told(&neighbour)[0]), (200, "\"default\";q=300;w=60"));

    let line = gate.access_line(answer.request_id());
    assert_eq!(
        (&line["code"], &line["principal"], &line["status"]),
        (&"rate_limited".into(), &"acme".into(), &429.into())
    );
    gate.wait_for_metric("requests_total{report=\"-\",outcome=\"rate_limited\"}", 1.0);
    gate.wait_for_metric("auth_decisions_total{decision=\"deny\",reason=\"rate_limited\"}", 1.0);
    gate.wait_for_metric("requests_by_principal_total{principal=\"acme\",outcome=\"rate_limited\"}", 1.0);
}

#[test]
fn a_rate_recovers() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&limited(&backend, "4/s burst 1"));
    let mut client = gate.client();
    let mut call = || client.call(&Request::get("/leads").of("acme"));
    let refused = eventually("one is refused", || Some(call()).filter(|answer| answer.status == 429));
    assert_eq!(refused.header("retry-after"), Some("1"), "a quarter of a second, in whole ones");
    // Each refused one on the way takes nothing.
    eventually("one passes again", || Some(call()).filter(|answer| answer.status == 200));
}

#[test]
fn every_request_of_a_known_holder_counts() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&limited(&backend, "100/d"));
    let left = |request: &Request| {
        let answer = gate.call(request);
        (answer.status, answer.header("ratelimit").map(|told| number(told, "r")))
    };
    let get = |target: &str| Request::get(target).of("acme");
    #[rustfmt::skip]
    let cases = [
        // request, status, left behind it
        (get("/leads"),                                  200, Some(99)),
        (Request::new("HEAD", "/leads").of("acme"),      200, Some(98)),
        (get("/nowhere"),                                404, Some(97)),
        (get("/leads?_col=email"),                       403, Some(96)),
        (get("/_gate/whoami"),                           200, Some(95)),
        (get("/_gate/openapi.json"),                     200, Some(94)),
        (get("/_gate/reports/none"),                     404, Some(93)),
        (Request::new("DELETE", "/leads").of("acme"),    405, Some(92)),
        // Who it is was not known here.
        (Request::get("/leads"),                         401, None),
        (Request::get("/leads").bearer("nobodys-token-of-some-length"), 401, None),
        (get("/leads"),                                  200, Some(91)),
    ];
    for (at, (request, status, remaining)) in cases.into_iter().enumerate() {
        assert_eq!(left(&request), (status, remaining), "case {at}");
    }
}

#[test]
fn a_token_with_its_own_rate_needs_both() {
    let backend = RecordingBackend::json(ROW);
    let (feed, other) = (format!("{TOKEN}-{SECRET}-of-the-feed"), token("acme"));
    let tokens = format!(
        "\n[[affiliates.acme.tokens]]\nid = \"feed\"\nrate_limit = \"2/d\"\nhash = \"{}\"\nexpires = \"never\"\n",
        stored(&feed)
    );
    let gate = Gate::start(
        &Config::empty(&backend).with(LEADS).with(&holder("acme", "rate_limit = \"5/d\"")).with(&tokens),
    );
    let mut client = gate.client();
    let mut call = |token: &str| {
        let answer = client.call(&Request::get("/leads").bearer(token));
        let [policy, now] = told(&answer).map(|told| told.split(", ").map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(policy.len(), now.len());
        assert_eq!(policy[0], "\"default\";q=5;w=86400");
        assert!(policy.get(1).is_none_or(|policy| policy == "\"token\";q=2;w=86400"), "{policy:?}");
        let detail = if answer.status == 429 {
            answer.json()["detail"].as_str().unwrap().to_owned()
        } else {
            String::new()
        };
        let whose = if detail.contains("its holder") {
            "holder"
        } else if detail.contains("this token") {
            "token"
        } else {
            ""
        };
        (answer.status, whose, now.iter().map(|now| number(now, "r")).collect::<Vec<_>>())
    };
    #[rustfmt::skip]
    let steps = [
        (&feed,  200, "",       vec![4, 1]),
        (&feed,  200, "",       vec![3, 0]),
        (&feed,  429, "token",  vec![3, 0]),
        (&feed,  429, "token",  vec![3, 0]),
        (&other, 200, "",       vec![2]),
        (&other, 200, "",       vec![1]),
        (&other, 200, "",       vec![0]),
        (&other, 429, "holder", vec![0]),
        (&feed,  429, "token",  vec![0, 0]),
    ];
    for (at, (token, status, whose, left)) in steps.into_iter().enumerate() {
        assert_eq!(call(token), (status, whose, left), "step {at}");
    }
}

#[test]
fn workers_count_together() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&limited(&backend, "40/d").server("workers = 4"));
    let passed: usize = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|_| {
                let mut client = gate.client();
                scope.spawn(move || {
                    let calls = (0..10).map(|_| client.call(&Request::get("/leads").of("acme")).status);
                    calls.filter(|status| *status == 200).count()
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    assert_eq!((passed, backend.count()), (40, 40));
}

#[test]
fn a_reload_forgives_nothing() {
    let backend = RecordingBackend::json(ROW);
    let config = |rate: &str| limited(&backend, rate);
    let gate = Gate::start(&config("5/d"));
    let left = || {
        let answer = gate.get("acme", "/leads");
        (answer.status, answer.header("ratelimit").map(|told| number(told, "r")))
    };
    for remaining in [4, 3, 2, 1, 0] {
        assert_eq!(left(), (200, Some(remaining)));
    }
    assert_eq!(left(), (429, Some(0)));
    // The same rate in another config, then a higher and a lower one.
    gate.reload(&config("5/d").server("# another\nlockout = \"off\""));
    assert_eq!(left(), (429, Some(0)));
    gate.reload(&config("8/d"));
    assert_eq!(left(), (200, Some(2)));
    gate.reload(&config("3/d"));
    assert_eq!(left(), (429, Some(0)));
    gate.reload(&config("off"));
    assert_eq!(left(), (200, None));
    // Who is taken out and put back has not gained anything.
    gate.reload(&Config::empty(&backend).with(LEADS).with(&holder("bob", "")));
    assert_eq!(left(), (401, None));
    gate.reload(&config("3/d"));
    assert_eq!(left(), (429, Some(0)));
}

#[test]
fn a_role_says_the_rate_of_each_of_its_principals() {
    let backend = RecordingBackend::json(ROW);
    let reports = LEADS.replace(
        "[roles.standard]",
        "[defaults]\nrate_limit = \"9/d\"\n[roles.standard]\nrate_limit = \"2/d\"",
    );
    let child = affiliate("child", "role = \"child\"\nscope = [\"7\"]");
    let plain = affiliate(
        "plain",
        "permissions = [\"get_leads_report\"]\ncolumns.leads = [\"country\"]\nscope = [\"7\"]",
    );
    let config = Config::empty(&backend)
        .with(&reports)
        .with(&holder("acme", ""))
        .with(&holder("bob", ""))
        .with("[roles.child]\nextends = \"standard\"\n")
        .with(&child)
        .with(&plain);
    let gate = Gate::start(&config);
    for id in ["acme", "bob", "child"] {
        let found: Vec<_> = (0..3).map(|_| gate.get(id, "/leads").status).collect();
        assert_eq!(found, [200, 200, 429], "{id}");
    }
    assert_eq!(told(&gate.get("plain", "/leads")), ["\"default\";q=9;w=86400", "\"default\";r=8;t=9600"]);
}

/// A request of nobody, from behind the proxy.
fn stranger(client: &str) -> Request {
    Request::get("/leads").header("X-Forwarded-For", client)
}

fn guess(client: &str) -> Request {
    stranger(client).bearer("nobodys-token-of-some-length")
}

/// Behind a trusted proxy, with this lockout.
fn locking(backend: &RecordingBackend, lockout: &str) -> Config {
    let anywhere = "allowed_ips = [\"192.0.2.0/24\", \"2001:db8::/32\"]";
    let acme = holder("acme", "").replace("allowed_ips = [\"127.0.0.1\"]", anywhere);
    let server = format!("trusted_proxies = [\"127.0.0.1\"]\nlockout = {lockout}");
    Config::empty(backend).server(&server).with(LEADS).with(&acme)
}

#[test]
fn whoever_tries_tokens_is_locked_out() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&locking(&backend, "{ failures = 3, within = \"10m\", for = \"10m\" }"));
    let mut client = gate.client();
    let code = |client: &mut Client, request: &Request| {
        let answer = client.call(request);
        if answer.status == 200 { "ok".to_owned() } else { answer.code() }
    };
    let own = |client: &str| stranger(client).of("acme");
    let malformed = |client: &str| stranger(client).bearer("one-token").header("X-Api-Key", "one-token");
    let (a, b) = ("192.0.2.1", "192.0.2.2");
    let (six, same, next) = ("2001:db8:0:1::1", "2001:db8:0:1:2:3:4:5", "2001:db8:0:2::1");
    #[rustfmt::skip]
    let steps = [
        // None at all is no guess.
        (stranger(a),  "token_missing"), (stranger(a), "token_missing"), (stranger(a), "token_missing"), (stranger(a), "token_missing"),
        (guess(a),     "token_unknown"), (malformed(a), "token_malformed"), (own(a), "ok"),
        (guess(a),     "token_unknown"),
        (guess(a),     "locked_out"), (malformed(a), "locked_out"), (stranger(a), "locked_out"),
        // Whoever has a token gets in, from there too.
        (own(a),       "ok"),
        (guess(b),     "token_unknown"), (stranger(b), "token_missing"),
        (guess(six),   "token_unknown"), (guess(same), "token_unknown"), (guess(six), "token_unknown"),
        (stranger(same), "locked_out"), (stranger(next), "token_missing"), (own(same), "ok"),
    ];
    for (at, (request, expected)) in steps.into_iter().enumerate() {
        assert_eq!(code(&mut client, &request), expected, "step {at}");
    }
    let answer = client.call(&guess(a));
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(answer.status == 429 && (500..=600).contains(&wait), "{} {wait}", answer.status);
    assert_eq!(told(&answer), ["", &format!("\"lockout\";r=0;t={wait}")]);
    assert_eq!(answer.header("www-authenticate"), None);
    let line = gate.access_line(answer.request_id());
    assert_eq!((&line["code"], &line["client"]), (&"locked_out".into(), &a.into()));
    gate.wait_for_metric("requests_total{report=\"-\",outcome=\"locked_out\"}", 5.0);
    gate.wait_for_metric("auth_decisions_total{decision=\"deny\",reason=\"locked_out\"}", 5.0);
    assert_eq!(backend.count(), 3);

    // It outlives a reload, and ends with the setting.
    gate.reload(&locking(&backend, "{ failures = 3, within = \"10m\", for = \"20m\" }"));
    assert_eq!(gate.call(&stranger(a)).code(), "locked_out");
    gate.reload(&locking(&backend, "\"off\""));
    for _ in 0..5 {
        assert_eq!(gate.call(&guess(a)).code(), "token_unknown");
    }
}

#[test]
fn a_lockout_is_over_in_time() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&locking(&backend, "{ failures = 2, within = \"10m\", for = \"700ms\" }"));
    let mut client = gate.client();
    let mut tried = |expected: &str| {
        eventually(expected, || {
            Some(client.call(&guess("192.0.2.1"))).filter(|answer| answer.code() == expected)
        })
    };
    tried("token_unknown");
    let answer = tried("locked_out");
    assert_eq!(answer.header("retry-after"), Some("1"));
    tried("token_unknown");
    tried("locked_out");
}

#[test]
fn an_embedded_gate_has_limits_too() {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    let path = folder.path().join("reportgate.toml");
    std::fs::write(&path, limited(&backend, "2/d").server("lockout = { failures = 1 }").text()).unwrap();
    let gate = reportgate::Gate::new(&path).expect("a good config");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let call = |token: &str| {
        let request = http::Request::get("/leads").header("host", "gate").header("x-api-key", token);
        let request = request.body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap();
        let answer = runtime.block_on(gate.call(request, IpAddr::V4(Ipv4Addr::LOCALHOST)));
        (answer.status().as_u16(), answer.headers().contains_key("ratelimit"))
    };
    let (acme, nobody) = (token("acme"), "nobodys-token-of-some-length");
    #[rustfmt::skip]
    let steps = [(nobody, 401, false), (nobody, 429, true), (&acme, 200, true), (&acme, 200, true), (&acme, 429, true)];
    for (at, (token, status, is_told)) in steps.into_iter().enumerate() {
        assert_eq!(call(token), (status, is_told), "step {at}");
    }
}

/// What the step of that name says of a GET of the report with this token.
#[track_caller]
fn explained(config: &str, token: &str, from: &str, step: &str) -> (Option<i32>, String) {
    let folder = new_folder();
    let path = folder.path().join("reportgate.toml");
    std::fs::write(&path, config).unwrap();
    let config = path.to_str().unwrap();
    let args = ["explain", "-c", config, "--token-stdin", "--ip", from, "/leads", "--format", "json"];
    let output = run_with(&args, token);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let steps = found["steps"].as_array().unwrap();
    let found = steps.iter().find(|found| found["step"] == step).unwrap_or_else(|| panic!("{found}"));
    (output.status.code(), found["detail"].as_str().unwrap().to_owned())
}

#[test]
fn explain_tells_the_rates_that_count_and_whose_they_are() {
    let backend = RecordingBackend::json(ROW);
    const OWN: &str = "rate_limit = \"9/h\"\n";
    #[rustfmt::skip]
    let cases = [
        // [defaults], the role's, acme's, its token's; what is told
        ("",       "",      "60/min burst 5", "",  "60/min burst 5 for acme, its own; not counted here"),
        ("",       "",      "60/min",         OWN, "9/h for token acme-1, and 60/min for acme, its own; not counted here"),
        ("",       "7/min", "",               "",  "7/min for acme, of the role standard; not counted here"),
        ("",       "7/min", "7/min",          "",  "7/min for acme, its own; not counted here"),
        ("8/min",  "",      "",               "",  "8/min for acme, the default; not counted here"),
        ("",       "",      "",               "",  "300/min for acme, the default; not counted here"),
        ("",       "7/min", "off",            OWN, "9/h for token acme-1, and no limit for acme, its own; not counted here"),
        ("",       "off",   "",               "",  "no limit for acme, of the role standard"),
        ("off",    "",      "",               "",  "no limit for acme, the default"),
    ];
    for (default, role, acme, token_s, expected) in cases {
        let rate = |rate: &str| match rate {
            "" => String::new(),
            rate => format!("rate_limit = \"{rate}\"\n"),
        };
        let text = Config::empty(&backend)
            .with(&format!("[defaults]\n{}", rate(default)))
            .with(&LEADS.replace("[roles.standard]\n", &format!("[roles.standard]\n{}", rate(role))))
            .with(&holder("acme", &rate(acme)))
            .text()
            .replace("id = \"acme-1\"\n", &format!("id = \"acme-1\"\n{token_s}"));
        assert_eq!(explained(&text, &token("acme"), "127.0.0.1", "rate"), (Some(0), expected.to_owned()));
    }
    // That of a role which another extends.
    let child = LEADS.replace("[roles.standard]\n", "[roles.standard]\nrate_limit = \"7/min\"\n");
    let jane = affiliate("acme", "role = \"gold\"\nscope = [\"1001\"]");
    let text = Config::empty(&backend).with(&child).with(&jane).text();
    let (_, found) = explained(&text, &token("acme"), "127.0.0.1", "rate");
    assert_eq!(found, "7/min for acme, of the role standard; not counted here");
}

#[test]
fn explain_tells_what_locks_an_address_out() {
    let backend = RecordingBackend::json(ROW);
    const LIMITED: &str = "{ failures = 3, within = \"90s\", for = \"2h\" }";
    let (four, six) = ("192.0.2.1", "2001:db8::1");
    let nobody = "nobodys-token-of-some-length";
    let typo = format!("rg_{}", "0".repeat(38));
    #[rustfmt::skip]
    let cases = [
        // the setting, the token, from, what the step of the token tells behind the rest
        (LIMITED,   nobody, four, 1, "; 3 such requests within 90s lock 192.0.2.1 out for 2h"),
        (LIMITED,   nobody, six,  1, "; 3 such requests within 90s lock the /64 of 2001:db8::1 out for 2h"),
        (LIMITED,   &typo,  four, 1, "; 3 such requests within 90s lock 192.0.2.1 out for 2h"),
        ("{}",      nobody, four, 1, "; 20 such requests within 1m lock 192.0.2.1 out for 5m"),
        ("\"off\"", nobody, four, 1, "; this locks nobody out"),
        (LIMITED,   &token("acme"), four, 0, "token acme-1 of acme, which no lockout concerns"),
    ];
    for (lockout, token, from, status, expected) in cases {
        let (code, found) = explained(&locking(&backend, lockout).text(), token, from, "token");
        assert_eq!(code, Some(status), "{found}");
        assert!(found.ends_with(expected) && found.matches("lock").count() == 1, "{found}");
    }
}
