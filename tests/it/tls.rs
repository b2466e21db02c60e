//! TLS both ways, with certificates made for each test: whom the gate speaks to, and whom it believes.

use crate::harness::*;
use crate::http2;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, ServerConfig, ServerConnection,
    StreamOwned,
};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// An authority that makes certificates.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
struct Pair {
    cert: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn pair(&self, names: &[&str]) -> Pair {
        self.changed(names, |_| {})
    }

    fn changed(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap().pem();
        Pair { cert, key: key.serialize_pem() }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        roots
    }
}

impl Pair {
    fn write(&self, folder: &Path, name: &str) {
        replace(&folder.join(format!("{name}.pem")), &self.cert);
        replace(&folder.join(format!("{name}-key.pem")), &self.key);
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![CertificateDer::from_pem_slice(self.cert.as_bytes()).unwrap()]
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
}

/// Writes a file as operators and secret mounts do: at once.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(&new, path).unwrap();
}

fn client(roots: RootCertStore, own: Option<&Pair>) -> ClientConfig {
    versions(roots, own, rustls::ALL_VERSIONS)
}

fn versions(
    roots: RootCertStore,
    own: Option<&Pair>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let config = config.with_root_certificates(roots);
    match own {
        None => config.with_no_client_auth(),
        Some(own) => config.with_client_auth_cert(own.chain(), own.key()).unwrap(),
    }
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

fn connect(address: SocketAddr, config: ClientConfig) -> Stream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let name = ServerName::try_from("gate.test").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream)
}

/// Sends a request and reads its answer, as far as its `Content-Length` tells.
fn ask(stream: &mut Stream, request: &Request) -> std::io::Result<String> {
    stream.write_all(&request.bytes())?;
    let mut answer = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece)?;
        answer.extend_from_slice(&piece[..length]);
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let said =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if said.is_some_and(|said| body.len() >= said) || length == 0 {
                return Ok(text.into_owned());
            }
        }
        if length == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn get() -> Request {
    Request::get("/leads").of("acme")
}

fn once(address: SocketAddr, config: ClientConfig) -> std::io::Result<String> {
    ask(&mut connect(address, config), &get())
}

/// A gate that speaks TLS with this pair; more keys of its `tls` behind it.
fn gate(backend: &RecordingBackend, pair: &Pair, keys: &str, files: &[(&str, &str)]) -> Gate {
    let folder = new_folder();
    pair.write(folder.path(), "gate");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let tls = format!(
        "tls = {{ cert = \"gate.pem\", key = \"gate-key.pem\"{keys} }}\nlimits = {{ handshake_timeout = \"500ms\" }}"
    );
    Gate::in_folder(folder, &Config::leads(backend).server(&tls).text(), None)
}

