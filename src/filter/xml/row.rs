//! Reading one row, or one element keyed by column, and writing what is granted of it.
//!
//! Reading notes where the granted cells stand in the text; nothing is copied before
//! the whole row was read. Elements are kept on a stack of their own, so that no row drives a
//! recursion. Writing goes in the view's order, attributes and the insides of elements byte for
//! byte, but for comments and instructions: those are no cells.

use super::columns::{Columns, Leaving, Piece, Step};
use super::names::Names;
use super::scan::{
    self, Attribute, InTag, Scan, Stop, TOO_DEEP, Token, is_namespace, part, slice, too_large,
};
use super::text::{attribute_meaning, meaning, push_without_asides};
use crate::filter::intake::{MAX_CELLS, TOO_MANY};
use crate::filter::output::Cell;
use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

/// How long the namespaces may be that the elements around the cells of one row declare: each of the cells may take
/// them along.
const MAX_DECLARED: usize = 64 << 10;

/// Reads rows; keeps what it learnt about their names.
pub(super) struct RowReader {
    levels: Vec<Names>,
    /// Where the cells of the row at hand stand.
    cells: Vec<Option<Found>>,
    /// The elements of it that are open, the row itself first.
    open: Vec<Open>,
    /// How many attributes and elements that could be columns it has so far.
    names: usize,
    /// The namespaces that its granted elements declare, and those around them.
    namespaces: Vec<Attribute>,
    /// Which of them each level declares.
    declared: Vec<Range<usize>>,
    /// How long those of all levels but the row's own are.
    declared_length: usize,
    /// The attributes of the tag at hand.
    attributes: Vec<Attribute>,
    /// Where the open groups of the row being written began, and ended to begin with where they have no attributes.
    groups: Vec<(usize, Option<usize>)>,
}

/// A cell of a row.
#[derive(Debug, Clone)]
enum Found {
    /// The value in its quotes.
    Attribute(Range<usize>),
    Element(Inside),
}

/// What stands inside of an element.
#[derive(Debug, Clone)]
struct Inside {
    text: Range<usize>,
    has_elements: bool,
    has_asides: bool,
    namespaces: Range<usize>,
}

/// An element whose closing tag has not come.
struct Open {
    name: Range<usize>,
    step: Step,
    inside: Inside,
}

impl RowReader {
    pub(super) fn new(columns: &Columns) -> Self {
        Self {
            levels: (0..columns.levels()).map(|_| Names::default()).collect(),
            cells: vec![None; columns.cells()],
            open: Vec::new(),
            names: 0,
            namespaces: Vec::new(),
            declared: vec![0..0; columns.levels()],
            declared_length: 0,
            attributes: Vec::new(),
            groups: Vec::new(),
        }
    }

    /// How many distinct names were dropped.
    pub(super) fn removed(&self) -> usize {
        self.levels.iter().map(Names::removed).sum()
    }

    /// Their names, as the backend spells them.
    pub(super) fn removed_names(&self, columns: &Columns) -> impl Iterator<Item = String> {
        self.levels.iter().enumerate().flat_map(|(level, names)| {
            let prefix = columns.prefix(level);
            names.removed_names().map(move |name| format!("{prefix}{}", String::from_utf8_lossy(name)))
        })
    }

    /// Notes which cells the row just read has.
    pub(super) fn note_cells(&self, seen: &mut [bool]) {
        for (seen, found) in seen.iter_mut().zip(&self.cells) {
            *seen |= found.is_some();
        }
    }

    /// Reads the element of that name, which may nest `depth` more levels: where it ends.
    pub(super) fn read(
        &mut self,
        columns: &Columns,
        text: &[u8],
        name: Range<usize>,
        depth: usize,
    ) -> Scan<usize> {
        self.cells.fill(None);
        self.open.clear();
        self.names = 0;
        self.namespaces.clear();
        self.declared.fill(0..0);
        self.declared_length = 0;
        let (mut at, is_empty) = self.columns_of_tag(columns, 0, text, name.end)?;
        if is_empty {
            return Ok(at);
        }
        self.open.push(Open { name, step: Step { level: Some(0), ..Step::DROP }, inside: Inside::empty(at) });
        loop {
            let (token, end) = scan::token(text, at)?;
            at = match token {
                Token::Text | Token::Data => end,
                Token::Aside => {
                    if let Some(around) = self.open.last_mut() {
                        around.inside.has_asides = true;
                    }
                    end
                }
                Token::Open => self.element(columns, text, end, depth)?,
                Token::Close => self.close(text, at, end)?,
            };
            if self.open.is_empty() {
                return Ok(at);
            }
        }
    }

