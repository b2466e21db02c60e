//! Whether the holder may have the report, in the wanted format, with the body it sends.

use super::coding::content_coding;
use super::denial::Denial;
use super::find_report::{check_method, find_report};
use super::framing::plain_number;
use super::output::output_format;
use super::{Facts, Head, Holder, Permit};
use crate::domain::code::Code;
use crate::domain::dialect::{BodyKind, Place, RequestDialect};
use crate::policy::{Policy, Principal, Report};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, Method};

/// What for: path, report, method, permission, output format, content type.
///
/// # Errors
/// `path_invalid`, `report_not_found`, `method_not_allowed`, `permission_missing`,
/// `format_not_available`, `content_type_invalid`, `body_too_large`, `body_invalid`.
pub fn authorize<'p>(
    policy: &'p Policy,
    head: &Head<'_>,
    holder: Holder<'p>,
    facts: &mut Facts,
) -> Result<Permit<'p>, Denial> {
    let (index, report) = find_report(policy, head)?;
    facts.report = Some(report.name.clone());
    check_method(report, head)?;
    let Holder { principal, client, .. } = holder;
    check_permission(policy, principal, report)?;
    let output = output_format(report, head)?;
    let max_body = policy.settings.limits.body_bytes;
    let body = check_body(report, head, max_body)?;
    Ok(Permit {
        report,
        index,
        principal,
        view: holder.view(index).ok_or_else(no_columns)?,
        backend: policy.backend(report.backend).ok_or_else(other_policy)?,
        token_in: &policy.settings.token_in,
        seal_key: policy.settings.seal_key.as_ref(),
        client,
        output,
        coding: content_coding(&report.response.compress, head.headers),
        body,
        max_body,
    })
}

fn no_columns() -> Denial {
    let detail = "no column of this report is granted";
    Denial::new(Code::ColumnNotGranted, detail).with("columns", Vec::new()).with("granted", Vec::new())
}

fn other_policy() -> Denial {
    Denial::new(Code::Internal, "the config contradicts itself")
}

fn check_permission(policy: &Policy, principal: &Principal, report: &Report) -> Result<(), Denial> {
    if principal.has(report.permission) {
        return Ok(());
    }
    let name = policy.permission(report.permission).ok_or_else(other_policy)?.as_str();
    let detail = format!("this report needs the permission {name}");
    Err(Denial::new(Code::PermissionMissing, detail).with("permission", name))
}

/// What body the request may have, as far as its head tells.
fn check_body(report: &Report, head: &Head<'_>, max_body: usize) -> Result<BodyKind, Denial> {
    let kind = if head.method == Method::POST { client_body(&report.request) } else { BodyKind::None };
    let length = head.headers.get(CONTENT_LENGTH).map_or(Some(0), plain_number);
    if length == Some(0) && !head.headers.contains_key(TRANSFER_ENCODING) {
        return Ok(kind);
    }
    let expected = match kind {
        BodyKind::None => return Err(Denial::new(Code::BodyInvalid, "this request takes no body")),
        BodyKind::Form => "application/x-www-form-urlencoded",
        BodyKind::Json => "application/json",
    };
    if !has_content_type(head.headers, expected) {
        let detail = format!("the body must be {expected}, in UTF-8, not encoded");
        return Err(Denial::new(Code::ContentTypeInvalid, detail).with("expected", expected));
    }
    match length.map(usize::try_from) {
        Some(Ok(length)) if length <= max_body => Ok(kind),
        _ => Err(Denial::new(Code::BodyTooLarge, format!("the body may have {max_body} bytes"))),
    }
}

/// What clients of a report send when they POST: what the backend gets or, where that is
/// nothing, what declared parameters ask for.
#[must_use]
pub fn client_body(dialect: &RequestDialect) -> BodyKind {
    let parameters = dialect.parameters.iter().map(|parameter| &parameter.client);
    let places = parameters.chain(&dialect.allow).chain(dialect.sort.iter().map(|slot| &slot.place));
    let asked = places.map(|place| match place {
        Place::Query(_) => BodyKind::None,
        Place::Form(_) => BodyKind::Form,
        Place::Json(_) => BodyKind::Json,
    });
    std::iter::once(dialect.body).chain(asked).find(|kind| *kind != BodyKind::None).unwrap_or(BodyKind::None)
}

/// Whether there is one content type, the expected one, in UTF-8, and no content coding.
fn has_content_type(headers: &HeaderMap, expected: &str) -> bool {
    let mut lines = headers.get_all(CONTENT_TYPE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return false };
    let Ok(line) = line.to_str() else { return false };
    let mut parts = line.split(';').map(str::trim);
    let is_type = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(expected));
    let is_utf8 = |part: &str| {
        let value = part.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("charset"));
        value.is_some_and(|(_, value)| value.trim_matches('"').eq_ignore_ascii_case("utf-8"))
    };
    let identity = |coding: &http::HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    is_type && parts.all(is_utf8) && headers.get_all(CONTENT_ENCODING).iter().all(identity)
}