#[test]
fn both_versions_are_spoken_and_the_backend_is_told() {
    let (backend, authority) = (RecordingBackend::json(ROW), Authority::new());
    let gate = gate(&backend, &authority.pair(&["gate.test"]), "", &[]);
    for (version, expected) in [
        (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
        (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let mut stream = connect(gate.address(), versions(authority.roots(), None, &[version]));
        for _ in 0..2 {
            let answer = ask(&mut stream, &get()).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\"country\""), "{answer}");
        }
        assert_eq!(stream.conn.protocol_version(), Some(expected));
        assert_eq!(backend.last().header("x-forwarded-proto").as_deref(), Some("https"));
    }
    assert_eq!(backend.count(), 4);
    // Whoever speaks HTTP to this port is told nothing.
    let mut plain = TcpStream::connect(gate.address()).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    plain.write_all(&get().bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{}", answer.escape_ascii());
    assert_eq!(backend.count(), 4);
    gate.wait_for_metric("connections_refused_total{reason=\"tls_handshake_failed\"}", 1.0);
}

#[test]
fn what_is_spoken_is_agreed_upon_first() {
    let (backend, authority) = (RecordingBackend::json(ROW), Authority::new());
    let gate = gate(&backend, &authority.pair(&["gate.test"]), "", &[]);
    let asking = |protocols: &[&str]| {
        let mut config = client(authority.roots(), None);
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    };
    for (asked, agreed) in [
        (&["h2", "http/1.1"][..], Some("h2")),
        (&["http/1.1", "h2"], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&[], None),
    ] {
        let mut stream = connect(gate.address(), asking(asked));
        stream.conn.complete_io(&mut stream.sock).unwrap();
        assert_eq!(stream.conn.alpn_protocol(), agreed.map(str::as_bytes), "{asked:?}");
        if agreed != Some("h2") {
            assert!(ask(&mut stream, &get()).unwrap().starts_with("HTTP/1.1 200 OK\r\n"));
        }
    }
    assert!(once(gate.address(), asking(&["spdy/3"])).is_err(), "there is nothing to be agreed upon");
    http2::runtime().block_on(async {
        for protocols in [&["h2"][..], &[]] {
            let connector = tokio_rustls::TlsConnector::from(Arc::new(asking(protocols)));
            let stream = tokio::net::TcpStream::connect(gate.address()).await.unwrap();
            let stream = connector.connect(ServerName::try_from("gate.test").unwrap(), stream).await.unwrap();
            let (connection, _) = http2::begin(stream).await;
            for _ in 0..3 {
                assert_eq!(http2::call(&connection, "acme", "/leads").await.unwrap().status, 200);
            }
            assert_eq!(backend.last().header("x-forwarded-proto").as_deref(), Some("https"));
        }
    });
    // Who has agreed to the one may not speak the other.
    let mut stream = connect(gate.address(), asking(&["http/1.1"]));
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 400 "), "{}", answer.escape_ascii());
}

#[test]
fn certificates_rotate_under_open_connections() {
    let (backend, old, new) = (RecordingBackend::json(ROW), Authority::new(), Authority::new());
    let gate = gate(&backend, &old.pair(&["gate.test"]), "", &[]);
    let mut open = connect(gate.address(), client(old.roots(), None));
    ask(&mut open, &get()).unwrap();
    let pair = new.pair(&["gate.test"]);
    // Half of the new pair fits nothing: the old one stays.
    let status = gate.refused(|| replace(&gate.folder().join("gate.pem"), &pair.cert));
    let problem = status["last_reload"]["problems"].to_string();
    assert!(
        problem.contains("reportgate.toml:")
            && problem.contains("the key does not belong to the certificate"),
        "{problem}"
    );
    once(gate.address(), client(old.roots(), None)).unwrap();
    gate.reloaded(|| replace(&gate.folder().join("gate-key.pem"), &pair.key));
    once(gate.address(), client(new.roots(), None)).unwrap();
    assert!(once(gate.address(), client(old.roots(), None)).is_err(), "the old certificate is gone");
    ask(&mut open, &get()).unwrap();
    assert_eq!(backend.count(), 4);
}

#[test]
fn clients_show_a_certificate_where_it_is_asked_for() {
    let (backend, authority, clients) = (RecordingBackend::json(ROW), Authority::new(), Authority::new());
    let pair = authority.pair(&["gate.test"]);
    let gate = gate(&backend, &pair, ", client_ca = \"clients.pem\"", &[("clients.pem", &clients.pem)]);
    let expired =
        clients.changed(&["bi.example"], |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let cases = [
        ("none", None, false),
        ("of a client", Some(clients.pair(&["bi.example"])), true),
        ("of another authority", Some(authority.pair(&["bi.example"])), false),
        ("expired", Some(expired), false),
    ];
    for (name, own, passes) in cases {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let config = versions(authority.roots(), own.as_ref(), &[version]);
            assert_eq!(once(gate.address(), config).is_ok(), passes, "{name}");
        }
    }
    assert_eq!(backend.count(), 2);
    // A file that says nothing about clients does not let everybody in.
    let status = gate.refused(|| replace(&gate.folder().join("clients.pem"), "# nobody\n"));
    assert!(status.to_string().contains("there is no certificate in"), "{status}");
    assert!(once(gate.address(), client(authority.roots(), None)).is_err());
}

#[test]
fn a_handshake_has_its_deadline() {
    let (backend, authority) = (RecordingBackend::json(ROW), Authority::new());
    let gate = gate(&backend, &authority.pair(&["gate.test"]), "", &[]);
    // Nothing, and the beginning of a record that never ends.
    for sent in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let mut stream = TcpStream::connect(gate.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(sent).unwrap();
        let begun = Instant::now();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(300) && took < Duration::from_millis(2_500), "{took:?}");
    }
    gate.wait_for_metric("connections", 0.0);
    once(gate.address(), client(authority.roots(), None)).unwrap();
}

