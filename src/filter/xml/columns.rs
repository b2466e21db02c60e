//! The granted columns in XML rows: where they stand, and how a row leaves.
//!
//! A backend's column name with dots is a path into nested elements; its last part is
//! an element or an attribute. A column leaves as deep as it stands: under its catalogue
//! name's own dots when that has as many parts as the backend's, and otherwise under the whole
//! name (as it does when a column of the view is named like an element around it). Columns of one
//! such element leave together, where the first of them stands in the view. Elements of the backend's that do
//! not leave may declare namespaces for cells inside of them, which take those along.

use super::scan::is_namespace;
use crate::domain::column::Column;
use crate::filter::rows::RowPlan;
use std::collections::{HashMap, HashSet};

/// What is done with an attribute or element of a row: its cell is taken, it is stepped into, both, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// The cell that it is.
    pub(super) cell: Option<usize>,
    /// The level that its own attributes and elements belong to.
    pub(super) level: Option<usize>,
    /// Whether it declares a namespace, and is no column.
    pub(super) is_namespace: bool,
}

impl Step {
    /// It is not granted.
    pub(super) const DROP: Self = Self { cell: None, level: None, is_namespace: false };
    const NAMESPACE: Self = Self { cell: None, level: None, is_namespace: true };
}

/// A column on its way out: its name, and its cell.
#[derive(Debug, Clone)]
pub(super) struct Leaving {
    pub(super) name: Box<[u8]>,
    pub(super) cell: usize,
    /// The levels around it that do not leave, innermost first: it takes the namespaces along that they declare.
    pub(super) left_behind: Box<[usize]>,
}

/// A piece of the text of a row.
#[derive(Debug)]
pub(super) enum Piece {
    /// A cell, when the row has it as an element.
    Cell(Leaving),
    /// The opening tag of an element around cells, with those that the row has as attributes.
    Open {
        name: Box<[u8]>,
        /// The level that it stands for, whose namespaces those inside may use.
        level: Option<usize>,
        attributes: Box<[Leaving]>,
    },
    /// Its closing tag.
    Close { name: Box<[u8]> },
}

/// One level of the rows; the first is the row itself.
#[derive(Debug)]
struct Level {
    /// What stands in front of its names: `Offer.`
    prefix: Box<str>,
    /// The granted names.
    names: HashMap<Box<[u8]>, Step>,
}

/// The granted columns.
#[derive(Debug)]
pub(super) struct Columns {
    levels: Vec<Level>,
    /// The cells by the backend's whole column name.
    by_name: HashMap<Box<str>, usize>,
    /// The cells that leave as attributes of the row itself, where the row has them so.
    pub(super) attributes: Box<[Leaving]>,
    /// How the rest of a row is written.
    pub(super) pieces: Vec<Piece>,
    /// The cells in the view's order.
    pub(super) view: Vec<usize>,
    /// The cell that tells whose a row is, and the one that tells a total.
    pub(super) scope: Option<usize>,
    pub(super) total: Option<usize>,
}

impl Columns {
    /// Compiles the columns of a view, and those that the rules look at.
    pub(super) fn new<'a>(columns: impl Iterator<Item = &'a Column>, rules: &RowPlan) -> Self {
        let mut new = Self {
            levels: vec![Level { prefix: "".into(), names: HashMap::new() }],
            by_name: HashMap::new(),
            attributes: Box::default(),
            pieces: Vec::new(),
            view: Vec::new(),
            scope: None,
            total: None,
        };
        let columns: Vec<_> = columns.collect();
        let taken: HashSet<_> = columns.iter().map(|column| leaving_path(column)).collect();
        let mut used = HashSet::new();
        let mut row = Group { level: Some(0), members: Vec::new() };
        for column in columns {
            let (cell, around) = new.add_cell(&column.response);
            new.view.push(cell);
            let mut path = leaving_path(column);
            let is_taken = |parts| path.get(..parts).is_some_and(|around| taken.contains(around));
            if (1..path.len()).any(is_taken) {
                path = vec![xml_name(column.name.as_str())];
            }
            while !used.insert(path.clone()) {
                // Two names differ only in what XML names cannot have.
                if let Some(last) = path.last_mut() {
                    last.insert(0, '_');
                }
            }
            row.add(&path, cell, &around);
        }
        new.scope = rules.scope.as_deref().map(|name| new.add_cell(name).0);
        new.total = rules.total.as_deref().map(|name| new.add_cell(name).0);
        new.attributes = row.cells(&[]);
        row.write(&mut Vec::new(), &mut new.pieces);
        new
    }

    /// The cell of a backend's column, and the levels on the way to it.
    fn add_cell(&mut self, response: &str) -> (usize, Vec<usize>) {
        let cells = self.by_name.len();
        let cell = *self.by_name.entry(response.into()).or_insert(cells);
        let mut level = 0;
        let mut around = vec![level];
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
            around.push(level);
            if level == below {
                let prefix = format!("{prefix}{part}.").into();
                self.levels.push(Level { prefix, names: HashMap::new() });
            }
        }
        (cell, around)
    }

    /// How many cells a row has at most.
    pub(super) fn cells(&self) -> usize {
        self.by_name.len()
    }

    /// How many levels have granted names.
    pub(super) fn levels(&self) -> usize {
        self.levels.len()
    }

    /// What stands in front of the names of a level.
    pub(super) fn prefix(&self, level: usize) -> &str {
        self.levels.get(level).map_or("", |level| &level.prefix)
    }

    /// What is done with a name of that level; `None` for one that is not granted.
    pub(super) fn step(&self, level: usize, name: &[u8]) -> Option<Step> {
        if is_namespace(name) {
            return Some(Step::NAMESPACE);
        }
        self.levels.get(level)?.names.get(name).copied()
    }
}

