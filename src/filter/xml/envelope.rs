//! The places of an XML document that matter, compiled from a dialect's paths.

use crate::domain::dialect::{Success, XmlDialect};
use crate::domain::pointer::Pointer;

/// What is done with an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Read and dropped.
    Drop,
    /// Passed byte for byte.
    Keep,
    /// Rebuilt with those elements that matter.
    Rebuild,
    /// One row.
    Row,
    /// An element keyed by column.
    Also,
}

/// An element about to be read: what is done with it, and its place if that matters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) task: Task,
    pub(super) place: Option<usize>,
}

/// A place in a document.
#[derive(Debug)]
pub(super) struct Place {
    task: Task,
    /// Whether its text tells success.
    pub(super) tells_success: bool,
    /// The attribute that tells success.
    pub(super) success_attribute: Option<Box<str>>,
    /// Whether the rows stand right inside.
    pub(super) holds_rows: bool,
    /// The places right inside.
    elements: Vec<(Box<str>, usize)>,
}

/// All places of a document; the first is the document around the root.
#[derive(Debug)]
pub(super) struct Envelope {
    places: Vec<Place>,
    /// The name of the root.
    root: Box<str>,
    pub(super) success: Option<Success>,
}

impl Envelope {
    /// Compiles a dialect's paths. One that contradicts the rows gives way to them: `keep` and `also`
    /// never hold rows, and nothing is looked for inside of those.
    pub(super) fn new(dialect: &XmlDialect) -> Self {
        let rows: Vec<_> = dialect.rows.tokens().collect();
        let mut new = Self {
            places: vec![Place::new()],
            root: rows.first().copied().unwrap_or_default().into(),
            success: dialect.success.clone(),
        };
        new.mark(&rows, Task::Row);
        let around = rows.split_last().map_or(&[][..], |(_, around)| around);
        if let Some(place) = new.add(around, Task::Rebuild) {
            place.holds_rows = !around.is_empty();
        }
        let overlaps = |one: &Pointer, other: &Pointer| one.contains(other) || other.contains(one);
        let also: Vec<_> = dialect.also.iter().filter(|also| !overlaps(also, &dialect.rows)).collect();
        for pointer in &also {
            new.mark(&pointer.tokens().collect::<Vec<_>>(), Task::Also);
        }
        for pointer in &dialect.keep {
            if !overlaps(pointer, &dialect.rows) && !also.iter().any(|also| overlaps(pointer, also)) {
                new.mark(&pointer.tokens().collect::<Vec<_>>(), Task::Keep);
            }
        }
        if let Some(success) = &dialect.success {
            new.mark_success(&success.at.tokens().collect::<Vec<_>>());
        }
        new
    }

    /// Gives a place its task, and the way to it the task of being rebuilt.
    fn mark(&mut self, path: &[&str], task: Task) {
        if let Some(place) = self.add(path, Task::Rebuild)
            && place.task == Task::Rebuild
        {
            place.task = task;
        }
    }

    fn mark_success(&mut self, path: &[&str]) {
        let Some((last, around)) = path.split_last() else { return };
        if let Some(attribute) = last.strip_prefix('@') {
            if let Some(place) = self.add(around, Task::Drop) {
                place.success_attribute = Some(attribute.into());
            }
        } else if let Some(place) = self.add(path, Task::Drop) {
            place.tells_success = true;
        }
    }

    /// The place of a path; the places around it, and it, are raised from `Drop` to `way`.
    fn add(&mut self, path: &[&str], way: Task) -> Option<&mut Place> {
        let mut at = 0;
        let mut names = path.iter();
        loop {
            let new = self.places.len();
            let place = self.places.get_mut(at)?;
            if place.task == Task::Drop {
                place.task = way;
            }
            let Some(name) = names.next() else { break };
            let known = place.elements.iter().find(|(known, _)| **known == **name);
            at = if let Some((_, known)) = known {
                *known
            } else {
                place.elements.push(((*name).into(), new));
                self.places.push(Place::new());
                new
            };
        }
        self.places.get_mut(at)
    }

    pub(super) fn place(&self, place: Option<usize>) -> Option<&Place> {
        self.places.get(place?)
    }

    /// What is done with the root of that name; `None` when the rows are not inside of such a root.
    pub(super) fn root(&self, name: &[u8]) -> Option<Target> {
        let document = Target { task: Task::Rebuild, place: Some(0) };
        (name == self.root.as_bytes()).then(|| self.step(document, name))
    }

    /// What is done with the element of that name in `around`.
    pub(super) fn step(&self, around: Target, name: &[u8]) -> Target {
        let inherited = if around.task == Task::Keep { Task::Keep } else { Task::Drop };
        let elements = self.place(around.place).map_or(&[][..], |place| &place.elements);
        let Some((_, at)) = elements.iter().find(|(known, _)| known.as_bytes() == name) else {
            return Target { task: inherited, place: None };
        };
        let own = self.places.get(*at).map_or(Task::Drop, |place| place.task);
        Target { task: if around.task == Task::Rebuild { own } else { inherited }, place: Some(*at) }
    }
}

impl Place {
    fn new() -> Self {
        Self {
            task: Task::Drop,
            tells_success: false,
            success_attribute: None,
            holds_rows: false,
            elements: Vec::new(),
        }
    }
}
