//! provisional
use crate::domain::code::Code;
use http::{HeaderMap, HeaderName, StatusCode};
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass { Body, NoBody }
pub fn outcome(status: StatusCode) -> Result<Pass, (Code, StatusCode)> {
    match status.as_u16() { 204 | 205 => Ok(Pass::NoBody), 200..=299 => Ok(Pass::Body), _ => Err((Code::BackendFailed, status)) }
}
pub fn pass_headers(_from: &HeaderMap, _extra: &[HeaderName], _opaque: bool, _to: &mut HeaderMap) {}
pub fn is_identity(_from: &HeaderMap) -> bool { true }