const FROM_A_CLIENT: &[u8] = b"PROXY TCP4 203.0.113.7 10.0.0.1 4711 443\r\n";

/// A gate that takes a PROXY header, then TLS; both together have two seconds.
fn behind_a_balancer(backend: &RecordingBackend, authority: &Authority) -> Gate {
    let folder = new_folder();
    authority.pair(&["gate.test"]).write(folder.path(), "gate");
    let server = "proxy_protocol = \"required\"\ntrusted_proxies = [\"127.0.0.1\"]\n\
                  tls = { cert = \"gate.pem\", key = \"gate-key.pem\" }\nlimits = { handshake_timeout = \"2s\" }";
    Gate::in_folder(folder, &Config::leads(backend).server(server).text(), None)
}

#[test]
fn a_proxy_header_comes_before_the_handshake() {
    let (backend, authority) = (RecordingBackend::json(ROW), Authority::new());
    let gate = behind_a_balancer(&backend, &authority);
    for (header, peer, status) in
        [(FROM_A_CLIENT, "203.0.113.7", 403), (b"PROXY UNKNOWN\r\n", "127.0.0.1", 200)]
    {
        let mut stream = connect(gate.address(), client(authority.roots(), None));
        stream.sock.write_all(header).unwrap();
        for _ in 0..2 {
            let answer = ask(&mut stream, &get()).unwrap();
            let id = answer.lines().find_map(|line| line.strip_prefix("x-request-id: ")).expect(&answer);
            let line = gate.access_line(id);
            assert_eq!((&line["peer"], &line["status"]), (&peer.into(), &status.into()));
        }
    }
    assert_eq!(backend.last().header("x-forwarded-proto").as_deref(), Some("https"));
    assert!(once(gate.address(), client(authority.roots(), None)).is_err(), "without a header");
    let mut within = connect(gate.address(), client(authority.roots(), None));
    let header = std::str::from_utf8(FROM_A_CLIENT).unwrap();
    assert!(ask(&mut within, &Request::get(header)).is_err(), "within TLS it is none");
    assert_eq!(backend.count(), 2);
}

#[test]
fn a_proxy_header_and_a_handshake_have_one_deadline() {
    let (backend, authority) = (RecordingBackend::json(ROW), Authority::new());
    let gate = behind_a_balancer(&backend, &authority);
    let mut stream = TcpStream::connect(gate.address()).unwrap();
    let begun = Instant::now();
    stream.set_read_timeout(Some(Duration::from_millis(1_500))).unwrap();
    assert!(stream.read(&mut [0]).is_err(), "not yet");
    stream.write_all(FROM_A_CLIENT).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0, "closed");
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(1_800) && took < Duration::from_millis(3_000), "{took:?}");
}

/// A backend that speaks TLS, answers every request with [`ROW`], and remembers heads and how many clients had a certificate.
struct TlsBackend {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl TlsBackend {
    fn start(pair: &Pair, clients: Option<&Authority>) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(clients) => {
                let roots = Arc::new(clients.roots());
                let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(roots, provider);
                config.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let config = Arc::new(config.with_single_cert(pair.chain(), pair.key()).unwrap());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&heads);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, kept) = (Arc::clone(&config), Arc::clone(&kept));
                std::thread::spawn(move || {
                    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
                    let mut head = Vec::new();
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).is_ok() {
                        head.push(byte[0]);
                        if head.ends_with(b"\r\n\r\n") {
                            kept.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
                            head.clear();
                            let answer =
                                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{ROW}", ROW.len());
                            let _ = stream.write_all(answer.as_bytes());
                        }
                    }
                });
            }
        });
        Self { address, heads }
    }
}

