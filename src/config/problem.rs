//! Problems and warnings: collected while reading, placed and worded at the end.
//!
//! While files are read a problem is a [`Mark`], three numbers. Lines and columns are
//! computed, and lines shown, only for those that were found. What may be a secret is
//! blotted out in every line and text.

use super::near;
use super::secret;
use super::source::Sources;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;

/// How many problems, and how many warnings, are kept; the others are only counted.
const MAX_KEPT: usize = 1_000;

/// Longer lines are not shown, in bytes: a problem in each of their values would show all of them again.
const MAX_EXCERPT: usize = 2_000;

/// A place in a config file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file, as named on the command line or by `include`.
    pub file: PathBuf,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
}

/// A stretch of a source file, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Mark {
    /// The place of the file in its [`Sources`].
    pub(super) file: u32,
    /// The first byte.
    pub(super) start: u32,
    /// Behind the last byte.
    pub(super) end: u32,
}

impl Mark {
    /// A stretch of a file.
    pub(super) fn new(file: u32, span: &Range<usize>) -> Self {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { file, start: offset(span.start), end: offset(span.end) }
    }

    fn span(self) -> Range<usize> {
        let offset = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        offset(self.start)..offset(self.end)
    }
}

/// Something and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marked<T> {
    /// What.
    pub(super) value: T,
    /// Where.
    pub(super) mark: Mark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    Error,
    Warning,
}

#[derive(Debug)]
struct Found {
    severity: Severity,
    mark: Mark,
    message: String,
    hint: Option<String>,
    /// Where something of the same name stands.
    first: Option<Mark>,
    /// Whether its line may be shown: not when the file cannot be read as TOML.
    shown: bool,
}

/// What was found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<Found>,
    errors: usize,
    warnings: usize,
}

impl Problems {
    /// Adds a problem.
    pub(super) fn error(&mut self, at: Mark, message: impl Into<String>) {
        self.add(Severity::Error, at, message.into(), None, true);
    }

    /// Adds a problem of something that stands twice, with the place of the first.
    pub(super) fn error_after(&mut self, at: Mark, message: impl Into<String>, first: Mark) {
        self.add(Severity::Error, at, message.into(), None, true);
        if let Some(found) = self.found.last_mut().filter(|found| found.mark == at) {
            found.first = Some(first);
        }
    }

    /// Adds a problem, with what was expected or is likely meant.
    pub(super) fn error_with(&mut self, at: Mark, message: impl Into<String>, hint: Option<String>) {
        self.add(Severity::Error, at, message.into(), hint, true);
    }

    /// Adds a name that nothing has, with the nearest of those that there are.
    pub(super) fn unknown<'a>(
        &mut self,
        at: Mark,
        what: &str,
        name: &str,
        known: impl Iterator<Item = &'a str>,
    ) {
        self.error_with(at, format!("unknown {what} {}", secret::quoted(name)), near::hint(name, known));
    }

    /// Adds a problem of a text that is no TOML; its line is not shown, as a secret may stand there.
    pub(super) fn syntax(&mut self, at: Mark, message: impl Into<String>) {
        self.add(Severity::Error, at, message.into(), None, false);
    }

    /// Adds a warning.
    pub(super) fn warning(&mut self, at: Mark, message: impl Into<String>) {
        self.add(Severity::Warning, at, message.into(), None, true);
    }

    /// How many problems there are.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    fn add(&mut self, severity: Severity, mark: Mark, message: String, hint: Option<String>, shown: bool) {
        let count = match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        if *count <= MAX_KEPT {
            // Names may look like tokens, whatever they are names of.
            let (message, hint) = (secret::blotted(message), hint.map(secret::blotted));
            self.found.push(Found { severity, mark, message, hint, first: None, shown });
        }
    }

    /// Places everything that was found: problems, then warnings, in the order of the files.
    pub(super) fn into_report(mut self, sources: &Sources) -> Report {
        self.found.sort_by_key(|found| (found.severity, found.mark));
        let mut texts = Texts { sources, broken: Vec::new(), read: HashMap::new() };
        texts.broken = self.found.iter().filter(|f| !f.shown).map(|f| (f.mark.file, f.mark.start)).collect();
        let mut entries = Vec::with_capacity(self.found.len());
        for found in self.found {
            let first = found.first.map(|first| texts.location(first));
            let first = first
                .map(|at| format!("the first stands at {}:{}:{}", at.file.display(), at.line, at.column));
            let location = texts.location(found.mark);
            let excerpt = texts.of(found.mark.file).excerpt(location.line, &found.mark.span());
            entries.push(Entry {
                severity: found.severity,
                location,
                message: found.message,
                hint: found.hint.or(first),
                excerpt: excerpt.filter(|_| found.shown),
            });
        }
        Report { entries, errors: self.errors, warnings: self.warnings }
    }
}

