//! An answer of a backend for an operator to look at: the way of every other answer, without a client.

use super::back::{Answered, BackendError, Client};
use super::body::Cut;
use crate::domain::code::Code;
use crate::domain::dialect::OutputFormat;
use crate::domain::names::ColumnName;
use crate::filter::coding::Decoder;
use crate::filter::headers::Success;
use crate::filter::{Filter, Terms, headers};
use crate::rewrite::BackendRequest;
use std::fmt;
use std::sync::Arc;

/// What may leave of an answer.
#[derive(Debug, Default)]
pub struct Fetched {
    /// The rows, in the format that was asked for.
    pub body: Vec<u8>,
    /// Whether that is all of them.
    pub is_whole: bool,
    /// Columns that the backend sent and the gate cut, the first few, as the backend spells them.
    pub removed: Vec<String>,
    /// Columns of the view that the backend did not send.
    pub missing: Vec<ColumnName>,
    /// How many rows of somebody else's were cut.
    pub foreign_rows: u64,
}

/// Why there is no answer that a client would get.
#[derive(Debug)]
pub struct Unanswered(BackendError);

impl Unanswered {
    /// The code that a client would get.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code()
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Unanswered {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// Asks the backend and filters its answer; its rows leave as `output`, at most about `most` bytes of them. Runs on a
/// tokio runtime with time and I/O.
///
/// # Errors
/// When a client would get an error, or a broken transfer.
pub async fn fetch(
    request: &BackendRequest,
    output: OutputFormat,
    most: usize,
) -> Result<Fetched, Unanswered> {
    begin(request, output, most).await.map_err(Unanswered)
}

async fn begin(request: &BackendRequest, output: OutputFormat, most: usize) -> Result<Fetched, BackendError> {
    let client = Client::new(Arc::default());
    let turn = client.turn(request).await?;
    let Answered { response, lease } = client.send(request, turn).await?;
    let (head, incoming) = response.into_parts();
    let success =
        headers::outcome(head.status).map_err(|(code, _)| BackendError::Status(code, head.status))?;
    if success == Success::WithoutBody {
        return Ok(Fetched { is_whole: true, ..Fetched::default() });
    }
    let framing = headers::check_body(&head.headers).map_err(BackendError::Filter)?;
    let answer = request.answer();
    let decoder = framing.coding.map(|coding| Decoder::new(coding, answer.decoding)).transpose();
    let decoder = decoder.map_err(BackendError::Filter)?;
    let terms = Arc::new(Terms { output, ..Terms::clone(&answer.terms) });
    let filter = Filter::new(&answer.grant.filter, &terms);
    let mut cut = Cut::new(incoming, framing.ending, decoder, filter, lease);
    let mut fetched = Fetched::default();
    while fetched.body.len() <= most && !fetched.is_whole {
        match cut.next().await? {
            Some(bytes) => fetched.body.extend_from_slice(&bytes),
            None => fetched.is_whole = true,
        }
    }
    let filter = cut.filter();
    fetched.removed = filter.removed_names();
    fetched.foreign_rows = filter.foreign_rows();
    if fetched.is_whole {
        fetched.missing = filter.missing_columns();
    }
    Ok(fetched)
}