#[test]
fn backends_are_believed_by_their_certificates() {
    let (authority, other, clients) = (Authority::new(), Authority::new(), Authority::new());
    let expired =
        authority.changed(&["localhost"], |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let own = clients.pair(&["gate.test"]);
    let with_own = "ca = \"ca.pem\"\nclient_certificate = { cert = \"own.pem\", key = \"own-key.pem\" }";
    #[rustfmt::skip]
    let cases = [
        ("of the authority",           authority.pair(&["localhost"]),    "ca = \"ca.pem\"",                    None,           200),
        ("of another authority",       other.pair(&["localhost"]),        "ca = \"ca.pem\"",                    None,           502),
        ("of another host",            authority.pair(&["example.test"]), "ca = \"ca.pem\"",                    None,           502),
        ("expired",                    expired,                           "ca = \"ca.pem\"",                    None,           502),
        ("not of a public root",       authority.pair(&["localhost"]),    "",                                   None,           502),
        ("which wants one of ours",    authority.pair(&["localhost"]),    with_own,                             Some(&clients), 200),
        ("which wants one, without",   authority.pair(&["localhost"]),    "ca = \"ca.pem\"",                    Some(&clients), 502),
        ("which wants another's",      authority.pair(&["localhost"]),    with_own,                             Some(&other),   502),
    ];
    for (name, pair, keys, wanted, status) in cases {
        let backend = TlsBackend::start(&pair, wanted);
        let folder = new_folder();
        fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
        own.write(folder.path(), "own");
        let unused = RecordingBackend::json(ROW);
        let text = Config::leads(&unused).backend(keys).text();
        let url = format!("https://localhost:{}", backend.address.port());
        let text = text.replace(&format!("http://{}", unused.address()), &url);
        let gate = Gate::in_folder(folder, &text, None);
        let answer = gate.get("acme", "/leads");
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        let heads = backend.heads.lock().unwrap().clone();
        if status == 200 {
            let host = format!("host: localhost:{}\r\n", backend.address.port());
            assert!(heads.len() == 1 && heads[0].contains(&host), "{name}: {heads:?}");
        } else {
            // In TLS 1.3 the gate's own certificate is refused only once the handshake is over.
            let late = wanted.is_some() && answer.code() == "backend_failed";
            assert!(late || answer.code() == "backend_unreachable", "{name}: {}", answer.text());
            assert_eq!(heads.len(), 0, "{name}: nothing was said");
        }
    }
}

#[test]
fn mistakes_are_told_and_secrets_are_not() {
    let authority = Authority::new();
    let (pair, other) = (authority.pair(&["gate.test"]), authority.pair(&["gate.test"]));
    let folder = new_folder();
    pair.write(folder.path(), "gate");
    other.write(folder.path(), "other");
    let both = format!("{}{}", pair.key, other.key);
    let broken = pair.key.replace("\n-----END", "s3cr3t!\n-----END");
    for (name, text) in [("empty.pem", ""), ("both.pem", both.as_str()), ("broken.pem", broken.as_str())] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let path = folder.path().join("reportgate.toml");
    let backend = RecordingBackend::json(ROW);
    #[rustfmt::skip]
    let cases = [
        ("tls = { cert = \"gate.pem\", key = \"gate-key.pem\" }",                             ""),
        ("tls = { cert = \"gate.pem\" }",                                                     "`key` is missing"),
        ("tls = { cert = \"none.pem\", key = \"gate-key.pem\" }",                             "none.pem` cannot be read"),
        ("tls = { cert = \"empty.pem\", key = \"gate-key.pem\" }",                            "there is no certificate in"),
        ("tls = { cert = \"gate.pem\", key = \"gate.pem\" }",                                 "there is no private key in"),
        ("tls = { cert = \"gate.pem\", key = \"both.pem\" }",                                 "there is more than one private key in"),
        ("tls = { cert = \"gate.pem\", key = \"broken.pem\" }",                               "private key in"),
        ("tls = { cert = \"gate.pem\", key = \"other-key.pem\" }",                            "the key does not belong to the certificate"),
        ("tls = { cert = \"gate.pem\", key = \"gate-key.pem\", client_ca = \"empty.pem\" }",  "there is no certificate in"),
        ("tls = { cert = \"gate.pem\", key = \"gate-key.pem\", client_ca = \"none.pem\" }",   "none.pem` cannot be read"),
        ("tls = { cert = \"gate.pem\", key = \"gate-key.pem\", client_cas = \"gate.pem\" }",  "did you mean `client_ca`"),
    ];
    for (tls, expected) in cases {
        fs::write(&path, Config::leads(&backend).server(tls).text()).unwrap();
        let output = run(&["check", "-c", path.to_str().unwrap()]);
        let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.success(), expected.is_empty(), "{tls}: {told}");
        assert!(
            told.contains(expected) && !told.contains("s3cr3t!") && !told.contains("BEGIN"),
            "{tls}: {told}"
        );
    }
}

