//! The granted columns in JSON rows: where they stand, and how a row leaves.
//!
//! A backend's column name with dots is a path into nested objects, for rows and `also`
//! objects; in a header it is one name. A column leaves as deep as it stands: under
//! its catalogue name's own dots when that has as many parts as the backend's, and
//! otherwise as one plain member (as it does when a column of the view is named like an object
//! around it). Columns of one such object leave together, where the first of them stands in the view.
//! The columns that rows are judged by are cells too, and leave only where they are granted.

use crate::domain::column::Column;
use crate::domain::encode::push_json_string;
use crate::domain::names::ColumnName;
use crate::filter::rows::RowPlan;
use std::collections::{HashMap, HashSet};
use std::slice;

/// What is done with a member of a row: its cell is taken, it is stepped into, both, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// The cell that the value is.
    pub(super) cell: Option<usize>,
    /// The level that its own members belong to.
    pub(super) level: Option<usize>,
}

impl Step {
    /// The member is not granted.
    pub(super) const DROP: Self = Self { cell: None, level: None };
}

/// A piece of the text of a row.
#[derive(Debug)]
pub(super) enum Piece {
    /// `"name":` and a cell, when the row has it.
    Cell { lead: Box<[u8]>, cell: usize },
    /// `"name":{`
    Open { lead: Box<[u8]> },
    /// `}`
    Close,
}

/// The cells that a row is judged by.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Judged {
    pub(super) scope: Option<usize>,
    pub(super) total: Option<usize>,
}

/// A granted column.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) name: ColumnName,
    /// The name as JSON text.
    pub(super) quoted: Box<[u8]>,
    pub(super) cell: usize,
}

/// The members of an object of a row.
#[derive(Debug, Default)]
struct Level {
    /// What stands before their names in a column's: nothing in the row itself, `Stat.` inside of its `Stat`.
    prefix: Box<str>,
    /// The names that matter.
    names: HashMap<Box<[u8]>, Step>,
}

/// The granted columns, and those that rows are judged by.
#[derive(Debug)]
pub(super) struct Columns {
    /// The first is the row itself.
    levels: Vec<Level>,
    /// The cells by the backend's whole column name.
    by_name: HashMap<Box<[u8]>, usize>,
    /// How an object keyed by column is written.
    pub(super) nested: Vec<Piece>,
    /// How a row object is written whose columns stood side by side.
    pub(super) flat: Vec<Piece>,
    /// In the view's order.
    pub(super) view: Vec<Granted>,
    /// Found in every row, whether granted or not.
    pub(super) judged: Judged,
}

impl Columns {
    /// Compiles the columns of a view, and the rules for its rows.
    pub(super) fn new<'a>(columns: impl Iterator<Item = &'a Column>, rules: &RowPlan) -> Self {
        let mut new = Self {
            levels: vec![Level::default()],
            by_name: HashMap::new(),
            nested: Vec::new(),
            flat: Vec::new(),
            view: Vec::new(),
            judged: Judged::default(),
        };
        let columns: Vec<_> = columns.collect();
        let taken: HashSet<_> = columns.iter().map(|column| leaving_path(column)).collect();
        let mut row = Group::default();
        for column in columns {
            let name = column.name.as_str();
            let cell = new.add_cell(&column.response);
            new.view.push(Granted { name: column.name.clone(), quoted: quoted(name), cell });
            new.flat.push(Piece::Cell { lead: lead(name), cell });
            let path = leaving_path(column);
            let is_taken = |parts| path.get(..parts).is_some_and(|around| taken.contains(around));
            let inside_a_column = (1..path.len()).any(is_taken);
            row.add(if inside_a_column { slice::from_ref(&name) } else { &path }, cell);
        }
        row.write(&mut new.nested);
        new.judged = Judged {
            scope: rules.scope.as_deref().map(|name| new.add_cell(name)),
            total: rules.total.as_deref().map(|name| new.add_cell(name)),
        };
        new
    }

    /// The cell of a backend's column, and the way to it.
    fn add_cell(&mut self, response: &str) -> usize {
        let cells = self.by_name.len();
        let cell = *self.by_name.entry(response.as_bytes().into()).or_insert(cells);
        let mut level = 0;
        let mut parts = response.split('.').peekable();
        while let Some(part) = parts.next() {
            let below = self.levels.len();
            let Some(Level { prefix, names }) = self.levels.get_mut(level) else { break };
            let step = names.entry(part.as_bytes().into()).or_insert(Step::DROP);
            if parts.peek().is_none() {
                step.cell = Some(cell);
                break;
            }
            level = *step.level.get_or_insert(below);
            if level == below {
                let prefix = format!("{prefix}{part}.").into();
                self.levels.push(Level { prefix, names: HashMap::new() });
            }
        }
        cell
    }

    /// How many cells a row has at most.
    pub(super) fn cells(&self) -> usize {
        self.by_name.len()
    }

    /// What stands before the names of each level.
    pub(super) fn prefixes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.levels.iter().map(|level| &*level.prefix)
    }

    /// What is done with a name of that level, if it matters.
    pub(super) fn step(&self, level: usize, name: &[u8]) -> Option<Step> {
        self.levels.get(level)?.names.get(name).copied()
    }

    /// The cell of a name in a header.
    pub(super) fn cell(&self, name: &[u8]) -> Option<usize> {
        self.by_name.get(name).copied()
    }
}

/// The names under which a column leaves, outermost first.
fn leaving_path(column: &Column) -> Vec<&str> {
    let name = column.name.as_str();
    let path: Vec<_> = name.split('.').collect();
    if path.len() == column.response.split('.').count() { path } else { vec![name] }
}

/// An object of a row as it leaves.
#[derive(Default)]
struct Group<'a> {
    members: Vec<(&'a str, Member<'a>)>,
}

enum Member<'a> {
    Cell(usize),
    Group(Group<'a>),
}

impl<'a> Group<'a> {
    fn add(&mut self, path: &[&'a str], cell: usize) {
        let Some((name, inside)) = path.split_first() else { return };
        if inside.is_empty() {
            self.members.push((name, Member::Cell(cell)));
            return;
        }
        for (known, member) in &mut self.members {
            if let Member::Group(group) = member
                && known == name
            {
                return group.add(inside, cell);
            }
        }
        let mut group = Self::default();
        group.add(inside, cell);
        self.members.push((name, Member::Group(group)));
    }

    /// Recursion as deep as a column name has dots.
    fn write(&self, pieces: &mut Vec<Piece>) {
        for (name, member) in &self.members {
            match member {
                Member::Cell(cell) => pieces.push(Piece::Cell { lead: lead(name), cell: *cell }),
                Member::Group(group) => {
                    let mut lead = lead(name).into_vec();
                    lead.push(b'{');
                    pieces.push(Piece::Open { lead: lead.into() });
                    group.write(pieces);
                    pieces.push(Piece::Close);
                }
            }
        }
    }
}

/// `"name":`
pub(super) fn lead(name: &str) -> Box<[u8]> {
    let mut out = quoted(name).into_vec();
    out.push(b':');
    out.into()
}

/// A name as JSON text.
pub(super) fn quoted(name: &str) -> Box<[u8]> {
    let mut out = String::new();
    push_json_string(&mut out, name);
    out.into_bytes().into()
}
