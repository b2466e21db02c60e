//! What the demo tells: requests to copy, each with what to expect, and changes to try.
//!
//! The requests are for eyes and scripts: one `curl` a line, after a comment that ends with the
//! status to expect, such as `-> 403`.

use super::backend;
use super::config::Tokens;
use std::env;
use std::net::SocketAddr;
use std::path::Path;

/// The last line on stdout; a script that has read it knows that it has read all.
pub(super) const READY: &str = "# ready, until Ctrl-C\n";

/// Where everything is.
pub(super) struct Guide<'a> {
    /// The gate.
    pub(super) gate: SocketAddr,
    /// Its admin listener.
    pub(super) admin: SocketAddr,
    /// The sample platform.
    pub(super) backend: SocketAddr,
    /// Who may ask.
    pub(super) tokens: &'a Tokens,
    /// The config file.
    pub(super) config: &'a Path,
}

/// A request and what comes of it.
struct Step<'a> {
    expect: &'static str,
    status: u16,
    /// A header, and the URL.
    header: Option<String>,
    base: &'a SocketAddr,
    target: &'static str,
}

impl Guide<'_> {
    /// What this is.
    pub(super) fn introduction(&self) -> String {
        let Self { gate, admin, backend, config, .. } = self;
        format!(
            "
reportgate demo: a sample platform with three reports, and the gate in front of it.

  the gate            http://{gate}
  its admin listener  http://{admin}   (/metrics /livez /readyz /status)
  the platform        http://{backend}   (in earnest, only the gate can reach it)
  the config          {}

Copy a line into another terminal; each prints the answer and its status.

",
            config.display()
        )
    }

    /// The requests, for stdout.
    pub(super) fn requests(&self) -> String {
        let line = |step: &Step<'_>| {
            let Step { expect, status, base, target, .. } = step;
            let header = step.header.as_ref().map(|header| format!("-H '{header}' ")).unwrap_or_default();
            format!(
                "# {expect} -> {status}\ncurl -sS -w '\\n%{{http_code}}\\n' {header}'http://{base}{target}'\n\n"
            )
        };
        self.steps().iter().map(line).collect()
    }

    #[rustfmt::skip]
    fn steps(&self) -> Vec<Step<'_>> {
        let step = |expect, status, header, target| Step { expect, status, header, base: &self.gate, target };
        let bearer = |secret: &super::config::Secret| Some(format!("Authorization: Bearer {}", secret.text));
        let acme = || bearer(&self.tokens.acme);
        vec![
            step("allowed: own columns, in the order of the view, and own rows", 200,
                acme(), "/api/v1/reports/leads"),
            step("allowed: a CSV report", 200,
                acme(), "/api/v1/reports/commissions"),
            step("narrowed: some of the own columns, in the order asked, of one country", 200,
                acme(), "/api/v1/reports/leads?_col=commission&_col=created_at&country=DE"),
            step("over-ask: email is not granted (column_not_granted)", 403,
                acme(), "/api/v1/reports/leads?_col=created_at&_col=email"),
            step("somebody else's id (scope_not_granted)", 403,
                acme(), "/api/v1/reports/leads?affiliate_id__exact=1002"),
            step("somebody else's id in another spelling (parameter_not_allowed)", 400,
                acme(), "/api/v1/reports/leads?Affiliate_ID__exact=1002"),
            step("enforcement: the platform sends every column of this report, the gate cuts them", 200,
                acme(), "/api/v1/reports/clicks"),
            step("another format: the same for a spreadsheet", 200,
                acme(), "/api/v1/reports/clicks?format=csv"),
            Step { base: &self.backend, ..step("to compare: the same, straight from the platform", 200,
                Some(format!("x-api-key: {}", backend::KEY)), "/affiliates/clicks.json?affiliate=1001&fields=clicked_at,country,landing_page&limit=3") },
            step("an employee: every column and every affiliate's rows", 200,
                bearer(&self.tokens.jane), "/api/v1/reports/leads"),
            step("wrong address: this affiliate may not come from here (ip_not_allowed, seen_ip)", 403,
                bearer(&self.tokens.globex), "/api/v1/reports/leads"),
            step("expired token (token_expired)", 401,
                bearer(&self.tokens.expired), "/api/v1/reports/leads"),
            step("no token (token_missing)", 401,
                None, "/api/v1/reports/leads"),
            Step { base: &self.admin, ..step("what was counted", 200, None, "/metrics") },
        ]
    }

    /// Changes of the config to try.
    pub(super) fn changes(&self) -> String {
        let config = self.config.display();
        let program = env::current_exe().unwrap_or_else(|_| "reportgate".into());
        let program = program.display();
        format!(
            "Then change {config}
and send the first request again; a saved file is in force at once:

  in [affiliates.acme], disabled = true                     -> 401 principal_disabled
  delete the table [[affiliates.acme.tokens]] of acme-bi    -> 401 token_unknown
  in [affiliates.acme], add \"code\" to columns.leads         -> 200 with another column
  add \"email\" there, which its role does not grant          -> a mistake: told here, nothing changes

  {program} -c {config} check
  {program} -c {config} status

Ctrl-C ends the demo and removes the config.

"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reportgate::domain::code::Code;

    #[test]
    fn every_request_follows_what_to_expect() {
        let tokens = Tokens::generate().unwrap();
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let config = Path::new("demo/reportgate.toml");
        let guide = Guide { gate: at(1), admin: at(2), backend: at(3), tokens: &tokens, config };
        let requests = guide.requests();
        let blocks: Vec<_> = requests.trim_end().split("\n\n").collect();
        assert_eq!(blocks.len(), guide.steps().len());
        for block in blocks {
            let (comment, request) = block.split_once('\n').unwrap();
            let (expect, status) = comment.rsplit_once(" -> ").unwrap();
            assert!(expect.starts_with("# ") && request.starts_with("curl "), "{block}");
            assert!(!request.contains('\n'), "{block}");
            // A code in brackets is one of the closed set and has the status that is told.
            if let Some((_, codes)) = expect.split_once('(') {
                let code = codes.split([',', ')']).next().and_then(Code::parse).unwrap();
                assert_eq!(code.status().to_string(), status, "{block}");
            } else {
                assert_eq!(status, "200", "{block}");
            }
        }
    }
}