#[test]
fn certificates_out_of_their_time_are_warned_of() {
    let authority = Authority::new();
    let expired =
        authority.changed(&["gate.test"], |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let early =
        authority.changed(&["gate.test"], |params| params.not_before = rcgen::date_time_ymd(2100, 1, 1));
    let with_chain = |pair: &Pair| Pair { cert: format!("{}{}", pair.cert, authority.pem), ..pair.clone() };
    let cases = [
        (authority.pair(&["gate.test"]), ""),
        (with_chain(&authority.pair(&["gate.test"])), ""),
        (expired.clone(), "the certificate has expired"),
        (with_chain(&expired), "the certificate has expired"),
        (early, "the certificate is not valid yet"),
    ];
    let backend = RecordingBackend::json(ROW);
    for (pair, expected) in cases {
        let folder = new_folder();
        pair.write(folder.path(), "gate");
        let path = folder.path().join("reportgate.toml");
        let tls = "tls = { cert = \"gate.pem\", key = \"gate-key.pem\" }";
        fs::write(&path, Config::leads(&backend).server(tls).text()).unwrap();
        let output = run(&["check", "-c", path.to_str().unwrap()]);
        let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success() && told.contains(expected), "{told}");
        assert_eq!(told.contains("the certificate"), !expected.is_empty(), "{told}");
    }
}

#[test]
fn commands_know_the_gate_by_its_certificate() {
    for by_unix in [false, true] {
        let (backend, authority) = (RecordingBackend::json(ROW), Authority::new());
        let folder = new_folder();
        // It names nobody that can be asked, and nobody vouches for it.
        authority.pair(&["example.test"]).write(folder.path(), "gate");
        let path = folder.path().join("reportgate.toml");
        let tls = "[admin]\ntls = { cert = \"gate.pem\", key = \"gate-key.pem\" }\n";
        let mut text = Config::leads(&backend).text().replace("[admin]\n", tls);
        if by_unix {
            let socket = format!("{tls}listen = \"unix:admin.sock\"");
            text = text.replace(&format!("{tls}listen = \"127.0.0.1:0\""), &socket);
        }
        fs::write(&path, text).unwrap();
        let program = Program::start(&path, None);
        let admin = program.stderr.wait_for("the admin address", 0, |line| {
            let (_, address) = line.split_once("admin on ")?;
            Some(address.trim().trim_start_matches("https://").to_owned())
        });
        assert_eq!(admin.starts_with("unix:"), by_unix, "{admin}");
        let command = |name: &str| run(&[name, "-c", path.to_str().unwrap(), "--admin", &admin]);
        for name in ["healthcheck", "status", "confirm"] {
            let output = command(name);
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        }
        if by_unix {
            let output = run(&["healthcheck", "-c", path.to_str().unwrap()]);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        // Somebody else at the same address.
        fs::write(folder.path().join("gate.pem"), authority.pair(&["example.test"]).cert).unwrap();
        let output = command("healthcheck");
        assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}
