//! What is seen of a backend's answer while it is read: for the record of the request that it answers, or of
//! none yet, where an answer is read for whoever may want it.

use super::record::Record;
use super::shard::Shard;
use crate::domain::names::ReportName;
use crate::filter::Filter;
use std::sync::Arc;
use std::time::Duration;

/// Who is told of it.
pub(super) trait Observer: Send {
    /// Whether only the head of the answer is asked for.
    fn is_head(&self) -> bool;

    /// The head of the answer, or a failure instead, came after so long.
    fn answered(&mut self, after: Duration);

    /// So much the filter has found by now.
    fn found(&mut self, filter: &Filter);

    /// The filter will see no more of the answer.
    fn filtered(&mut self, filter: &Filter);

    /// The filter has seen all of the answer.
    fn filtered_whole(&mut self, filter: &Filter);
}

impl Observer for Record {
    fn is_head(&self) -> bool {
        self.is_head()
    }

    fn answered(&mut self, after: Duration) {
        self.backend_duration = Some(after);
    }

    fn found(&mut self, filter: &Filter) {
        self.found(filter);
    }

    fn filtered(&mut self, filter: &Filter) {
        self.filtered(filter);
    }

    fn filtered_whole(&mut self, filter: &Filter) {
        self.filtered_whole(filter);
    }
}

/// What was seen of an answer that is read for nobody in particular.
#[derive(Debug)]
pub(super) struct Sighting {
    pub(super) backend_duration: Option<Duration>,
    pub(super) columns_removed: u64,
    pub(super) foreign_rows: u64,
    shard: Arc<Shard>,
    generation: u64,
    report: Option<ReportName>,
}

impl Sighting {
    /// Nothing yet, of an answer to that report in that generation of the config.
    pub(super) fn new(shard: &Arc<Shard>, generation: u64, report: Option<ReportName>) -> Self {
        Self {
            backend_duration: None,
            columns_removed: 0,
            foreign_rows: 0,
            shard: Arc::clone(shard),
            generation,
            report,
        }
    }
}

impl Observer for Sighting {
    fn is_head(&self) -> bool {
        false
    }

    fn answered(&mut self, after: Duration) {
        self.backend_duration = Some(after);
    }

    fn found(&mut self, filter: &Filter) {
        self.columns_removed = filter.columns_removed();
        self.foreign_rows = filter.foreign_rows();
    }

    fn filtered(&mut self, filter: &Filter) {
        self.found(filter);
        self.shard.findings.tell_of(self.generation, self.report.as_ref(), filter, false);
    }

    fn filtered_whole(&mut self, filter: &Filter) {
        self.found(filter);
        self.shard.findings.tell_of(self.generation, self.report.as_ref(), filter, true);
    }
}
