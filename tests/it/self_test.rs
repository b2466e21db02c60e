//! The harness itself: what it is trusted to notice, it notices.

use crate::harness::{Answer, Client, End, RecordingBackend, Reply, Request};

/// What the client makes of an answer.
fn read(behaviour: impl Fn(&mut Reply<'_>) + Send + Sync + 'static) -> Answer {
    let backend = RecordingBackend::start(move |_, reply| behaviour(reply));
    Client::connect(backend.address(), &[]).call(&Request::get("/"))
}

#[test]
fn a_broken_answer_is_told_from_a_whole_one() {
    const LENGTH: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
    const CHUNKS: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const NEITHER: &str = "HTTP/1.1 200 OK\r\n\r\n";
    #[rustfmt::skip]
    let cases = [
        // head    body                       reset  end
        (LENGTH,  "abcd",                     false, End::Complete),
        (LENGTH,  "abc",                      false, End::Broken),
        (CHUNKS,  "4\r\nabcd\r\n0\r\n\r\n",   false, End::Complete),
        (CHUNKS,  "4\r\nabcd\r\n0\r\n",       false, End::Broken),
        (CHUNKS,  "4\r\nabcd\r\n",            false, End::Broken),
        (CHUNKS,  "4\r\nab",                  false, End::Broken),
        (NEITHER, "abcd",                     false, End::Complete),
        (NEITHER, "abcd",                     true,  End::Broken),
    ];
    for (head, body, reset, end) in cases {
        let answer = read(move |reply| {
            reply.send(head);
            reply.send(body);
            if reset {
                reply.reset();
            } else {
                reply.close();
            }
        });
        assert_eq!((answer.status, answer.end), (200, end), "{head}{body}");
    }
}

#[test]
#[should_panic(expected = "outside its list")]
fn a_header_that_nobody_allowed_is_noticed() {
    read(|reply| reply.respond("200 OK", "Server: legacy\r\n", ""));
}

#[test]
#[should_panic(expected = "secret")]
fn a_hidden_cell_is_noticed() {
    read(|reply| reply.json(r#"[{"email":"s3cr3t"}]"#));
}

#[test]
#[should_panic(expected = "a token reached the backend")]
fn a_token_at_the_backend_is_noticed() {
    let backend = RecordingBackend::json("[]");
    Client::connect(backend.address(), &[]).call(&Request::get("/").of("acme"));
}
