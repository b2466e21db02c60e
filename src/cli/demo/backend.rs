//! The sample platform: a small HTTP server on loopback, as such platforms are.
//!
//! It answers whoever has its one key, with whatever rows and columns it is asked for; one report
//! ignores the columns, and one adds its primary key. Only the gate knows who may see what.

use super::data::{self, Cell, Table};
use crate::cli::Failure;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use reportgate::domain::encode::push_json_string;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use tokio::runtime;

/// The key by which the platform knows the gate.
pub(super) const KEY: &str = "sample-platform-key";

/// Starts the platform in a thread of its own, which ends with the program, and says where it is.
pub(super) fn start() -> Result<SocketAddr, Failure> {
    let started = || -> io::Result<SocketAddr> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("sample-platform".to_owned()).spawn(move || {
            let ended = runtime.block_on(serve(listener));
            tracing::error!("the sample platform has stopped: {ended:?}");
        })?;
        Ok(address)
    };
    started().map_err(|error| Failure::because("cannot start the sample platform", error))
}

async fn serve(listener: TcpListener) -> io::Result<Infallible> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let platform = Arc::new(Platform::new());
    loop {
        let (stream, _) = listener.accept().await?;
        let platform = Arc::clone(&platform);
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = platform.answer(request.uri(), request.headers());
            async { Ok::<_, Infallible>(answer) }
        });
        tokio::spawn(async move {
            // A connection that breaks concerns nobody but its client.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

#[derive(Debug)]
struct Platform {
    leads: Table,
    commissions: Table,
    clicks: Table,
}

impl Platform {
    fn new() -> Self {
        Self { leads: data::leads(), commissions: data::commissions(), clicks: data::clicks() }
    }

    fn answer(&self, uri: &Uri, headers: &HeaderMap) -> Response<Full<Bytes>> {
        if headers.get("x-api-key").is_none_or(|key| key != KEY) {
            return response(StatusCode::UNAUTHORIZED, "text/plain", "wrong key\n".to_owned());
        }
        let query = Query::parse(uri.query().unwrap_or_default());
        match uri.path() {
            "/affiliates/leads.json" => {
                let mut columns = query.all("_col");
                // The primary key comes first, asked or not.
                if !columns.is_empty() && !columns.contains(&"id") {
                    columns.insert(0, "id");
                }
                let rows = self.leads.select(&query, "affiliate_id__exact", "_size");
                let rows = self.leads.json(&rows, Some(&columns).filter(|columns| !columns.is_empty()));
                response(StatusCode::OK, "application/json", format!(r#"{{"ok":true,"rows":{rows}}}"#))
            }
            "/affiliates/commissions.csv" => {
                let columns = query.first("columns").map(|list| list.split(',').collect::<Vec<_>>());
                let rows = self.commissions.select(&query, "affiliate", "limit");
                response(StatusCode::OK, "text/csv", self.commissions.csv(&rows, columns.as_ref()))
            }
            // Whatever `fields` say.
            "/affiliates/clicks.json" => {
                let rows = self.clicks.select(&query, "affiliate", "limit");
                response(StatusCode::OK, "application/json", self.clicks.json(&rows, None))
            }
            _ => response(StatusCode::NOT_FOUND, "text/plain", "no such report\n".to_owned()),
        }
    }
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response.headers_mut().insert(header::SERVER, header::HeaderValue::from_static("LegacyReports/4.2"));
    response
}

/// A query: decoded names and values, in order.
struct Query(Vec<(String, String)>);

impl Query {
    fn parse(text: &str) -> Self {
        let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        };
        Self(text.split('&').filter(|pair| !pair.is_empty()).map(pair).collect())
    }

    fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect()
    }

    fn first(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }
}

impl Table {
    fn cell<'a>(&self, row: &'a [Cell], column: &str) -> Option<&'a Cell> {
        row.get(self.columns.iter().position(|name| *name == column)?)
    }

    /// The first `limit` rows of the affiliates that `scope` names; without it, of all.
    fn select(&self, query: &Query, scope: &str, limit: &str) -> Vec<&[Cell]> {
        let ids = query.first(scope).map(|list| list.split(',').collect::<Vec<_>>());
        let country = query.first("country");
        let limit = query.first(limit).and_then(|limit| limit.parse().ok()).unwrap_or(100);
        let is = |row: &[Cell], column, wanted: &str| {
            self.cell(row, column).is_some_and(|cell| cell.as_str() == wanted)
        };
        let rows = self.rows.iter().map(Vec::as_slice);
        let rows = rows
            .filter(|row| ids.as_ref().is_none_or(|ids| ids.iter().any(|id| is(row, "affiliate_id", id))));
        rows.filter(|row| country.is_none_or(|country| is(row, "country", country))).take(limit).collect()
    }

    /// The rows as an array of objects, with these columns, or all.
    fn json(&self, rows: &[&[Cell]], columns: Option<&Vec<&str>>) -> String {
        let columns = columns.map_or(self.columns, Vec::as_slice);
        let mut out = String::from("[");
        for (n, row) in rows.iter().enumerate() {
            out.push_str(if n > 0 { ",\n{" } else { "{" });
            let cells = columns.iter().filter_map(|column| Some((column, self.cell(row, column)?)));
            for (at, (column, cell)) in cells.enumerate() {
                if at > 0 {
                    out.push(',');
                }
                push_json_string(&mut out, column);
                out.push(':');
                match cell {
                    Cell::Text(text) => push_json_string(&mut out, text),
                    Cell::Number(text) => out.push_str(text),
                }
            }
            out.push('}');
        }
        out + "]"
    }

    /// The rows as CSV with a header (RFC 4180), with these columns, or all.
    fn csv(&self, rows: &[&[Cell]], columns: Option<&Vec<&str>>) -> String {
        let columns = columns.map_or(self.columns, Vec::as_slice);
        let columns: Vec<_> = columns.iter().copied().filter(|name| self.columns.contains(name)).collect();
        let mut out = columns.join(",") + "\r\n";
        for row in rows {
            let cells = columns.iter().filter_map(|column| self.cell(row, column));
            let cells: Vec<_> = cells.map(|cell| quoted(cell.as_str())).collect();
            out.push_str(&cells.join(","));
            out.push_str("\r\n");
        }
        out
    }
}

