//! `demo`: what it prints to be copied gives what it says.

use crate::harness::{Client, Program, Request};
use std::net::SocketAddr;

/// A printed request: where, what, and the status that is told.
struct Step {
    address: SocketAddr,
    request: Request,
    status: u16,
    told: String,
}

/// Reads `# what to expect -> STATUS` and the `curl` line below it.
fn step(comment: &str, curl: &str) -> Step {
    let (_, status) = comment.rsplit_once("-> ").expect("a status to expect");
    let quoted: Vec<&str> = curl.split('\'').skip(1).step_by(2).collect();
    let url = quoted.iter().find_map(|text| text.strip_prefix("http://")).expect("a URL");
    let (address, target) = url.split_once('/').expect("a path");
    let header =
        quoted.iter().filter(|text| !text.starts_with("http")).find_map(|text| text.split_once(": "));
    let request = Request::get(&format!("/{target}")).hostless().header("Host", address);
    Step {
        address: address.parse().expect("an address"),
        request: header.map_or(request.clone(), |(name, value)| request.header(name, value)),
        status: status.parse().expect("a status"),
        told: comment.to_owned(),
    }
}

#[test]
fn every_printed_request_gives_what_it_says() {
    let mut demo = Program::command(&["demo"]);
    demo.stdout.wait_for("ready", 0, |line| line.contains("ready").then_some(()));
    let lines = demo.stdout.all();
    let pairs = lines.iter().zip(lines.iter().skip(1));
    let steps: Vec<Step> = pairs
        .filter(|(comment, curl)| comment.starts_with('#') && curl.starts_with("curl "))
        .map(|(comment, curl)| step(comment, curl))
        .collect();
    assert!(steps.len() >= 10, "{lines:#?}");
    for Step { address, request, status, told } in steps {
        let not_the_gates: &[&str] =
            if told.contains("straight from the platform") { &["server"] } else { &[] };
        let answer = Client::connect(address, not_the_gates).call(&request);
        assert_eq!(answer.status, status, "{told}: {}", answer.text());
    }
    let config = demo.stderr.wait_for("the config", 0, |line| {
        let path = line.split_whitespace().find(|word| word.ends_with("reportgate.toml"))?;
        Some(std::path::PathBuf::from(path))
    });
    assert!(config.exists());
    demo.signal("INT");
    assert!(demo.exit().success());
    assert!(!config.exists(), "the folder of the demo is removed");
}
