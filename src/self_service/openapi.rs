//! The OpenAPI 3.1 document of exactly what one token may call.

use super::answers;
use super::body::Tree;
use super::example;
use super::granted::GrantedReport;
use super::parameter::{Parameter, Stands};
use super::schema::{Members, Schema};
use crate::decide::Head;
use crate::domain::code::Code;
use crate::domain::dialect::BodyKind;
use crate::policy::{Settings, TokenPlace};
use http::HeaderName;
use http::header::HOST;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The statuses that `backend_rejected` keeps, besides its own.
const REJECTED: [u16; 4] = [404, 409, 410, 422];

/// The document (OpenAPI 3.1.0 section 4.8.1).
#[derive(Debug, Serialize)]
pub(super) struct Document {
    openapi: &'static str,
    info: Info,
    servers: Vec<Server>,
    /// One of these.
    security: Vec<Members<[(); 0]>>,
    paths: Members<PathItem>,
    components: Components,
}

#[derive(Debug, Serialize)]
struct Info {
    title: String,
    version: &'static str,
}

#[derive(Debug, Serialize)]
struct Server {
    url: String,
}

/// A report. What stands in the query and the head is the same for every method.
#[derive(Debug, Serialize)]
struct PathItem {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parameters: Vec<BesideBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    get: Option<Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    post: Option<Operation>,
}

/// A parameter of the query or the head.
#[derive(Debug, Serialize)]
struct BesideBody {
    name: String,
    #[serde(rename = "in")]
    part: &'static str,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(flatten)]
    serialization: Option<Serialization>,
    schema: Schema,
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<Value>,
}

#[derive(Debug, Serialize)]
struct Serialization {
    style: &'static str,
    explode: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    operation_id: String,
    summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_body: Option<RequestBody>,
    responses: Members<Answer>,
}

#[derive(Debug, Serialize)]
struct RequestBody {
    required: bool,
    content: Members<Content>,
}

