//! `token`: issue, list, extend, rotate, revoke, and take over the platform's own keys.
//!
//! A new token goes to stdout, alone, once; everything else to stderr.

use super::ask::{self, Target};
use super::edit::{self, Options};
use super::failure::Failure;
use super::table::table;
use super::{Format, Output, show};
use clap::{ArgGroup, Args, Subcommand};
use http::StatusCode;
use jiff::civil::Date;
use reportgate::clock;
use reportgate::domain::time::{Expiry, Timestamp};
use reportgate::manage::tokens::{self, Issued, Life, NewEnd};
use reportgate::manage::{Draft, ManageError, Mode};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

const DAY: u64 = 86_400;

/// The length of `2027-01-31`.
const DATE: usize = 10;

/// Longer keys are no tokens.
const MAX_KEY: u64 = 4_096;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Issue a token and print it, once
    #[command(after_help = "The token goes to stdout, alone; the file keeps only its hash.\n\n\
        Examples:\n  reportgate token new acme --note \"BI feed\"\n  reportgate token new acme --expires 2027-06-30 --token-file acme.token")]
    New {
        /// The affiliate or employee
        id: String,
        #[command(flatten)]
        token: NewToken,
        #[command(flatten)]
        secret: SecretFile,
        #[command(flatten)]
        options: Options,
    },
    /// List tokens, with their state and the days that they have left
    List {
        /// Only those of this affiliate or employee
        id: Option<String>,
        /// Only those that stop working within this time, such as 30d, or did
        #[arg(long, value_name = "TIME", value_parser = duration)]
        expiring: Option<Duration>,
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        output: Output,
    },
    /// Let a token work longer
    #[command(after_help = "Example: reportgate token extend k7f3q9 --by 90d")]
    #[command(group(ArgGroup::new("end").required(true).args(["by", "to"])))]
    Extend {
        /// The token's id, as `token list` has it
        #[arg(value_name = "TOKEN_ID")]
        token: String,
        /// So much longer, from its end or from now, whichever is later: 90d
        #[arg(long, value_name = "TIME", value_parser = duration)]
        by: Option<Duration>,
        /// Until that day or time (UTC), or never
        #[arg(long, value_name = "DATE", value_parser = life)]
        to: Option<Life>,
        #[command(flatten)]
        options: Options,
    },
    /// Issue a second token in place of one, which works on for a while
    #[command(after_help = "Example: reportgate token rotate k7f3q9 --overlap 7d")]
    Rotate {
        /// The token's id, as `token list` has it
        #[arg(value_name = "TOKEN_ID")]
        token: String,
        /// How long the old one works on
        #[arg(long, value_name = "TIME", value_parser = duration, default_value = "7d")]
        overlap: Duration,
        /// When the new one stops working: 90d, a date (UTC), or never
        #[arg(long, value_name = "TIME", value_parser = life)]
        expires: Option<Life>,
        #[command(flatten)]
        secret: SecretFile,
        #[command(flatten)]
        options: Options,
    },
    /// Delete a token: it is refused from the next request on
    Revoke {
        /// The token's id, as `token list` has it
        #[arg(value_name = "TOKEN_ID")]
        token: String,
        #[command(flatten)]
        options: Options,
    },
    /// Take over a key of the platform's own, read from stdin
    #[command(
        after_help = "Example: reportgate token import acme --note \"from the old platform\" < key.txt"
    )]
    Import {
        /// The affiliate or employee
        id: String,
        /// Take a key of fewer than 20 characters, too
        #[arg(long)]
        weak: bool,
        #[command(flatten)]
        token: NewToken,
        #[command(flatten)]
        options: Options,
    },
}

