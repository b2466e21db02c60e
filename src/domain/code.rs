//! The closed set of endings a request can have (the `code` of an answer, a log line and a metric label).

use std::fmt;

macro_rules! codes {
    ($( $(#[$doc:meta])* $variant:ident $code:literal $status:literal $title:literal; )*) => {
        /// How a request that did not succeed ended.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $( $(#[$doc])* $variant, )*
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )*];

            /// The code as answers, log lines, metric labels and `[[test]]` say it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $code, )* }
            }

            /// The response status. `backend_rejected` keeps the backend's own; this is its default.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $( Self::$variant => $status, )* }
            }

            /// The fixed `title` of the answer.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $( Self::$variant => $title, )* }
            }
        }
    };
}

codes! {
    /// Framing, Host or target that two programs could read differently.
    RequestMalformed "request_malformed" 400 "The request is not valid HTTP";
    /// The client header of a trusted proxy cannot be read.
    ForwardedInvalid "forwarded_invalid" 400 "The forwarded client address cannot be read";
    /// Head or body did not arrive in time.
    RequestTimeout "request_timeout" 408 "The request did not arrive in time";
    /// The request target is too long.
    UriTooLong "uri_too_long" 414 "The request target is too long";
    /// No token in any of the places where one may stand.
    TokenMissing "token_missing" 401 "An API token is required";
    /// More than one token, or bytes that cannot be one.
    TokenMalformed "token_malformed" 401 "The API token is malformed";
    /// A token nobody has.
    TokenUnknown "token_unknown" 401 "The API token is not known";
    /// A token past its expiry.
    TokenExpired "token_expired" 401 "The API token has expired";
    /// The holder is disabled.
    PrincipalDisabled "principal_disabled" 401 "The holder of this API token is disabled";
    /// The client address is not in the holder's whitelist.
    IpNotAllowed "ip_not_allowed" 403 "This source address is not allowed";
    /// The holder, or the token, has sent too many requests.
    RateLimited "rate_limited" 429 "Too many requests";
    /// Too many tokens were tried from the client address.
    LockedOut "locked_out" 429 "Too many tokens were tried from this address";
    /// No report at this path.
    ReportNotFound "report_not_found" 404 "There is no report at this path";
    /// The report does not answer this method.
    MethodNotAllowed "method_not_allowed" 405 "The report does not answer this method";
    /// The holder lacks the report's permission.
    PermissionMissing "permission_missing" 403 "A permission is missing";
    /// An id that is not the holder's.
    ScopeNotGranted "scope_not_granted" 403 "This scope is not granted";
    /// A column that is not the holder's, or does not exist.
    ColumnNotGranted "column_not_granted" 403 "These columns are not granted";
    /// A parameter whose value is not what it should be.
    ParameterInvalid "parameter_invalid" 400 "A parameter is not valid";
    /// A parameter that the report does not take.
    ParameterNotAllowed "parameter_not_allowed" 400 "A parameter is not allowed";
    /// A required parameter was not sent.
    ParameterMissing "parameter_missing" 400 "A parameter is missing";
    /// The report needs one id to be chosen.
    ScopeRequired "scope_required" 400 "A scope must be chosen";
    /// The body cannot be read, or none is expected.
    BodyInvalid "body_invalid" 400 "The request body is not valid";
    /// A path with more than one spelling.
    PathInvalid "path_invalid" 400 "The path is not in its plain spelling";
    /// The client wants a format that the report does not give.
    FormatNotAvailable "format_not_available" 406 "The format is not available";
    /// The body's content type is not the declared one.
    ContentTypeInvalid "content_type_invalid" 415 "The content type is not the expected one";
    /// The body is larger than the limit.
    BodyTooLarge "body_too_large" 413 "The request body is too large";
    /// The head is larger than the limit.
    HeadersTooLarge "headers_too_large" 431 "The request headers are too large";
    /// The backend refused the request as such.
    BackendRejected "backend_rejected" 400 "The reporting backend rejected the request";
    /// The backend refused the gate: a redirect, 401, 403, or a failure in its body.
    BackendRefused "backend_refused" 502 "The reporting backend refused the request";
    /// The backend failed.
    BackendFailed "backend_failed" 502 "The reporting backend failed";
    /// No connection to the backend.
    BackendUnreachable "backend_unreachable" 502 "The reporting backend cannot be reached";
    /// The backend's answer is not of the configured shape.
    BackendResponseInvalid "backend_response_invalid" 502 "The reporting backend's answer is not valid";
    /// The backend did not answer in time.
    BackendTimeout "backend_timeout" 504 "The reporting backend did not answer in time";
    /// The gate or the backend has too much to do.
    Overloaded "overloaded" 503 "Too much to do at the moment";
    /// The gate is shutting down.
    Draining "draining" 503 "The gate is shutting down";
    /// A Host that the admin listener does not answer.
    HostNotAllowed "host_not_allowed" 421 "This Host is not answered";
    /// A fault of the gate itself.
    Internal "internal" 500 "Internal error";
    /// The client left before its answer was complete; never sent.
    ClientGone "client_gone" 499 "The client has gone";
}

impl Code {
    /// The code of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_read_back() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(*code));
        }
        assert_eq!(Code::parse("ok"), None);
    }
}
