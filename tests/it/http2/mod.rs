//! Clients that speak HTTP/2: what they get, what they may not do, and how their connections end.

mod attacks;
mod ends;
mod frames;
mod requests;

use crate::harness::{Answer, Config, End, Gate, RecordingBackend, affiliate, token};
use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A gate with that many affiliates, `a0` and so on, each of which sees the rows of its own id.
fn gate_of_many(backend: &RecordingBackend, count: usize, keys: &str) -> Gate {
    let many =
        |number| affiliate(&format!("a{number}"), &format!("role = \"standard\"\nscope = [\"{number}\"]"));
    Gate::start(&Config::leads(backend).server(keys).with(&(0..count).map(many).collect::<String>()))
}

/// A connection, and how it will have ended.
async fn connect(gate: &Gate) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    connect_to(gate.address()).await
}

/// Likewise, to an address.
async fn connect_to(address: SocketAddr) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    begin(stream).await
}

/// Likewise, by a stream that is there.
pub(crate) async fn begin<S>(stream: S) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // The window of the connection is no limit, so that streams wait only for their own.
    let mut builder = h2::client::Builder::new();
    let (send, connection) =
        builder.initial_connection_window_size(16 << 20).handshake(stream).await.unwrap();
    (send, tokio::spawn(connection))
}

/// A GET by that principal.
fn get(principal: &str, target: &str) -> Request<()> {
    let authorization = format!("Bearer {}", token(principal));
    let request = Request::get(format!("http://gate.test{target}")).header("authorization", authorization);
    request.body(()).unwrap()
}

/// Sends a request with this body, as soon as a stream is free, and reads its answer.
async fn send(
    connection: &SendRequest<Bytes>,
    request: Request<()>,
    body: Option<&'static [u8]>,
) -> Result<Answer, h2::Error> {
    let mut ready = connection.clone().ready().await?;
    let (response, mut stream) = ready.send_request(request, body.is_none())?;
    if let Some(body) = body {
        stream.send_data(body.into(), true)?;
    }
    let (head, mut body) = response.await?.into_parts();
    let mut whole = Vec::new();
    let mut end = End::Complete;
    while let Some(piece) = body.data().await {
        let Ok(piece) = piece else {
            end = End::Broken;
            break;
        };
        body.flow_control().release_capacity(piece.len()).unwrap();
        whole.extend_from_slice(&piece);
    }
    let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value)));
    let answer = Answer { status: head.status.as_u16(), headers: headers.collect(), body: whole, end };
    crate::harness::check_answer(&answer);
    Ok(answer)
}

/// Sends a GET and reads its answer.
pub(crate) async fn call(
    connection: &SendRequest<Bytes>,
    principal: &str,
    target: &str,
) -> Result<Answer, h2::Error> {
    send(connection, get(principal, target), None).await
}
