//! How many files and sockets the process may have open, and how many of them are its own.

use reportgate::policy::Settings;
use reportgate::serve::OpenFiles;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open in any case: outputs, runtimes, signals, watched folders, what `[admin]` keeps; and what is opened now and then,
/// such as the files of a reload.
const OWN: usize = 40;

/// Each worker's runtime.
const OF_A_WORKER: usize = 4;

/// Each listener is kept for a successor, too.
const OF_A_LISTENER: usize = 2;

/// Raises the limit of open files as far as this process may, and tells it; `None` when there is none.
pub(super) fn open_files(settings: &Settings, workers: usize) -> Option<OpenFiles> {
    let own = OWN + OF_A_WORKER * workers + OF_A_LISTENER * settings.listen.len();
    Some(OpenFiles { limit: raised()?, own })
}

fn raised() -> Option<usize> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // A sandbox may not allow it; then what there is must do.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    let limit = if raised { maximum } else { current };
    limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX))
}
