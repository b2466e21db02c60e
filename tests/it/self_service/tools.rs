//! Other programs read the OpenAPI document: a validator, and schemathesis, which calls what it finds in it.

use super::HOLDERS;
use super::sample::gate;
use crate::harness::{new_folder, token};
use std::io::Write as _;
use std::process::{Command, Stdio};

#[test]
#[ignore = "needs openapi-spec-validator; tests/run installs it"]
fn the_document_is_valid() {
    let python = std::env::var_os("REPORTGATE_TEST_OPENAPI").expect("run by tests/run");
    let (_backend, gate) = gate();
    for who in HOLDERS {
        let document = gate.get(who, "/_gate/openapi.json");
        let mut command = Command::new(&python);
        command.args(["-m", "openapi_spec_validator", "--schema", "3.1", "-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the validator");
        child.stdin.take().unwrap().write_all(&document.body).unwrap();
        let output = child.wait_with_output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{who}: {said}\n{}", document.text());
    }
}

#[test]
#[ignore = "needs schemathesis; tests/run installs it"]
fn schemathesis_finds_no_fault() {
    let python = std::env::var_os("REPORTGATE_TEST_OPENAPI").expect("run by tests/run");
    let (backend, gate) = gate();
    let folder = new_folder();
    for who in ["acme", "jane"] {
        let mut command = Command::new(&python);
        command
            .args(["-m", "schemathesis.cli", "run"])
            .arg(format!("http://{}/_gate/openapi.json", gate.address()));
        command.arg("-H").arg(format!("X-API-Key: {}", token(who)));
        // What it makes up is the same every time.
        command.args([
            "--max-examples",
            "40",
            "--generation-deterministic",
            "--continue-on-failure",
            "--no-color",
        ]);
        command.args(["--phases", "examples,coverage,fuzzing"]);
        // Not `positive_data_acceptance`: no schema can say that a date may not be before another one.
        let checks = [
            "not_a_server_error",
            "status_code_conformance",
            "content_type_conformance",
            "response_headers_conformance",
            "response_schema_conformance",
            "missing_required_header",
            "unsupported_method",
        ];
        command.args(["--checks", &checks.join(",")]);
        let output = command.current_dir(folder.path()).output().expect("schemathesis");
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{who}: {said}");
    }
    assert!(backend.count() > 100, "some of it passed: {}", backend.count());
}