/// The locations of some marks.
pub(super) fn locations(marks: impl Iterator<Item = Mark>, sources: &Sources) -> Vec<Location> {
    let mut texts = Texts { sources, broken: Vec::new(), read: HashMap::new() };
    marks.map(|mark| texts.location(mark)).collect()
}

/// How many texts are kept while a report is made.
const MAX_TEXTS: usize = 16;

/// The texts that a report needs, each read once as long as they are few.
struct Texts<'s> {
    sources: &'s Sources,
    /// Where texts are no TOML.
    broken: Vec<(u32, u32)>,
    read: HashMap<u32, Text>,
}

impl Texts<'_> {
    fn of(&mut self, file: u32) -> &Text {
        if self.read.len() >= MAX_TEXTS && !self.read.contains_key(&file) {
            self.read.clear();
        }
        let broken = self.broken.iter().filter(|(of, _)| *of == file).map(|(_, at)| *at);
        self.read.entry(file).or_insert_with(|| Text::new(self.sources.text(file), broken))
    }

    fn location(&mut self, mark: Mark) -> Location {
        let (line, column) = self.of(mark.file).locate(mark.start);
        Location { file: self.sources.path(mark.file).to_path_buf(), line, column }
    }
}

/// A file's text, with its lines found and its secrets blotted out.
struct Text {
    text: String,
    line_starts: Vec<u32>,
    /// As many lines of as many characters; in bytes they may be shorter.
    masked: String,
    masked_starts: Vec<u32>,
    /// Lines (from 0) where the text is no TOML, so that nothing is known about secrets.
    broken_lines: Vec<usize>,
}

impl Text {
    fn new(text: Option<String>, broken: impl Iterator<Item = u32>) -> Self {
        let text = text.unwrap_or_default();
        let line_starts = starts(&text);
        let broken_lines = broken.map(|at| line_of(&line_starts, at)).collect();
        let masked = secret::masked(&text);
        Self { line_starts, masked_starts: starts(&masked), text, masked, broken_lines }
    }

    /// Line and column of a byte, both from 1.
    fn locate(&self, at: u32) -> (usize, usize) {
        let line = line_of(&self.line_starts, at);
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        (line + 1, self.characters(line, at) + 1)
    }

    /// How many characters stand between the beginning of a line and a byte.
    fn characters(&self, line: usize, at: usize) -> usize {
        let start = start(&self.line_starts, line);
        let before = self.text.as_bytes().get(start..at.min(self.text.len())).unwrap_or_default();
        // Bytes that continue a character (RFC 3629) do not count.
        before.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
    }

    /// The line, counted from 1, and which of its bytes `span` covers.
    fn excerpt(&self, line: usize, span: &Range<usize>) -> Option<Excerpt> {
        let line = line.checked_sub(1)?;
        if self.broken_lines.contains(&line) {
            return None;
        }
        let masked = self.masked.get(start(&self.masked_starts, line)..)?.lines().next()?;
        if masked.len() > MAX_EXCERPT {
            return None;
        }
        let text = secret::without_comment(masked);
        let within = |at: usize| {
            let at = text.char_indices().nth(self.characters(line, at));
            at.map_or(text.len(), |(at, _)| at)
        };
        let span = within(span.start)..within(span.end);
        (!text.is_empty()).then(|| Excerpt { line: text.to_owned(), span })
    }
}

/// Where the lines of a text start.
fn starts(text: &str) -> Vec<u32> {
    let ends = (0_u32..).zip(text.bytes()).filter(|(_, byte)| *byte == b'\n');
    std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect()
}

fn start(line_starts: &[u32], line: usize) -> usize {
    line_starts.get(line).and_then(|at| usize::try_from(*at).ok()).unwrap_or(0)
}