    /// Reads the opening tag of the element whose name is at `at`, and all of the element when it is
    /// empty or plain text.
    #[inline]
    fn element(&mut self, columns: &Columns, text: &[u8], at: usize, depth: usize) -> Scan<usize> {
        if self.open.len() > depth {
            return Err(TOO_DEEP);
        }
        let level = self.open.last_mut().and_then(|around| {
            around.inside.has_elements = true;
            around.step.level
        });
        let (step, name_end) = match level {
            Some(level) => self.name(columns, level, text, at)?,
            None => (Step::DROP, scan::name(text, at)?),
        };
        let namespaces = self.namespaces.len();
        let (from, is_empty) = match step.level {
            Some(level) => self.columns_of_tag(columns, level, text, name_end)?,
            None if text.get(name_end) == Some(&b'>') => (name_end + 1, false),
            None => {
                let tag = scan::attributes(text, name_end, &mut self.attributes)?;
                if step.cell.is_some() {
                    let declares = |attribute: &Attribute| is_namespace(part(text, &attribute.name));
                    self.namespaces.extend(self.attributes.drain(..).filter(declares));
                }
                tag
            }
        };
        let namespaces = namespaces..self.namespaces.len();
        let mut inside = Inside { namespaces, ..Inside::empty(from) };
        if is_empty {
            self.note(step, inside);
            return Ok(from);
        }
        let end = scan::text(text, from)?;
        let name = slice(text, at, name_end);
        let behind =
            slice(text, end, text.len()).strip_prefix(b"</").and_then(|rest| rest.strip_prefix(name));
        if behind.is_some_and(|rest| rest.first() == Some(&b'>')) {
            inside.text.end = end;
            self.note(step, inside);
            return Ok(end + b"</>".len() + name.len());
        }
        self.open.push(Open { name: at..name_end, step, inside });
        Ok(end)
    }

    /// Reads the closing tag that begins at `at`, its name being at `name`.
    fn close(&mut self, text: &[u8], at: usize, name: usize) -> Scan<usize> {
        let Some(Open { name: expected, step, mut inside }) = self.open.pop() else {
            return Err(scan::invalid("a closing tag without an element"));
        };
        let end = scan::closing(text, name, part(text, &expected))?;
        inside.text.end = at;
        if let Some(around) = self.open.last_mut() {
            around.inside.has_asides |= inside.has_asides;
            self.note(step, inside);
        }
        Ok(end)
    }

    /// Reads the attributes of a tag that are columns of that level: where it ends, and whether the element is empty.
    fn columns_of_tag(
        &mut self,
        columns: &Columns,
        level: usize,
        text: &[u8],
        mut at: usize,
    ) -> Scan<(usize, bool)> {
        if let Some(names) = self.levels.get_mut(level) {
            names.begin();
        }
        let began = self.namespaces.len();
        let tag = loop {
            let from = match scan::in_tag(text, at)? {
                InTag::End(end, is_empty) => break (end, is_empty),
                InTag::Attribute(from) => from,
            };
            let (step, name_end) = self.name(columns, level, text, from)?;
            let value = scan::value(text, name_end)?;
            at = value.end;
            if step.is_namespace {
                self.declared_length += if level == 0 { 0 } else { at - from };
                if self.declared_length > MAX_DECLARED {
                    return Err(too_large("the namespaces inside of a row are longer than 64 KiB"));
                }
                self.namespaces.push(Attribute { name: from..name_end, value });
            } else if let Some(cell) = step.cell.and_then(|cell| self.cells.get_mut(cell)) {
                *cell = Some(Found::Attribute(value));
            }
        };
        if let Some(declared) = self.declared.get_mut(level) {
            *declared = began..self.namespaces.len();
        }
        Ok(tag)
    }

    /// Reads a name of that level.
    #[inline]
    fn name(&mut self, columns: &Columns, level: usize, text: &[u8], at: usize) -> Scan<(Step, usize)> {
        if self.names >= MAX_CELLS {
            return Err(Stop::Failed(TOO_MANY));
        }
        self.names += 1;
        match self.levels.get_mut(level) {
            Some(names) => names.read(text, at, |name| columns.step(level, name)),
            None => Ok((Step::DROP, scan::name(text, at)?)),
        }
    }

    /// Notes the cell that an element is.
    #[inline]
    fn note(&mut self, step: Step, inside: Inside) {
        if let Some(cell) = step.cell.and_then(|cell| self.cells.get_mut(cell)) {
            *cell = Some(Found::Element(inside));
        }
    }