#[derive(Debug, Args)]
pub(super) struct NewToken {
    /// When it stops working: 90d, a date (UTC), or never; default: `[defaults] token_ttl`
    #[arg(long, value_name = "TIME", value_parser = life)]
    expires: Option<Life>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct SecretFile {
    /// Write the token into this new file instead of stdout
    #[arg(long, value_name = "FILE", required_if_eq("stdout", "true"))]
    token_file: Option<PathBuf>,
}

/// Runs a command on the config at `path`.
pub(super) fn run(path: &Path, command: Command) -> Result<(), Failure> {
    match command {
        Command::New { id, token, secret, options } => {
            let life = token.expires.unwrap_or(Life::Default);
            issued(path, "token new", &options, &secret, |draft, random| {
                tokens::issue(draft, &id, life, token.note.as_deref(), random)
            })
        }
        Command::List { id, expiring, target, output } => {
            list(path, id.as_deref(), expiring, &target, output.format)
        }
        Command::Extend { token, by, to, options } => {
            let end = match (by, to) {
                (Some(by), _) => NewEnd::By(by),
                (None, to) => NewEnd::To(to.unwrap_or(Life::Default)),
            };
            let change =
                edit::change(path, "token extend", &options, |draft| tokens::extend(draft, &token, end))?;
            edit::tell(&options, &change, &format!("token {token} {}", until(change.value)));
            Ok(())
        }
        Command::Rotate { token, overlap, expires, secret, options } => {
            let life = expires.unwrap_or(Life::Default);
            issued(path, "token rotate", &options, &secret, |draft, random| {
                tokens::rotate(draft, &token, overlap, life, random)
            })
        }
        Command::Revoke { token, options } => {
            let change = edit::change(path, "token revoke", &options, |draft| tokens::revoke(draft, &token))?;
            edit::tell(&options, &change, &format!("token {token} is revoked"));
            Ok(())
        }
        Command::Import { id, weak, token, options } => {
            let key = key()?;
            let life = token.expires.unwrap_or(Life::Default);
            let mut random = Random::default();
            let change = edit::change(path, "token import", &options, |draft| {
                tokens::import(draft, &id, &key, weak, life, token.note.as_deref(), || random.byte())
            });
            let change = change?;
            random.check(())?;
            let (token, expires) = &change.value;
            edit::tell(&options, &change, &format!("token {token} of {id} {}", until(*expires)));
            Ok(())
        }
    }
}

/// Makes a token and shows it.
fn issued(
    path: &Path,
    command: &'static str,
    options: &Options,
    secret: &SecretFile,
    edit: impl FnOnce(&mut Draft, &mut dyn FnMut() -> u8) -> Result<Issued, ManageError>,
) -> Result<(), Failure> {
    let mut random = Random::default();
    // Shown changes issue nothing, unless the file goes on to somewhere else.
    let is_issued = options.mode() == Mode::Write || options.takes_stdout();
    let mut file = if is_issued { secret.create()? } else { None };
    let change = edit::change(path, command, options, |draft| {
        let issued = edit(draft, &mut || random.byte())?;
        random.check(issued).map_err(|failure| ManageError::Refused(failure.message()))
    })?;
    let Issued { id, expires, replaces, .. } = &change.value;
    let mut told = format!("token {id} {}", until(*expires));
    if let Some((old, end)) = replaces {
        told += &format!(", in place of {old}, which {}", until(*end));
    }
    edit::tell(options, &change, &told);
    if !is_issued {
        return Ok(());
    }
    let Issued { token, id, .. } = change.value;
    let line = token.into_secret() + "\n";
    let written = match &mut file {
        Some(file) => file.keep(&line),
        None => {
            let mut out = io::stdout().lock();
            out.write_all(line.as_bytes()).and_then(|()| out.flush())
        }
    };
    // Nobody reads it twice: a reader that went away has lost it.
    written.map_err(|error| {
        let place = if secret.token_file.is_some() { "to its file" } else { "to stdout" };
        let what = format!("nobody has seen token {id}, revoke it and try again: cannot write it {place}");
        Failure::because(what, error)
    })
}

impl SecretFile {
    fn create(&self) -> Result<Option<NewFile>, Failure> {
        let Some(path) = &self.token_file else { return Ok(None) };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path);
        let file =
            file.map_err(|error| Failure::because(format!("cannot create {}", path.display()), error))?;
        Ok(Some(NewFile { path: path.clone(), file, is_kept: false }))
    }
}