fn line_of(line_starts: &[u32], at: u32) -> usize {
    line_starts.partition_point(|start| *start <= at).saturating_sub(1)
}

#[derive(Debug)]
struct Excerpt {
    line: String,
    span: Range<usize>,
}

#[derive(Debug)]
struct Entry {
    severity: Severity,
    location: Location,
    message: String,
    hint: Option<String>,
    excerpt: Option<Excerpt>,
}

/// Problems and warnings, each at its place.
#[derive(Debug, Default)]
pub struct Report {
    entries: Vec<Entry>,
    errors: usize,
    warnings: usize,
}

impl Report {
    /// Adds a problem: the config is refused.
    pub fn error(&mut self, at: &Location, message: impl Into<String>) {
        self.errors += 1;
        self.add(Severity::Error, at, message.into());
    }

    /// Adds a warning.
    pub fn warning(&mut self, at: &Location, message: impl Into<String>) {
        self.warnings += 1;
        self.add(Severity::Warning, at, message.into());
    }

    fn add(&mut self, severity: Severity, at: &Location, message: String) {
        let message = secret::blotted(message);
        self.entries.push(Entry { severity, location: at.clone(), message, hint: None, excerpt: None });
    }

    /// This report without the warnings that `before` had of the same lines.
    #[must_use]
    pub fn without(mut self, before: &Self) -> Self {
        let mut known: HashMap<_, usize> = HashMap::new();
        for entry in before.entries.iter().filter(|entry| entry.severity == Severity::Warning) {
            *known.entry(entry.likeness()).or_default() += 1;
        }
        let kept = self.entries.len();
        self.entries.retain(|entry| match known.get_mut(&entry.likeness()) {
            Some(left) if entry.severity == Severity::Warning && *left > 0 => {
                *left -= 1;
                false
            }
            Some(_) | None => true,
        });
        self.warnings = self.warnings.saturating_sub(kept - self.entries.len());
        self
    }

    /// How many problems there are.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// How many warnings there are.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.warnings
    }

    /// Every problem, then every warning, each on one line: `file:line:column: what`.
    ///
    /// Warnings say `warning: ` in front of it. Of very many, the first thousand.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.in_order().map(|entry| {
            let Location { file, line, column } = &entry.location;
            let kind = if entry.severity == Severity::Warning { "warning: " } else { "" };
            let hint = entry.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("{}:{line}:{column}: {kind}{}{hint}", file.display(), entry.message)
        })
    }

    /// The report as people read it: each entry with its line and the text underlined; `colour` for terminals.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut out = String::new();
        for entry in self.in_order() {
            out.push_str(&renderer.render(&[entry.group()]));
            out.push_str("\n\n");
        }
        let kept = |severity| self.entries.iter().filter(|entry| entry.severity == severity).count();
        let more = self.errors.saturating_sub(kept(Severity::Error));
        if more > 0 {
            out.push_str(&format!("and {more} more problems\n"));
        }
        out
    }

    fn in_order(&self) -> impl Iterator<Item = &Entry> {
        let of = |severity| self.entries.iter().filter(move |entry| entry.severity == severity);
        of(Severity::Error).chain(of(Severity::Warning))
    }
}

impl Entry {
    /// What it has in common with itself after lines were added in front of it.
    fn likeness(&self) -> (PathBuf, String, Option<String>) {
        let line = self.excerpt.as_ref().map(|excerpt| excerpt.line.clone());
        (self.location.file.clone(), self.message.clone(), line)
    }

    fn group(&self) -> Group<'_> {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(self.message.as_str());
        let path = self.location.file.to_string_lossy().into_owned();
        match &self.excerpt {
            Some(excerpt) => {
                let annotation = AnnotationKind::Primary.span(excerpt.span.clone());
                let annotation = match &self.hint {
                    Some(hint) => annotation.label(hint.as_str()),
                    None => annotation,
                };
                let snippet =
                    Snippet::source(excerpt.line.as_str()).line_start(self.location.line).path(path);
                title.element(snippet.annotation(annotation))
            }
            None => {
                let origin = Origin::path(path).line(self.location.line).char_column(self.location.column);
                let group = title.element(origin);
                match &self.hint {
                    Some(hint) => group.element(Level::HELP.message(hint.as_str())),
                    None => group,
                }
            }
        }
    }
}
