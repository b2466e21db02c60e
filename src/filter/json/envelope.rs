//! The places of a JSON document that matter, compiled from a dialect's pointers.

use super::columns::lead;
use crate::domain::dialect::{JsonDialect, RowForm, Success};
use crate::domain::pointer::Pointer;

/// What is done with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Read and dropped.
    Drop,
    /// Passed byte for byte.
    Keep,
    /// Rebuilt with those members that matter.
    Rebuild,
    /// The array of rows.
    Rows,
    /// One row of it.
    Row,
    /// The backend's names of the columns.
    Header,
    /// An array parallel to the columns.
    Parallel,
    /// An object keyed by column.
    Also,
    /// A paging cursor, by its place in the dialect.
    Cursor(usize),
    /// A link to another page.
    Link,
}

/// A value about to be read: what is done with it, and its place if that matters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) task: Task,
    pub(super) place: Option<usize>,
}

/// A place in a document.
#[derive(Debug)]
pub(super) struct Place {
    /// `"name":`, as it leaves; empty for the root.
    pub(super) lead: Box<[u8]>,
    task: Task,
    /// Whether the success member stands here.
    pub(super) tells_success: bool,
    /// The places right inside.
    members: Vec<(Box<str>, usize)>,
}

/// All places of a document; the first is the root.
#[derive(Debug)]
pub(super) struct Envelope {
    places: Vec<Place>,
    pub(super) success: Option<Success>,
}

impl Envelope {
    /// Compiles a dialect's pointers. One that contradicts the rows gives way to them, and so on
    /// down from what is filtered to what passes: `keep` never holds anything that has a task of
    /// its own, and nothing is looked for inside of that.
    pub(super) fn new(dialect: &JsonDialect) -> Self {
        let mut new = Self { places: vec![Place::new("")], success: dialect.success.clone() };
        let mut taken: Vec<_> = filtered_places(dialect).collect();
        for (pointer, task) in &taken {
            new.mark(pointer, *task);
        }
        for (pointer, task) in rewritten_places(dialect).chain(kept_places(dialect)) {
            if !taken.iter().any(|(taken, _)| pointer.contains(taken) || taken.contains(pointer)) {
                new.mark(pointer, task);
                if task != Task::Keep {
                    taken.push((pointer, task));
                }
            }
        }
        if let Some(success) = &dialect.success
            && let Some(place) = new.add(&success.at, Task::Drop)
        {
            place.tells_success = true;
        }
        if dialect.rows.is_none()
            && let Some(root) = new.places.first_mut()
        {
            root.task = Task::Row;
        }
        new
    }

    /// Gives a place its task, and the way to it the task of being rebuilt.
    fn mark(&mut self, pointer: &Pointer, task: Task) {
        if let Some(place) = self.add(pointer, Task::Rebuild)
            && matches!(place.task, Task::Drop | Task::Rebuild)
        {
            place.task = task;
        }
    }

    /// The place of a pointer; the places around it, and it, are raised from `Drop` to `way`.
    fn add(&mut self, pointer: &Pointer, way: Task) -> Option<&mut Place> {
        let mut at = 0;
        let mut tokens = pointer.tokens();
        loop {
            let new = self.places.len();
            let place = self.places.get_mut(at)?;
            if place.task == Task::Drop {
                place.task = way;
            }
            let Some(token) = tokens.next() else { break };
            let known = place.members.iter().find(|(name, _)| **name == *token);
            at = if let Some((_, known)) = known {
                *known
            } else {
                place.members.push((token.into(), new));
                self.places.push(Place::new(token));
                new
            };
        }
        self.places.get_mut(at)
    }

    /// The whole document.
    pub(super) fn root(&self) -> Target {
        Target { task: self.places.first().map_or(Task::Drop, |root| root.task), place: Some(0) }
    }

    pub(super) fn place(&self, place: Option<usize>) -> Option<&Place> {
        self.places.get(place?)
    }

    /// Whether something that matters may stand right inside.
    pub(super) fn looks_inside(&self, target: Target) -> bool {
        self.place(target.place).is_some_and(|place| !place.members.is_empty())
    }

    /// What is done with the member of that name (or item of that number) in `around`.
    pub(super) fn step(&self, around: Target, name: &[u8]) -> Target {
        let inherited = if around.task == Task::Keep { Task::Keep } else { Task::Drop };
        let members = self.place(around.place).map_or(&[][..], |place| &place.members);
        let Some((_, at)) = members.iter().find(|(member, _)| member.as_bytes() == name) else {
            return Target { task: inherited, place: None };
        };
        let own = self.places.get(*at).map_or(Task::Drop, |place| place.task);
        Target { task: if around.task == Task::Rebuild { own } else { inherited }, place: Some(*at) }
    }
}

impl Place {
    fn new(name: &str) -> Self {
        Self { lead: lead(name), task: Task::Drop, tells_success: false, members: Vec::new() }
    }
}

/// Rows first: of two rules for one place the first counts.
fn filtered_places(dialect: &JsonDialect) -> impl Iterator<Item = (&Pointer, Task)> {
    let header = match &dialect.row {
        RowForm::Array { header } => Some((header, Task::Header)),
        RowForm::Object | RowForm::ArrayAfterHeader | RowForm::Pairs { .. } => None,
    };
    let also = dialect.also.iter().map(|pointer| (pointer, Task::Also));
    dialect.rows.iter().map(|rows| (rows, Task::Rows)).chain(header).chain(also)
}

fn rewritten_places(dialect: &JsonDialect) -> impl Iterator<Item = (&Pointer, Task)> {
    let first = match dialect.row {
        RowForm::Object | RowForm::Pairs { .. } => Task::Header,
        RowForm::Array { .. } | RowForm::ArrayAfterHeader => Task::Parallel,
    };
    let tasks = std::iter::once(first).chain(std::iter::repeat(Task::Parallel));
    let cursors = dialect.cursors.iter().enumerate();
    dialect
        .columns_arrays
        .iter()
        .zip(tasks)
        .chain(cursors.map(|(nth, cursor)| (&cursor.at, Task::Cursor(nth))))
        .chain(dialect.links.iter().map(|pointer| (pointer, Task::Link)))
}

fn kept_places(dialect: &JsonDialect) -> impl Iterator<Item = (&Pointer, Task)> {
    dialect.keep.iter().map(|pointer| (pointer, Task::Keep))
}
