//! A request in the languages that people fetch reports with. Each prints the report as it comes, and fails with
//! what the gate says when it is refused.

use super::Call;
use super::quote::{
    javascript, php as php_text, powershell as powershell_text, python as python_text, shell,
};

/// How long reports may take, in seconds.
const PATIENCE: u32 = 120;

pub(super) fn curl(call: &Call) -> String {
    let mut parts = vec!["curl --silent --show-error --fail-with-body".to_owned()];
    if call.method != "GET" {
        parts.push(format!("--request {}", call.method));
    }
    for (name, value) in call.all_headers() {
        parts.push(format!("--header {}", shell(&format!("{name}: {value}"))));
    }
    if let Some((_, body)) = &call.body {
        // Unlike --data, this takes no leading @ for a file.
        parts.push(format!("--data-raw {}", shell(body)));
    }
    // Brackets and braces of the URL are not for curl to expand.
    parts.push(format!("--globoff {}", shell(&call.url)));
    parts.join(" \\\n  ") + "\n"
}

pub(super) fn python(call: &Call) -> String {
    // Other headers would follow a redirection to wherever it leads, with the token.
    let headers = lines(call, "", |name, value| {
        format!("request.add_unredirected_header({}, {})", python_text(name), python_text(value))
    });
    let body = match &call.body {
        Some((_, body)) => format!("    data={}.encode(),\n", python_text(body)),
        None => String::new(),
    };
    let (url, method) = (python_text(&call.url), python_text(&call.method));
    format!(
        "import sys
import urllib.error
import urllib.request

request = urllib.request.Request(
    {url},
    method={method},
{body})
{headers}try:
    with urllib.request.urlopen(request, timeout={PATIENCE}) as response:
        report = response.read()
except urllib.error.HTTPError as refusal:
    sys.exit(refusal.read().decode())
sys.stdout.buffer.write(report)
"
    )
}

pub(super) fn php(call: &Call) -> String {
    let headers =
        lines(call, "        ", |name, value| format!("{},", php_text(&format!("{name}: {value}"))));
    let body = match &call.body {
        Some((_, body)) => format!("    'content' => {},\n", php_text(body)),
        None => String::new(),
    };
    let (url, method) = (php_text(&call.url), php_text(&call.method));
    format!(
        "<?php
$context = stream_context_create(['http' => [
    'method' => {method},
    'header' => [
{headers}    ],
{body}    'protocol_version' => 1.1,
    'follow_location' => 0,
    'ignore_errors' => true,
    'timeout' => {PATIENCE},
]]);
$stream = fopen({url}, 'r', false, $context);
if ($stream === false) {{
    exit(1);
}}
$report = stream_get_contents($stream);
$status = explode(' ', stream_get_meta_data($stream)['wrapper_data'][0])[1];
if ($status[0] !== '2') {{
    file_put_contents('php://stderr', $report);
    exit(1);
}}
echo $report;
"
    )
}

pub(super) fn node(call: &Call) -> String {
    let headers =
        lines(call, "      ", |name, value| format!("{}: {},", javascript(name), javascript(value)));
    let body = match &call.body {
        Some((_, body)) => format!("    body: {},\n", javascript(body)),
        None => String::new(),
    };
    let (url, method) = (javascript(&call.url), javascript(&call.method));
    format!(
        "(async () => {{
  const response = await fetch({url}, {{
    method: {method},
    headers: {{
{headers}    }},
{body}    redirect: \"error\",
    signal: AbortSignal.timeout({PATIENCE} * 1000),
  }});
  const report = await response.text();
  if (!response.ok) {{
    throw new Error(report);
  }}
  process.stdout.write(report);
}})().catch((error) => {{
  console.error(error.message);
  process.exitCode = 1;
}});
"
    )
}

pub(super) fn powershell(call: &Call) -> String {
    let headers: String = call
        .headers
        .iter()
        .map(|(name, value)| format!("    {} = {}\n", powershell_text(name), powershell_text(value)))
        .collect();
    let body = match &call.body {
        Some((of, body)) => {
            let (of, body) = (powershell_text(of), powershell_text(body));
            // Windows PowerShell would send text as Latin-1.
            format!(" `\n    -ContentType {of} -Body ([Text.Encoding]::UTF8.GetBytes({body}))")
        }
        None => String::new(),
    };
    let (url, method) = (powershell_text(&call.url), powershell_text(&call.method));
    format!(
        "$headers = @{{
{headers}}}
$report = Invoke-RestMethod -Method {method} -Uri {url} `
    -Headers $headers -MaximumRedirection 0 -TimeoutSec {PATIENCE}{body}
$report
"
    )
}

/// Every header on a line of its own.
fn lines(call: &Call, indent: &str, line: impl Fn(&str, &str) -> String) -> String {
    call.all_headers().iter().map(|(name, value)| format!("{indent}{}\n", line(name, value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> Call {
        Call {
            method: "POST".into(),
            url: "http://g/o'r?a=1".into(),
            headers: vec![("Authorization".into(), "Bearer YOUR_TOKEN".into())],
            body: Some(("application/json", "{\"a\":\"it's\"}".into())),
        }
    }

    #[test]
    fn shells_and_powershells_are_quoted() {
        assert_eq!(
            curl(&call()),
            r#"curl --silent --show-error --fail-with-body \
  --request POST \
  --header 'Authorization: Bearer YOUR_TOKEN' \
  --header 'Content-Type: application/json' \
  --data-raw '{"a":"it'\''s"}' \
  --globoff 'http://g/o'\''r?a=1'
"#
        );
        assert_eq!(
            powershell(&call()),
            r#"$headers = @{
    'Authorization' = 'Bearer YOUR_TOKEN'
}
$report = Invoke-RestMethod -Method 'POST' -Uri 'http://g/o''r?a=1' `
    -Headers $headers -MaximumRedirection 0 -TimeoutSec 120 `
    -ContentType 'application/json' -Body ([Text.Encoding]::UTF8.GetBytes('{"a":"it''s"}'))
$report
"#
        );
    }
}