/// A file that goes again when no token came into it.
struct NewFile {
    path: PathBuf,
    file: File,
    is_kept: bool,
}

impl NewFile {
    fn keep(&mut self, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes())?;
        self.file.sync_all()?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_kept {
            // Nobody would miss it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The operating system's randomness; remembers when there was none.
#[derive(Default)]
struct Random {
    failed: Option<getrandom::Error>,
    /// Ends loops that throw bytes away.
    counter: u8,
}

impl Random {
    fn byte(&mut self) -> u8 {
        let mut byte = [0];
        if let Err(error) = getrandom::fill(&mut byte) {
            self.failed = Some(error);
            self.counter = self.counter.wrapping_add(1);
            return self.counter;
        }
        let [byte] = byte;
        byte
    }

    /// What was made, when it is really random.
    fn check<T>(&self, made: T) -> Result<T, Failure> {
        match self.failed {
            None => Ok(made),
            Some(error) => Err(Failure::because("no token can be made: no randomness", error)),
        }
    }
}

/// The key on stdin, without the end of its line.
pub(super) fn key() -> Result<String, Failure> {
    let mut key = String::new();
    let read = io::stdin().lock().take(MAX_KEY).read_to_string(&mut key);
    read.map_err(|error| Failure::because("cannot read the key from stdin", error))?;
    let key = key.strip_suffix('\n').unwrap_or(&key);
    Ok(key.strip_suffix('\r').unwrap_or(key).to_owned())
}

fn until(expires: Expiry) -> String {
    match expires {
        Expiry::Never => "never expires".to_owned(),
        Expiry::At(at) => format!("expires {at}"),
    }
}

/// A token as it is listed.
#[derive(Debug, Serialize)]
struct Listed {
    id: String,
    principal: String,
    state: &'static str,
    expires: String,
    days_left: Option<i64>,
    created: Option<String>,
    /// As the running gate says it.
    last_used: Option<String>,
    note: Option<String>,
    /// Its own, besides that of its holder.
    rate_limit: Option<String>,
}

fn list(
    path: &Path,
    id: Option<&str>,
    within: Option<Duration>,
    target: &Target,
    format: Format,
) -> Result<(), Failure> {
    let mut draft = edit::installation(path, "token list").read()?;
    let now = clock::now();
    let all = tokens::list(&mut draft, id)?;
    let ends = |token: &tokens::Listed| match (token.expires, within) {
        (_, None) => true,
        (Expiry::Never, Some(_)) => false,
        (Expiry::At(at), Some(within)) => at <= now.after(within),
    };
    let mut listed: Vec<_> = all.into_iter().filter(ends).map(|token| Listed::of(token, now)).collect();
    let uses = uses(&draft, target);
    for token in &mut listed {
        token.last_used = uses.get(&token.id).cloned();
    }
    show(format, &listed, || {
        table(
            &["TOKEN", "HOLDER", "STATE", "EXPIRES", "DAYS LEFT", "CREATED", "LAST USED", "NOTE"],
            &listed.iter().map(Listed::cells).collect::<Vec<_>>(),
        )
    })
}

/// When tokens were presented last, by their ids, to the gate that runs with this config; nothing where none can be asked.
fn uses(draft: &Draft, target: &Target) -> HashMap<String, String> {
    #[derive(Deserialize)]
    struct Page {
        last_used: HashMap<String, String>,
    }
    let admin = target.or(draft.policy().settings.admin.as_ref());
    let asked = admin.and_then(|admin| ask::get(&admin, "/tokens").ok());
    let page = asked.filter(|(status, _)| *status == StatusCode::OK);
    page.and_then(|(_, body)| serde_json::from_slice::<Page>(&body).ok())
        .map(|page| page.last_used)
        .unwrap_or_default()
}

impl Listed {
    fn of(token: tokens::Listed, now: Timestamp) -> Self {
        let (expires, days_left) = match token.expires {
            Expiry::Never => ("never".to_owned(), None),
            Expiry::At(at) => {
                let seconds = at.unix_seconds() - now.unix_seconds();
                (at.to_string(), Some(seconds.div_euclid(i64::try_from(DAY).unwrap_or(i64::MAX))))
            }
        };
        let state = match (token.is_disabled, token.expires.is_over(now)) {
            (_, true) => "expired",
            (true, false) => "disabled",
            (false, false) => "active",
        };
        Self {
            id: token.id,
            principal: token.principal,
            state,
            expires,
            days_left,
            created: token.created,
            last_used: None,
            note: token.note,
            rate_limit: token.rate_limit,
        }
    }

    fn cells(&self) -> Vec<String> {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.id.clone(),
            self.principal.clone(),
            self.state.to_owned(),
            self.expires.clone(),
            self.days_left.map_or_else(|| "-".to_owned(), |days| days.to_string()),
            text(&self.created),
            text(&self.last_used),
            self.note.clone().unwrap_or_default(),
        ]
    }
}

/// `90d`, `12h`: at most 100 years.
fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected a time such as 12h, 90d or 52w".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(expected)?;
    let number: u64 = number.parse().map_err(|_| expected())?;
    let seconds = match unit {
        "h" => 3_600,
        "d" => DAY,
        "w" => 7 * DAY,
        _ => return Err(expected()),
    };
    let total = number.checked_mul(seconds).filter(|total| (1..=36_525 * DAY).contains(total));
    total
        .map(Duration::from_secs)
        .ok_or_else(|| "expected more than nothing, and at most 100 years".to_owned())
}