/// A CSV field.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http_body_util::BodyExt as _;

    fn ask(target: &str, key: &'static str) -> (u16, String) {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", HeaderValue::from_static(key));
        let answer = Platform::new().answer(&target.parse().unwrap(), &headers);
        let status = answer.status().as_u16();
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        let body = runtime.block_on(answer.into_body().collect()).unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn it_answers_as_the_demo_tells() {
        #[rustfmt::skip]
        let cases = [
            // target, status, start of the body
            ("/affiliates/leads.json?affiliate_id__exact=1001&_size=1&_col=country", 200, r#"{"ok":true,"rows":[{"id":50001,"country":""#),
            ("/affiliates/leads.json?affiliate_id__exact=1002&_size=1", 200, r#"{"ok":true,"rows":[{"id":50002,"affiliate_id":1002,"#),
            ("/affiliates/leads.json?affiliate_id__exact=1003%2C1002&_size=1&_col=affiliate_id", 200, r#"{"ok":true,"rows":[{"id":50002,"affiliate_id":1002}]}"#),
            ("/affiliates/leads.json?affiliate_id__exact=1002&_size=1&_col=affiliate_id&_col=id", 200, r#"{"ok":true,"rows":[{"affiliate_id":1002,"id":50002}]}"#),
            ("/affiliates/leads.json?affiliate_id__exact=9", 200, r#"{"ok":true,"rows":[]}"#),
            ("/affiliates/commissions.csv?affiliate=1001&columns=month,manager_note", 200, "month,manager_note\r\n2026-01,"),
            ("/affiliates/clicks.json?affiliate=1001&limit=1&fields=country", 200, r#"[{"affiliate_id":1001,"clicked_at":"2026-10-31T00:"#),
            ("/affiliates", 404, "no such report"),
        ];
        for (target, status, start) in cases {
            let (found, body) = ask(target, KEY);
            assert_eq!(found, status, "{target}");
            assert!(body.starts_with(start), "{target}: {body}");
        }
        assert_eq!(ask("/affiliates/leads.json", "guessed").0, 401);
    }

    #[test]
    fn it_is_reached_over_tcp() {
        let (status, body) =
            crate::cli::ask::get(&start().unwrap().into(), "/affiliates/leads.json").unwrap();
        assert_eq!((status, &*body), (StatusCode::UNAUTHORIZED, b"wrong key\n".as_slice()));
    }

    #[test]
    fn json_answers_are_json_and_rows_are_limited() {
        for (target, rows) in [("/affiliates/clicks.json", 100), ("/affiliates/clicks.json?limit=7", 7)] {
            let (_, body) = ask(target, KEY);
            let parsed: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(parsed.as_array().unwrap().len(), rows);
        }
    }

    #[test]
    fn csv_fields_are_quoted_where_they_must() {
        #[rustfmt::skip]
        let cases = [("plain", "plain"), ("", ""), ("a,b", "\"a,b\""), ("say \"x\"", "\"say \"\"x\"\"\""), ("a\nb", "\"a\nb\"")];
        for (text, expected) in cases {
            assert_eq!(quoted(text), expected);
        }
    }
}
