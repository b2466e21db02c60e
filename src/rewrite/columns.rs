//! Which columns: the holder's view, or those of it that the client selected, in its order.
//!
//! A column that does not exist and one that is not granted look the same. Sorting or filtering
//! by a hidden column would tell its values, so that is refused like selecting it.

use super::sent::Sent;
use crate::decide::{Denial, Permit};
use crate::domain::code::Code;
use crate::domain::column::{ColumnIndex, View};
use crate::domain::dialect::OnExtra;
use std::borrow::Cow;

/// How many refused names an answer repeats.
const MAX_NAMED: usize = 100;

/// The columns that the backend is asked for.
pub(super) fn selection(permit: &Permit<'_>, sent: &Sent<'_>) -> Result<View, Denial> {
    if !sent.misplaced.is_empty() {
        return Err(not_granted(permit, &sent.misplaced, "columns cannot be selected there"));
    }
    let Some(names) = &sent.columns else { return Ok(permit.view().clone()) };
    let (mut columns, mut refused) = (Vec::new(), Vec::new());
    for name in names {
        match granted(permit, name) {
            Some(column) => columns.push(column),
            None => refused.push(name.clone()),
        }
    }
    if !refused.is_empty() && permit.report().request.on_extra_columns == OnExtra::Reject {
        return Err(not_granted(permit, &refused, "some of these columns are not granted"));
    }
    if columns.is_empty() {
        return Err(not_granted(permit, &refused, "no granted column is selected"));
    }
    View::new(&columns).ok_or_else(|| {
        let parameter =
            permit.report().request.ask.first().map_or_else(String::new, |slot| slot.place.to_string());
        Denial::parameter(Code::ParameterInvalid, parameter, "a column is selected twice")
    })
}

/// Values to sort by, under the backend's names.
pub(super) fn sorts<'a>(
    permit: &Permit<'a>,
    sent: &'a Sent<'a>,
) -> Result<Vec<Option<Cow<'a, str>>>, Denial> {
    let slots = permit.report().request.sort.iter();
    let sorted = slots.zip(&sent.sorts).map(|(slot, value)| {
        let Some(value) = value else { return Ok(None) };
        let descending = value.strip_prefix('-').filter(|_| slot.minus);
        let name = descending.unwrap_or(value);
        let column = granted(permit, name).and_then(|column| permit.report().catalogue.get(column));
        let column = column.ok_or_else(|| {
            not_granted(permit, &[Cow::Borrowed(name)], "rows cannot be sorted by this column")
        })?;
        Ok(Some(match descending {
            Some(_) => Cow::Owned(format!("-{}", column.request)),
            None => Cow::Borrowed(&*column.request),
        }))
    });
    sorted.collect()
}

/// Refuses filters over columns that are not granted.
pub(super) fn check_filters(permit: &Permit<'_>, sent: &Sent<'_>) -> Result<(), Denial> {
    for (parameter, value) in permit.report().request.parameters.iter().zip(&sent.parameters) {
        let hidden = parameter.column.is_some_and(|column| !permit.view().contains(column));
        if hidden && value.is_some() {
            // The parameter's name, which the client knows: the column's own may be hidden.
            let name = parameter.client.to_string();
            return Err(not_granted(permit, &[name.into()], "rows cannot be filtered by this column"));
        }
    }
    Ok(())
}

fn granted(permit: &Permit<'_>, name: &str) -> Option<ColumnIndex> {
    permit.report().catalogue.find(name).filter(|column| permit.view().contains(*column))
}

fn not_granted(permit: &Permit<'_>, refused: &[Cow<'_, str>], detail: &'static str) -> Denial {
    let refused: Vec<_> = refused.iter().take(MAX_NAMED).map(|name| name.to_string()).collect();
    let granted = permit.report().catalogue.columns_of(permit.view());
    let granted: Vec<_> = granted.map(|column| column.name.to_string()).collect();
    Denial::new(Code::ColumnNotGranted, detail).with("columns", refused).with("granted", granted)
}