/// `90d`, `2027-01-31` (the end of that day, UTC), an RFC 3339 time, or `never`.
fn life(text: &str) -> Result<Life, String> {
    if text == "never" {
        return Ok(Life::Never);
    }
    if let Ok(duration) = duration(text) {
        return Ok(Life::For(duration));
    }
    // A date reads longer texts, too, and leaves out what follows it.
    if let Some(date) = text.parse::<Date>().ok().filter(|_| text.len() == DATE) {
        let midnight = date.tomorrow().ok().and_then(|next| next.to_zoned(jiff::tz::TimeZone::UTC).ok());
        let midnight = midnight.map(|midnight| midnight.timestamp().as_second());
        return midnight
            .map(|at| Life::Until(Timestamp::from_unix_seconds(at)))
            .ok_or_else(|| "no such day".into());
    }
    match text.parse::<jiff::Timestamp>() {
        Ok(at) => Ok(Life::Until(Timestamp::from_unix_seconds(at.as_second()))),
        Err(_) => Err("expected 90d, 2027-01-31, 2027-01-31T12:00:00Z or never".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let at = |seconds| Some(Life::Until(Timestamp::from_unix_seconds(seconds)));
        #[rustfmt::skip]
        let cases = [
            ("90d", Some(Life::For(Duration::from_secs(90 * DAY)))), ("12h", Some(Life::For(Duration::from_secs(43_200)))),
            ("2w", Some(Life::For(Duration::from_secs(14 * DAY)))), ("never", Some(Life::Never)),
            ("2026-11-21", at(1_795_305_600)), ("2026-11-22T10:00:00Z", at(1_795_341_600)), ("2026-11-22T10:00:00+01:00", at(1_795_338_000)),
            ("0d", None), ("36526d", None), ("d", None), ("-1d", None), ("90", None), ("2026-13-01", None), ("2026-11-22T10:00:00", None), ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(life(text).ok(), expected, "{text}");
        }
    }
}