/// The names under which a column leaves, outermost first.
fn leaving_path(column: &Column) -> Vec<String> {
    let name = column.name.as_str();
    if name.split('.').count() == column.response.split('.').count() {
        name.split('.').map(xml_name).collect()
    } else {
        vec![xml_name(name)]
    }
}

/// A column's name, or a part of it, as a name of XML: with `_` in front of what cannot begin one.
fn xml_name(name: &str) -> String {
    let can_begin = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if can_begin && name != "xmlns" { name.to_owned() } else { format!("_{name}") }
}

/// An element of a row as it leaves.
struct Group {
    /// The level that it stands for, if it stands for one only.
    level: Option<usize>,
    members: Vec<(String, Member)>,
}

enum Member {
    Cell {
        cell: usize,
        /// The levels that the backend has around it, outermost first.
        around: Vec<usize>,
    },
    Group(Group),
}

impl Group {
    /// Adds a cell under a path, the backend having `around` around it, the row first.
    fn add(&mut self, path: &[String], cell: usize, around: &[usize]) {
        self.add_at(path, 1, cell, around);
    }

    /// Adds a cell under what is left of its path at that depth.
    fn add_at(&mut self, path: &[String], depth: usize, cell: usize, around: &[usize]) {
        let Some((name, inside)) = path.split_first() else { return };
        if inside.is_empty() {
            self.members.push((name.clone(), Member::Cell { cell, around: around.to_vec() }));
            return;
        }
        let level = around.get(depth).copied();
        for (known, member) in &mut self.members {
            if let Member::Group(group) = member
                && known == name
            {
                group.level = group.level.filter(|own| Some(*own) == level);
                return group.add_at(inside, depth + 1, cell, around);
            }
        }
        let mut group = Self { level, members: Vec::new() };
        group.add_at(inside, depth + 1, cell, around);
        self.members.push((name.clone(), Member::Group(group)));
    }

    /// The cells right inside, `open` being the levels that leave around them.
    fn cells(&self, open: &[usize]) -> Box<[Leaving]> {
        let leaving = |(name, member): &(String, Member)| match member {
            Member::Cell { cell, around } => Some(leaving(name, *cell, around, open)),
            Member::Group(_) => None,
        };
        self.members.iter().filter_map(leaving).collect()
    }

    /// Recursion as deep as a column name has dots.
    fn write(&self, open: &mut Vec<usize>, pieces: &mut Vec<Piece>) {
        let outside = open.len();
        open.extend(self.level);
        for (name, member) in &self.members {
            match member {
                Member::Cell { cell, around } => pieces.push(Piece::Cell(leaving(name, *cell, around, open))),
                Member::Group(group) => {
                    let name: Box<[u8]> = name.as_bytes().into();
                    let (level, attributes) = (group.level, group.cells(open));
                    pieces.push(Piece::Open { name: name.clone(), level, attributes });
                    group.write(open, pieces);
                    pieces.push(Piece::Close { name });
                }
            }
        }
        open.truncate(outside);
    }
}

fn leaving(name: &str, cell: usize, around: &[usize], open: &[usize]) -> Leaving {
    let left_behind = around.iter().rev().copied().filter(|level| !open.contains(level)).collect();
    Leaving { name: name.as_bytes().into(), cell, left_behind }
}
