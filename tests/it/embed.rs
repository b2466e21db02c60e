//! The engine inside another program: two gates in one axum program, on many threads.

use crate::harness::{Config, LEADS, ROW, RecordingBackend, Request, SECRET, affiliate, new_folder, token};
use axum::Router;
use axum::extract::State;
use axum::routing::any;
use http_body_util::BodyExt as _;
use reportgate::Gate;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

fn gate(backend: &RecordingBackend, scope: &str) -> (Gate, tempfile::TempDir) {
    let folder = new_folder();
    let path = folder.path().join("reportgate.toml");
    let acme = affiliate("acme", &format!("role = \"standard\"\nscope = [\"{scope}\"]"));
    std::fs::write(&path, Config::empty(backend).server("lockout = \"off\"").with(LEADS).with(&acme).text())
        .unwrap();
    (Gate::new(&path).expect("a good config"), folder)
}

async fn call(
    State(gate): State<Arc<Gate>>,
    mut request: http::Request<axum::body::Body>,
) -> http::Response<axum::body::Body> {
    // The program that embeds a gate says under which path it stands.
    *request.uri_mut() = http::Uri::from_static("/leads");
    gate.call(request, IpAddr::V4(Ipv4Addr::LOCALHOST)).await.map(axum::body::Body::new)
}

#[test]
fn two_gates_in_one_program() {
    fn is_send_and_sync<T: Send + Sync>(_: &T) {}
    fn is_send<T: Send>(future: T) -> T {
        future
    }

    let (first_backend, second_backend) = (RecordingBackend::json(ROW), RecordingBackend::json(ROW));
    let (first, _first_folder) = gate(&first_backend, "1001");
    let (second, _second_folder) = gate(&second_backend, "2002");
    is_send_and_sync(&first);

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (port, listening) = std::sync::mpsc::channel::<SocketAddr>();
    runtime.spawn(is_send(async move {
        let gates = Router::new()
            .route("/first", any(call).with_state(Arc::new(first)))
            .route("/second", any(call).with_state(Arc::new(second)));
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        port.send(listener.local_addr().unwrap()).unwrap();
        axum::serve(listener, gates).await.unwrap();
    }));
    let address = listening.recv().unwrap();

    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = crate::harness::Client::connect(address, &[]);
                for _ in 0..10 {
                    for path in ["/first", "/second"] {
                        let answer = client.call(&Request::get(path).of("acme"));
                        let expected =
                            r#"{"rows":[{"created_at":"2026-01-01","country":"DE","commission":1.50}]}"#;
                        assert_eq!((answer.status, answer.squeezed().as_str()), (200, expected));
                    }
                    assert_eq!(client.call(&Request::get("/first")).code(), "token_missing");
                    assert_eq!(
                        client.call(&Request::get("/second").bearer(&format!("{}x", token("acme")))).code(),
                        "token_unknown"
                    );
                }
            });
        }
    });
    runtime.shutdown_background();
    for (backend, scope) in [(&first_backend, "affiliate_id=1001"), (&second_backend, "affiliate_id=2002")] {
        assert_eq!(backend.count(), 40);
        assert!(backend.received().iter().all(|seen| seen.query().contains(scope)));
    }
}

#[test]
fn a_bad_config_is_an_error_not_an_exit() {
    let folder = new_folder();
    let path = folder.path().join("reportgate.toml");
    std::fs::write(&path, "[server]\nlisen = []\n").unwrap();
    assert!(Gate::new(&path).is_err());
}

#[test]
fn nothing_secret_is_printed_for_debugging() {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    let path = folder.path().join("reportgate.toml");
    let acme = affiliate("acme", "role = \"standard\"\nscope = [\"1001\"]");
    let config = Config::empty(&backend)
        .server("token_in = [\"query:key\"]")
        .backend(&format!("headers = {{ \"x-key\" = \"{SECRET}\" }}"))
        .with(LEADS)
        .with(&acme);
    std::fs::write(&path, config.text()).unwrap();
    let gate = Gate::new(&path).expect("a good config");
    let request = || {
        let target = format!("/leads?key={}", token("acme"));
        let request = http::Request::get(target).header("host", "gate.test");
        request.body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answer = runtime.block_on(gate.call(request(), IpAddr::V4(Ipv4Addr::LOCALHOST)));
    assert_eq!(answer.status(), 200);
    std::fs::write(&path, config.text() + "[oops").unwrap();
    let refused = Gate::new(&path).unwrap_err();
    for printed in [format!("{answer:?}"), format!("{gate:?}"), format!("{refused:?}"), refused.to_string()] {
        assert!(!printed.contains(SECRET), "{printed}");
    }
}

#[test]
fn an_embedded_gate_keeps_answers() {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    let path = folder.path().join("reportgate.toml");
    let acme = affiliate("acme", "role = \"standard\"\nscope = [\"1001\"]");
    let cache = "\n[reports.leads.cache]\nttl = \"1m\"\n";
    std::fs::write(&path, Config::empty(&backend).with(LEADS).with(cache).with(&acme).text()).unwrap();
    let gate = Arc::new(Gate::new(&path).expect("a good config"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let call = || {
        let gate = Arc::clone(&gate);
        let request = http::Request::get("/leads").header("host", "gate.test");
        let request = request.header("authorization", format!("Bearer {}", token("acme")));
        let request = request.body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap();
        runtime.spawn(async move {
            let answer = gate.call(request, IpAddr::V4(Ipv4Addr::LOCALHOST)).await;
            (answer.status().as_u16(), answer.into_body().collect().await.unwrap().to_bytes())
        })
    };
    let calls: Vec<_> = (0..20).map(|_| call()).collect();
    for call in calls {
        let (status, body) = runtime.block_on(call).unwrap();
        let expected = r#"{"rows":[{"created_at":"2026-01-01","country":"DE","commission":1.50}]}"#;
        assert_eq!((status, &*body), (200, expected.as_bytes()));
    }
    assert_eq!(backend.count(), 1);
}
