//! Whose a row is, and whether it is one: the rules that every format's rows are held against.

use super::output::Cell;
use super::{FilterError, RowsOf, Terms, Violation};
use crate::domain::column::Catalogue;
use crate::domain::dialect::{OnForeignRow, ResponseDialect, RowRules, Scalar, TotalRows};
use std::sync::Arc;

/// The rules of a dialect, with the backend's names of the columns that they look at.
#[derive(Debug)]
pub(super) struct RowPlan {
    /// The column that tells whose a row is.
    pub(super) scope: Option<Box<str>>,
    /// The column that tells a total.
    pub(super) total: Option<Box<str>>,
    equals: Option<Scalar>,
    on_foreign_row: OnForeignRow,
}

impl RowPlan {
    pub(super) fn new(dialect: &ResponseDialect, catalogue: &Catalogue) -> Self {
        let RowRules { scope_column, on_foreign_row, total_rows } = &dialect.rows;
        let response = |total: &TotalRows| Some(catalogue.get(total.column)?.response.clone());
        Self {
            scope: scope_column.clone(),
            total: total_rows.as_ref().and_then(response),
            equals: total_rows.as_ref().map(|total| total.equals.clone()),
            on_foreign_row: *on_foreign_row,
        }
    }
}

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Leaves,
    Cut,
}

/// Judges the rows of one answer.
pub(super) struct RowJudge {
    terms: Arc<Terms>,
    foreign_rows: u64,
}

impl RowJudge {
    pub(super) fn new(terms: Arc<Terms>) -> Self {
        Self { terms, foreign_rows: 0 }
    }

    /// How many rows were somebody else's.
    pub(super) fn foreign_rows(&self) -> u64 {
        self.foreign_rows
    }

    /// Judges a row by what stands in its scope column and its total column; `Cell::Missing` where it has none.
    ///
    /// # Errors
    /// When the row is somebody else's and the dialect refuses such answers.
    #[inline]
    pub(super) fn judge(
        &mut self,
        plan: &RowPlan,
        scope: &Cell<'_>,
        total: &Cell<'_>,
    ) -> Result<Verdict, FilterError> {
        if let Some(equals) = &plan.equals
            && total.is(equals)
        {
            return Ok(Verdict::Cut);
        }
        match &self.terms.rows_of {
            RowsOf::Ids(ids) if plan.scope.is_some() => {
                if scope.with_id(|id| ids.iter().any(|own| own.as_bytes() == id)) {
                    return Ok(Verdict::Leaves);
                }
            }
            RowsOf::Ids(_) | RowsOf::Everyone => return Ok(Verdict::Leaves),
        }
        self.foreign_rows += 1;
        match plan.on_foreign_row {
            OnForeignRow::Drop => Ok(Verdict::Cut),
            OnForeignRow::Refuse => {
                let what = match scope {
                    Cell::Missing => "a row does not tell whose it is: it has no `scope_column`",
                    Cell::Json(_) | Cell::Text(_) => "a row is not the holder's",
                };
                Err(FilterError::Invalid(Violation::ForeignRow, what))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::column::{Catalogue, Column};
    use crate::domain::dialect::{JsonDialect, OutputFormat, ResponseFormat};
    use crate::domain::names::ColumnName;
    use crate::domain::pointer::Pointer;
    use std::borrow::Cow;

    #[test]
    fn rows_are_judged_by_exact_ids() {
        let column = Column {
            name: ColumnName::parse("country").unwrap(),
            title: None,
            request: "country".into(),
            response: "Country".into(),
            group: None,
        };
        let catalogue = Catalogue::new(vec![column]);
        let mut dialect = ResponseDialect::new(ResponseFormat::Json(JsonDialect::new(Pointer::default())));
        dialect.rows.scope_column = Some("aff".into());
        let country = catalogue.find("country").unwrap();
        dialect.rows.total_rows = Some(TotalRows { column: country, equals: Scalar::Text("Total".into()) });
        let text = |text: &'static str| Cell::Text(Cow::Borrowed(text.as_bytes()));
        let json = |text: &'static str| Cell::Json(text.as_bytes());
        let own = || RowsOf::Ids(["1001".into(), "a\u{e9}".into()].into());
        #[rustfmt::skip]
        let cases = [
            (own(), json("1001"), Cell::Missing, "leaves"), (own(), json("\"1001\""), Cell::Missing, "leaves"),
            (own(), json(r#""1\u0030\u00301""#), Cell::Missing, "leaves"), (own(), text("a\u{e9}"), Cell::Missing, "leaves"),
            (own(), json("1001.0"), Cell::Missing, "foreign"), (own(), json("1002"), Cell::Missing, "foreign"),
            (own(), json("null"), Cell::Missing, "foreign"), (own(), json("[1001]"), Cell::Missing, "foreign"),
            (own(), text(" 1001"), Cell::Missing, "foreign"), (own(), Cell::Missing, Cell::Missing, "foreign"),
            (own(), json("true"), Cell::Missing, "foreign"), (own(), text(""), Cell::Missing, "foreign"),
            (own(), Cell::Missing, json("\"Total\""), "cut"), (own(), Cell::Missing, text("total"), "foreign"),
            (RowsOf::Everyone, json("1002"), Cell::Missing, "leaves"), (RowsOf::Everyone, Cell::Missing, text("Total"), "cut"),
        ];
        for on_foreign_row in [OnForeignRow::Refuse, OnForeignRow::Drop] {
            dialect.rows.on_foreign_row = on_foreign_row;
            let plan = RowPlan::new(&dialect, &catalogue);
            assert_eq!(plan.total.as_deref(), Some("Country"));
            for (rows_of, scope, total, expected) in &cases {
                let terms = Terms { output: OutputFormat::Json, rows_of: rows_of.clone(), paging: None };
                let mut judge = RowJudge::new(Arc::new(terms));
                let found = judge.judge(&plan, scope, total);
                if let Err(FilterError::Invalid(_, what)) = &found {
                    assert_eq!(what.contains("has no `scope_column`"), *scope == Cell::Missing, "{scope:?}");
                }
                let expected = match (*expected, on_foreign_row) {
                    ("leaves", _) => Ok(Verdict::Leaves),
                    ("foreign", OnForeignRow::Refuse) => Err(()),
                    _ => Ok(Verdict::Cut),
                };
                assert_eq!(found.map_err(|_| ()), expected, "{rows_of:?} {scope:?} {total:?}");
                let is_foreign = *scope != Cell::Missing && expected != Ok(Verdict::Leaves);
                assert!(!is_foreign || judge.foreign_rows() == 1, "{scope:?}");
            }
        }
        dialect.rows.scope_column = None;
        let plan = RowPlan::new(&dialect, &catalogue);
        let terms = Terms { output: OutputFormat::Json, rows_of: own(), paging: None };
        let verdict = RowJudge::new(Arc::new(terms)).judge(&plan, &Cell::Missing, &Cell::Missing);
        assert_eq!(verdict, Ok(Verdict::Leaves), "nothing tells whose a row is");
    }
}