#[derive(Debug, Serialize)]
struct Content {
    schema: Schema,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<Members<Serialization>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<Value>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Answer {
    /// What `components` describes.
    Named {
        #[serde(rename = "$ref")]
        reference: String,
    },
    Described {
        description: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<Members<Content>>,
    },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Components {
    security_schemes: Members<SecurityScheme>,
    schemas: Members<Schema>,
    responses: Members<Answer>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type")]
enum SecurityScheme {
    #[serde(rename = "http")]
    Http { scheme: &'static str },
    #[serde(rename = "apiKey")]
    ApiKey {
        #[serde(rename = "in")]
        part: &'static str,
        name: String,
    },
}

/// The document of these reports, for requests like this one.
pub(super) fn document(
    reports: &[GrantedReport<'_>],
    holder: &str,
    settings: &Settings,
    head: &Head<'_>,
) -> Document {
    let errors = errors();
    let paths = reports.iter().map(|granted| (&*granted.report.path, path_item(granted, &errors)));
    let rows = reports.iter().map(|granted| (row_name(granted), answers::row(granted)));
    let schemas = std::iter::once(("Problem".to_owned(), problem())).chain(rows).collect();
    let schemes = security_schemes(&settings.token_in);
    Document {
        openapi: "3.1.0",
        info: Info { title: format!("Reports for {holder}"), version: "1" },
        servers: server(settings, head).into_iter().collect(),
        security: schemes.0.iter().map(|(name, _)| Members(vec![(name.clone(), [])])).collect(),
        paths: paths.collect(),
        components: Components {
            security_schemes: schemes,
            schemas,
            responses: errors.iter().map(|(status, codes)| (status.to_string(), error(codes))).collect(),
        },
    }
}

/// Where the request came to. Only a proxy that is believed can tell that it spoke TLS with the client.
fn server(settings: &Settings, head: &Head<'_>) -> Option<Server> {
    let host = head.headers.get(HOST)?.to_str().ok()?;
    let forwarded =
        head.headers.get(X_FORWARDED_PROTO).filter(|_| settings.trusted_proxies.contains(head.peer));
    let is_tls = forwarded.is_some_and(|scheme| scheme.as_bytes().eq_ignore_ascii_case(b"https"));
    let scheme = if is_tls || head.is_tls { "https" } else { "http" };
    Some(Server { url: format!("{scheme}://{host}") })
}

/// Every place where a token may stand, under names of its own.
fn security_schemes(places: &[TokenPlace]) -> Members<SecurityScheme> {
    let mut schemes: Vec<(String, SecurityScheme)> = Vec::with_capacity(places.len());
    for place in places {
        let (name, scheme) = match place {
            TokenPlace::Bearer => ("bearer".to_owned(), SecurityScheme::Http { scheme: "bearer" }),
            TokenPlace::Header(name) => {
                (plain(name.as_str()), SecurityScheme::ApiKey { part: "header", name: name.to_string() })
            }
            TokenPlace::Query(name) => {
                (plain(name), SecurityScheme::ApiKey { part: "query", name: name.to_string() })
            }
        };
        let taken = |name: &str| schemes.iter().any(|(other, _)| other == name);
        let name = if taken(&name) { format!("{name}.{}", schemes.len()) } else { name };
        schemes.push((name, scheme));
    }
    Members(schemes)
}

/// A name that a component can have.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

fn path_item(granted: &GrantedReport<'_>, errors: &BTreeMap<u16, Vec<Code>>) -> PathItem {
    let operation = |method: &str, request_body| {
        let success =
            Answer::Described { description: "the report".to_owned(), content: Some(success(granted)) };
        let refusals = errors.keys().map(|status| {
            (status.to_string(), Answer::Named { reference: format!("#/components/responses/{status}") })
        });
        Operation {
            operation_id: format!("{method}_{}", granted.report.name),
            summary: granted.title().to_owned(),
            request_body,
            responses: std::iter::once(("200".to_owned(), success)).chain(refusals).collect(),
        }
    };
    let bodiless =
        |description: &str| Answer::Described { description: description.to_owned(), content: None };
    let methods = granted.methods;
    PathItem {
        parameters: granted.parameters.iter().filter_map(beside_body).collect(),
        get: methods.get.then(|| operation("get", None)),
        head: methods.head.then(|| Operation {
            responses: [
                ("200", bodiless("there is such a report")),
                ("default", bodiless("as GET, without a body")),
            ]
            .into_iter()
            .collect(),
            ..operation("head", None)
        }),
        post: methods.post.then(|| operation("post", request_body(granted))),
    }
}

fn beside_body(own: &Parameter<'_>) -> Option<BesideBody> {
    if own.stands.is_in_body() {
        return None;
    }
    Some(BesideBody {
        name: own.stands.name().into_owned(),
        part: own.stands.part(),
        required: own.required,
        description: own.sentences(),
        serialization: own.serialization().map(|(style, explode)| Serialization { style, explode }),
        schema: own.schema(),
        example: own.example_json(),
    })
}

/// What a POST holds; nothing where it has no body.
fn request_body(granted: &GrantedReport<'_>) -> Option<RequestBody> {
    let media_type = match granted.body {
        BodyKind::None => return None,
        BodyKind::Form => "application/x-www-form-urlencoded",
        BodyKind::Json => "application/json",
    };
    let tree: Tree<_> = granted.parameters.iter().map(|own| (own.stands.clone(), own)).collect();
    let in_form = granted.parameters.iter().filter(|own| matches!(own.stands, Stands::Form(_)));
    let encoding: Vec<_> = in_form
        .filter_map(|own| {
            let (style, explode) = own.serialization()?;
            Some((own.stands.name().into_owned(), Serialization { style, explode }))
        })
        .collect();
    let content = Content {
        schema: tree.schema(),
        encoding: (!encoding.is_empty()).then_some(Members(encoding)),
        example: example::body(granted),
    };
    Some(RequestBody { required: tree.is_required(), content: [(media_type, content)].into_iter().collect() })
}

fn row_name(granted: &GrantedReport<'_>) -> String {
    format!("Row.{}", granted.report.name)
}

fn success(granted: &GrantedReport<'_>) -> Members<Content> {
    let row = format!("#/components/schemas/{}", row_name(granted));
    let contents = granted.report.output.iter().map(|output| {
        let (media_type, schema) = answers::content(granted, *output, &row);
        (media_type, Content { schema, encoding: None, example: None })
    });
    contents.collect()
}

/// The codes of the answers that a holder can get, by status.
fn errors() -> BTreeMap<u16, Vec<Code>> {
    let mut errors: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    // The one is never sent, the other only by the admin listener.
    let sent = Code::ALL.iter().filter(|code| !matches!(code, Code::ClientGone | Code::HostNotAllowed));
    let own = sent.map(|code| (code.status(), *code));
    for (status, code) in own.chain(REJECTED.map(|status| (status, Code::BackendRejected))) {
        errors.entry(status).or_default().push(code);
    }
    errors
}

/// An answer with one of these codes.
fn error(codes: &[Code]) -> Answer {
    let codes = || codes.iter().map(|code| code.as_str());
    let schema = Schema {
        properties: Some([("code", Schema::one_of_texts(codes()))].into_iter().collect()),
        ..Schema::reference("#/components/schemas/Problem".to_owned())
    };
    let content = Content { schema, encoding: None, example: None };
    Answer::Described {
        description: codes().collect::<Vec<_>>().join(", "),
        content: Some([("application/problem+json", content)].into_iter().collect()),
    }
}

/// A refusal (RFC 9457).
fn problem() -> Schema {
    let text = || Schema::of("string");
    let members = [
        ("type", text()),
        ("title", text()),
        ("status", Schema::of("integer")),
        ("detail", text()),
        ("code", text()),
        ("request_id", text()),
    ];
    let required = members.iter().map(|(name, _)| (*name).to_owned()).collect();
    Schema::object(members.into_iter().collect(), required)
}
