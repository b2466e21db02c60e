//! Kept answers in place of a backend that fails.

use super::*;

#[test]
fn stale_answers_stand_in_for_a_failing_backend_for_a_time() {
    let backend = RecordingBackend::json(ROW);
    let config =
        |rule: &str| Config::empty(&backend).backend("timeout = \"300ms\"").with(&cached(rule)).with(&acme());
    let gate = start(&config("ttl = \"1s\"\nstale_if_error = \"1h\""));
    #[rustfmt::skip]
    let failures: [(&str, Option<(u16, &str)>); 8] = [
        ("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",          None),
        ("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",          None),
        ("stall",                                                   None),
        ("close",                                                   None),
        ("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",            Some((502, "backend_refused"))),
        ("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",            Some((404, "backend_rejected"))),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n<",           Some((502, "backend_response_invalid"))),
        ("HTTP/1.1 206 Part\r\nContent-Length: 1\r\n\r\n<",         Some((502, "backend_response_invalid"))),
    ];
    for number in 0..failures.len() {
        assert_eq!(gate.get("acme", &format!("/leads?q={number}")).text(), OWN_ROW);
    }
    for (number, (failure, expected)) in failures.into_iter().enumerate() {
        let target = format!("/leads?q={number}");
        backend.behave(move |_, reply| match failure {
            "stall" => reply.stall(),
            "close" => reply.close(),
            bytes => reply.send(bytes),
        });
        let answer = eventually("the answer is stale", || {
            let answer = gate.get("acme", &target);
            (!told(&answer).contains("; hit; ")).then_some(answer)
        });
        if let Some((status, code)) = expected {
            assert_eq!((answer.status, answer.code().as_str()), (status, code), "{failure}");
            continue;
        }
        assert_eq!((answer.status, answer.text().as_str()), (200, OWN_ROW), "{failure}");
        assert!(told(&answer).starts_with("reportgate; fwd=stale; fwd-status=50"), "{}", told(&answer));
        assert_eq!(answer.header("cache-control"), Some("private, no-store"));
        assert_eq!(gate.access_line(answer.request_id())["code"], "ok");
        // For a few seconds the backend is left alone.
        let seen = backend.count();
        for _ in 0..5 {
            let again = gate.get("acme", &target);
            assert!(
                again.text() == OWN_ROW && told(&again).starts_with("reportgate; hit; ttl="),
                "{}",
                told(&again)
            );
        }
        assert_eq!(backend.count(), seen, "{failure}");
    }
    assert!(counted(&gate, "stale") >= 24.0);
    // The end of it: a config that lets nothing stand in, or no longer.
    backend.behave(|_, reply| reply.respond("500 Oops", "", ""));
    gate.reload(&config("ttl = \"1s\""));
    assert_eq!(gate.get("acme", "/leads?q=0").code(), "backend_failed");
}

#[test]
fn stale_answers_come_to_an_end() {
    let backend = RecordingBackend::json(ROW);
    let report = cached("ttl = \"1s\"\nstale_if_error = \"1s\"");
    let gate = start(&Config::empty(&backend).with(&report).with(&acme()));
    assert_eq!(gate.get("acme", "/leads").status, 200);
    backend.behave(|_, reply| reply.respond("500 Oops", "", ""));
    let mut seen = Vec::new();
    eventually("nothing stands in any more", || {
        let answer = gate.get("acme", "/leads");
        seen.push((answer.status, told(&answer).split(';').nth(1).unwrap_or("").to_owned()));
        (answer.status == 502).then_some(())
    });
    seen.dedup();
    let seen: Vec<_> = seen.iter().map(|(status, how)| (*status, how.trim())).collect();
    assert_eq!(seen, [(200, "hit"), (200, "fwd=stale"), (200, "hit"), (502, "")]);
    backend.behave(|_, reply| reply.json(ROW));
    assert_eq!(told(&gate.get("acme", "/leads")), "reportgate; fwd=miss; stored");
}