    /// What stands in a cell of the row just read from `text`.
    pub(super) fn cell<'t>(&self, cell: Option<usize>, text: &'t [u8]) -> Cell<'t> {
        let Some(Some(found)) = cell.and_then(|cell| self.cells.get(cell)) else { return Cell::Missing };
        let inside = match found {
            Found::Attribute(value) => return Cell::Text(attribute_meaning(part(text, value))),
            Found::Element(inside) => inside,
        };
        let raw = part(text, &inside.text);
        if !inside.has_elements {
            return Cell::Text(meaning(raw));
        }
        if !inside.has_asides {
            return Cell::Text(Cow::Borrowed(raw));
        }
        let mut out = Vec::new();
        push_without_asides(raw, &mut out);
        Cell::Text(Cow::Owned(out))
    }

    /// Writes the row just read from `text` as an element of that name.
    pub(super) fn write(&mut self, columns: &Columns, text: &[u8], name: &[u8], out: &mut Vec<u8>) {
        out.push(b'<');
        out.extend_from_slice(name);
        self.write_declared(0, text, out);
        self.write_attributes(&columns.attributes, text, out);
        out.push(b'>');
        for piece in &columns.pieces {
            match piece {
                Piece::Cell(leaving) => self.write_element(leaving, text, out),
                Piece::Open { name, level, attributes } => {
                    let began = out.len();
                    out.push(b'<');
                    out.extend_from_slice(name);
                    if let Some(level) = level {
                        self.write_declared(*level, text, out);
                    }
                    let length = out.len();
                    self.write_attributes(attributes, text, out);
                    let has_attributes = out.len() > length;
                    out.push(b'>');
                    self.groups.push((began, (!has_attributes).then_some(out.len())));
                }
                Piece::Close { name } => {
                    let (began, empty_at) = self.groups.pop().unwrap_or_default();
                    // A group without a single cell is left out.
                    if empty_at == Some(out.len()) { out.truncate(began) } else { push_closing(name, out) }
                }
            }
        }
        push_closing(name, out);
    }

    fn write_declared(&self, level: usize, text: &[u8], out: &mut Vec<u8>) {
        if let Some(declared) = self.declared.get(level) {
            push_namespaces(self.namespaces.get(declared.clone()).unwrap_or_default(), text, out);
        }
    }

    fn write_attributes(&self, attributes: &[Leaving], text: &[u8], out: &mut Vec<u8>) {
        for Leaving { name, cell, .. } in attributes {
            if let Some(Some(Found::Attribute(value))) = self.cells.get(*cell) {
                push_attribute(name, part(text, value), out);
            }
        }
    }

    #[inline]
    fn write_element(&self, leaving: &Leaving, text: &[u8], out: &mut Vec<u8>) {
        let Leaving { name, cell, left_behind } = leaving;
        let Some(Some(Found::Element(inside))) = self.cells.get(*cell) else { return };
        out.push(b'<');
        out.extend_from_slice(name);
        if !inside.namespaces.is_empty() {
            push_namespaces(self.namespaces.get(inside.namespaces.clone()).unwrap_or_default(), text, out);
        }
        if inside.has_elements && !left_behind.is_empty() {
            self.write_left_behind(inside, left_behind, text, out);
        }
        out.push(b'>');
        let raw = part(text, &inside.text);
        if inside.has_asides {
            push_without_asides(raw, out)
        } else {
            out.extend_from_slice(raw)
        }
        push_closing(name, out);
    }
}

impl RowReader {
    /// Writes the namespaces that those levels declare, but for those that the cell, or a level further in, declares anew.
    fn write_left_behind(&self, cell: &Inside, levels: &[usize], text: &[u8], out: &mut Vec<u8>) {
        let own = std::iter::once(&cell.namespaces);
        let levels = levels.iter().filter_map(|level| self.declared.get(*level));
        let mut written = HashSet::new();
        for (nth, range) in own.chain(levels).enumerate() {
            for attribute in self.namespaces.get(range.clone()).unwrap_or_default() {
                let name = part(text, &attribute.name);
                if written.insert(name) && nth > 0 {
                    push_attribute(name, part(text, &attribute.value), out);
                }
            }
        }
    }
}

impl Inside {
    fn empty(at: usize) -> Self {
        Self { text: at..at, has_elements: false, has_asides: false, namespaces: 0..0 }
    }
}

pub(super) fn push_closing(name: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"</");
    out.extend_from_slice(name);
    out.push(b'>');
}

/// Appends those of the attributes that declare namespaces.
pub(super) fn push_namespaces(attributes: &[Attribute], text: &[u8], out: &mut Vec<u8>) {
    for attribute in attributes {
        let name = part(text, &attribute.name);
        if is_namespace(name) {
            push_attribute(name, part(text, &attribute.value), out);
        }
    }
}

fn push_attribute(name: &[u8], quoted: &[u8], out: &mut Vec<u8>) {
    out.push(b' ');
    out.extend_from_slice(name);
    out.push(b'=');
    out.extend_from_slice(quoted);
}
