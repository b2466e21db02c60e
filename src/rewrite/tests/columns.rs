//! Columns: every place and style, the client's own selection, sorting and filtering.

use super::*;
use crate::domain::dialect::*;
use fixture::{at, column_slot, columns, csv};

const ALL: &str = "lead_id,country,code,commission";

fn query(name: &str, style: ListStyle) -> ColumnPlace {
    ColumnPlace::Query { name: name.into(), style }
}

fn in_place(place: &ColumnPlace) -> RequestDialect {
    let slots = || [column_slot(place.clone())].into();
    let body = match place {
        ColumnPlace::Query { .. } | ColumnPlace::Header { .. } => BodyKind::None,
        ColumnPlace::Form { .. } => BodyKind::Form,
        ColumnPlace::Json { .. } => BodyKind::Json,
    };
    RequestDialect { body, columns: slots(), ask: slots(), scope: ScopeRule::Public, ..fixture::dialect() }
}

#[test]
fn the_view_is_asked_for_in_every_query_style() {
    let flags = |prefix: &str| ListStyle::Flags { prefix: prefix.into(), value: "1".into() };
    let pipe = ListStyle::Csv { separator: "|".into() };
    #[rustfmt::skip]
    let cases = [
        (query("k", csv()), "", "k=lead_id,country,TrackingCode,commission"),
        (query("k", csv()), "k=code,lead_id", "k=TrackingCode,lead_id"),
        (query("k", csv()), "k=code%2Clead_id", "k=TrackingCode,lead_id"),
        (query("k", csv()), "k=code&k=lead_id", "parameter_invalid k"),
        (query("k", csv()), "k=code,", "column_not_granted "),
        (query("k", csv()), "k=", "column_not_granted "),
        (query("k", csv()), "k=email", "column_not_granted email"),
        (query("k", csv()), "k=nothing", "column_not_granted nothing"),
        (query("k", csv()), "k=code,email,x", "column_not_granted email,x"),
        (query("k", csv()), "k=TrackingCode", "column_not_granted TrackingCode"),
        (query("k", csv()), "k=code,%20lead_id", "column_not_granted  lead_id"),
        (query("k", csv()), "k=Code", "column_not_granted Code"),
        (query("k", csv()), "k=code,code", "parameter_invalid k"),
        (query("k", pipe), "k=code|lead_id", "k=TrackingCode%7Clead_id"),
        (query("k", ListStyle::Repeat), "", "k=lead_id&k=country&k=TrackingCode&k=commission"),
        (query("k", ListStyle::Repeat), "k=code&k=lead_id", "k=TrackingCode&k=lead_id"),
        (query("k", ListStyle::Repeat), "k=code&k=code", "parameter_invalid k"),
        (query("k", ListStyle::Repeat), "k=code,lead_id", "column_not_granted code,lead_id"),
        (query("k", ListStyle::Repeat), "k[]=code", "parameter_not_allowed k[]"),
        (query("k", ListStyle::Brackets), "k[]=code&k%5B%5D=lead_id", "k[]=TrackingCode&k[]=lead_id"),
        (query("k", ListStyle::Brackets), "k=code", "parameter_not_allowed k"),
        (query("", flags("ck_")), "", "ck_lead_id=1&ck_country=1&ck_TrackingCode=1&ck_commission=1"),
        (query("", flags("ck_")), "ck_code=1&ck_lead_id=1", "ck_TrackingCode=1&ck_lead_id=1"),
        (query("", flags("ck_")), "ck_email=1", "column_not_granted email"),
        (query("", flags("ck_")), "ck_nothing=1", "column_not_granted nothing"),
        (query("", flags("ck_")), "ck_code=0", "parameter_invalid ck_code"),
        (query("", flags("")), "code=1&lead_id=1", "TrackingCode=1&lead_id=1"),
        (query("", flags("")), "email=1", "column_not_granted email"),
        (query("", flags("")), "nothing=1", "column_not_granted nothing"),
        (query("", flags("")), "email=2", "parameter_not_allowed email"),
        (query("", flags("")), "nothing=2", "parameter_not_allowed nothing"),
    ];
    for (place, query, expected) in cases {
        check(&in_place(&place), "acme", query, expected);
    }
}

#[test]
fn columns_stand_in_bodies() {
    let form = |style| ColumnPlace::Form { name: "k".into(), style };
    let json = |style| ColumnPlace::Json { at: at("/query/k"), style };
    let objects = || JsonListStyle::Objects { key: "column".into() };
    let text = || JsonListStyle::Csv { separator: ",".into() };
    #[rustfmt::skip]
    let cases = [
        (form(csv()), "", "k=lead_id,country,TrackingCode,commission"),
        (form(csv()), "k=code", "k=TrackingCode"),
        (form(ListStyle::Brackets), "k%5B%5D=code&k[]=lead_id", "k[]=TrackingCode&k[]=lead_id"),
        (form(csv()), "k=email", "column_not_granted email"),
        (json(JsonListStyle::Array), "", r#"{"query":{"k":["lead_id","country","TrackingCode","commission"]}}"#),
        (json(JsonListStyle::Array), r#"{"query":{"k":["code","lead_id"]}}"#, r#"{"query":{"k":["TrackingCode","lead_id"]}}"#),
        (json(JsonListStyle::Array), r#"{"query":{"k":["email"]}}"#, "column_not_granted email"),
        (json(JsonListStyle::Array), r#"{"query":{"k":["\u0065mail"]}}"#, "column_not_granted email"),
        (json(JsonListStyle::Array), r#"{"query":{"k":[]}}"#, "column_not_granted "),
        (json(JsonListStyle::Array), r#"{"query":{"k":"code"}}"#, "parameter_invalid json:/query/k"),
        (json(JsonListStyle::Array), r#"{"query":{"k":[1]}}"#, "parameter_invalid json:/query/k"),
        (json(JsonListStyle::Array), r#"{"query":["k"]}"#, "parameter_invalid json:/query"),
        (json(JsonListStyle::Array), r#"{"query":{}}"#, r#"{"query":{"k":["lead_id","country","TrackingCode","commission"]}}"#),
        (json(JsonListStyle::Array), r#"{"query":{"K":["email"]}}"#, "parameter_not_allowed json:/query/K"),
        (json(objects()), r#"{"query":{"k":[{"column":"code"}]}}"#, r#"{"query":{"k":[{"column":"TrackingCode"}]}}"#),
        (json(objects()), r#"{"query":{"k":[{"column":"code","x":1}]}}"#, "parameter_invalid json:/query/k"),
        (json(text()), r#"{"query":{"k":"code,lead_id"}}"#, r#"{"query":{"k":"TrackingCode,lead_id"}}"#),
    ];
    for (place, body, expected) in cases {
        check_body(&in_place(&place), "acme", body, expected);
    }
}

#[test]
fn a_body_is_built_for_get() {
    let place = ColumnPlace::Json { at: at("/k"), style: JsonListStyle::Csv { separator: ",".into() } };
    check(&in_place(&place), "acme", "", r#"{"k":"lead_id,country,TrackingCode,commission"}"#);
}

#[test]
fn selections_are_read_where_the_dialect_says() {
    // The backend cannot select: only the answer is cut.
    let mut none = in_place(&query("columns", csv()));
    none.columns = Box::default();
    check(&none, "acme", "columns=code", "");
    check(&none, "acme", "columns=email", "column_not_granted email");
    // Asked in one place, written in another.
    let mut moved = in_place(&query("_col", ListStyle::Repeat));
    moved.ask = [column_slot(query("columns", csv()))].into();
    check(&moved, "acme", "columns=code,country", "_col=TrackingCode&_col=country");
    check(&moved, "acme", "_col=code", "column_not_granted code");
    check(&moved, "acme", "columns=code&_col=email", "column_not_granted email");
    moved.on_extra_columns = OnExtra::Drop;
    moved.on_unknown_parameter = OnExtra::Drop;
    check(&moved, "acme", "_col=code", "column_not_granted code");
}

#[test]
fn extra_columns_can_be_dropped_but_never_all() {
    let dialect = RequestDialect { on_extra_columns: OnExtra::Drop, ..in_place(&query("k", csv())) };
    check(&dialect, "acme", "k=email,code,nothing", "k=TrackingCode");
    check(&dialect, "acme", "k=email,nothing", "column_not_granted email,nothing");
    check(&dialect, "acme", "k=", "column_not_granted ");
}

#[test]
fn dimensions_and_measures_go_to_their_own_places() {
    let slots = || {
        let dimensions = ["lead_id", "country", "code", "email"];
        [
            ColumnSlot {
                place: query("group_by", csv()),
                takes: columns(&dimensions),
                hidden: Box::default(),
            },
            ColumnSlot {
                place: query("fields", ListStyle::Brackets),
                takes: columns(&["commission"]),
                hidden: Box::default(),
            },
        ]
        .into()
    };
    let dialect = RequestDialect { columns: slots(), ask: slots(), ..in_place(&query("k", csv())) };
    check(&dialect, "acme", "", "group_by=lead_id,country,TrackingCode&fields[]=commission");
    check(&dialect, "acme", "fields[]=commission&group_by=country", "group_by=country&fields[]=commission");
    check(&dialect, "acme", "fields[]=commission", "fields[]=commission");
    check(&dialect, "acme", "fields[]=email", "column_not_granted email");
}

#[test]
fn refusals_name_the_view() {
    let result = rewritten(&policy(in_place(&query("k", csv()))), "acme", "k=email,code", None);
    let list = |text: &str| Extra::List(text.split(',').map(str::to_owned).collect());
    assert_eq!(result.unwrap_err().extras, [("columns", list("email")), ("granted", list(ALL))]);
}

#[test]
fn sorting_needs_a_granted_column() {
    let slot = |place, minus| SortSlot { place, minus };
    let sort = [
        slot(Place::Query("_sort".into()), false),
        slot(Place::Query("order".into()), true),
        slot(Place::Json(at("/sort")), true),
    ];
    let mut dialect = RequestDialect { sort: sort.into(), ..in_place(&query("k", csv())) };
    dialect.columns = Box::default();
    dialect.on_extra_columns = OnExtra::Drop;
    #[rustfmt::skip]
    let cases = [
        ("_sort=code", "_sort=TrackingCode"), ("_sort=email", "column_not_granted email"), ("_sort=nothing", "column_not_granted nothing"),
        ("_sort=-code", "column_not_granted -code"), ("_sort=", "column_not_granted "), ("_sort=code&_sort=code", "parameter_invalid _sort"),
        ("order=-code", "order=-TrackingCode"), ("order=code", "order=TrackingCode"), ("order=--code", "column_not_granted -code"),
        ("order=-email", "column_not_granted email"), ("k=country&_sort=code", "_sort=TrackingCode"),
    ];
    for (query, expected) in cases {
        check(&dialect, "acme", query, expected);
    }
    dialect.body = BodyKind::Json;
    check_body(&dialect, "acme", r#"{"sort":"-code"}"#, r#"{"sort":"-TrackingCode"}"#);
    check_body(&dialect, "acme", r#"{"sort":"email"}"#, "column_not_granted email");
    check_body(&dialect, "acme", r#"{"sort":["code"]}"#, "parameter_invalid json:/sort");
}

#[test]
fn filters_need_their_column() {
    let filter = |name: &str, column: &str| Parameter {
        column: Some(columns(&[column])[0]),
        ..fixture::parameter(Place::Query(name.into()), Place::Query(name.into()), ParameterType::Boolean)
    };
    let mut dialect = in_place(&query("k", csv()));
    dialect.columns = Box::default();
    dialect.parameters = [filter("c", "country"), filter("m", "email")].into();
    check(&dialect, "acme", "c=true", "c=true");
    check(&dialect, "acme", "m=true", "column_not_granted m");
    check(&dialect, "acme", "m=1", "column_not_granted m");
}

#[test]
fn columns_stand_in_path_and_fixed_texts() {
    let mut report = fixture::report();
    report.backend_path = crate::domain::template::Template::parse("/x/{columns}/{scope}");
    report.request.columns = Box::default();
    report.request.column_quote = "\"".into();
    let set = crate::domain::template::Template::parse("select {columns} where a in ({scope})");
    report.request.set = [Fixed::Query("sql".into(), set)].into();
    let policy = fixture::policy_of(report);
    let request = rewritten(&policy, "ib", "_col=code&_col=country", None).unwrap();
    let expected = "/base/x/%22TrackingCode%22,%22country%22/1001,1002?\
        sql=select%20%22TrackingCode%22%2C%22country%22%20where%20a%20in%20%281001%2C1002%29\
        &affiliate_id=1001%2C1002";
    assert_eq!(request.path_and_query(), expected);
}

/// A dialect whose backend is asked for `aff` and `code`'s own column besides what is granted.
fn with_hidden(place: &ColumnPlace) -> RequestDialect {
    let mut dialect = in_place(place);
    dialect.columns[0].hidden = ["aff".into(), "TrackingCode".into()].into();
    dialect.hidden = dialect.columns[0].hidden.clone();
    dialect.on_unknown_parameter = OnExtra::Drop;
    dialect
}

#[test]
fn hidden_columns_are_asked_for_and_cannot_be_selected() {
    let flags = |prefix: &str| ListStyle::Flags { prefix: prefix.into(), value: "1".into() };
    #[rustfmt::skip]
    let cases = [
        (query("k", csv()), "", "k=lead_id,country,TrackingCode,commission,aff"),
        (query("k", csv()), "k=country", "k=country,aff,TrackingCode"),
        (query("k", csv()), "k=code,country", "k=TrackingCode,country,aff"),
        (query("k", csv()), "k=aff", "column_not_granted aff"),
        (query("k", csv()), "k=country,aff", "column_not_granted aff"),
        (query("k", csv()), "k=TrackingCode", "column_not_granted TrackingCode"),
        (query("k", ListStyle::Repeat), "k=country", "k=country&k=aff&k=TrackingCode"),
        (query("k", ListStyle::Repeat), "k=aff", "column_not_granted aff"),
        (query("k", ListStyle::Brackets), "k[]=country", "k[]=country&k[]=aff&k[]=TrackingCode"),
        (query("k", ListStyle::Brackets), "k[]=aff", "column_not_granted aff"),
        (query("", flags("ck_")), "ck_country=1", "ck_country=1&ck_aff=1&ck_TrackingCode=1"),
        (query("", flags("ck_")), "ck_aff=1", "column_not_granted aff"),
        (query("", flags("")), "country=1", "country=1&aff=1&TrackingCode=1"),
        (query("", flags("")), "aff=1", "column_not_granted aff"),
        (query("", flags("")), "country=1&aff=0", "country=1&aff=1&TrackingCode=1"),
    ];
    for (place, query, expected) in cases {
        check(&with_hidden(&place), "acme", query, expected);
    }
    let json = |style| ColumnPlace::Json { at: at("/k"), style };
    let form = |style| ColumnPlace::Form { name: "k".into(), style };
    #[rustfmt::skip]
    let cases = [
        (form(ListStyle::Brackets), "k[]=country", "k[]=country&k[]=aff&k[]=TrackingCode"),
        (form(csv()), "k=aff", "column_not_granted aff"),
        (json(JsonListStyle::Array), r#"{"k":["country"]}"#, r#"{"k":["country","aff","TrackingCode"]}"#),
        (json(JsonListStyle::Array), r#"{"k":["aff"]}"#, "column_not_granted aff"),
        (json(JsonListStyle::Objects { key: "c".into() }), r#"{"k":[{"c":"country"}]}"#, r#"{"k":[{"c":"country"},{"c":"aff"},{"c":"TrackingCode"}]}"#),
        (json(JsonListStyle::Csv { separator: ",".into() }), r#"{"k":"country"}"#, r#"{"k":"country,aff,TrackingCode"}"#),
        (json(JsonListStyle::Csv { separator: ",".into() }), r#"{"k":"country,aff"}"#, "column_not_granted aff"),
    ];
    for (place, body, expected) in cases {
        check_body(&with_hidden(&place), "acme", body, expected);
    }
}

#[test]
fn a_slot_with_nothing_granted_still_asks_for_what_is_hidden() {
    let slot = |name: &str, takes: &[&str], hidden: &[&str]| ColumnSlot {
        place: query(name, csv()),
        takes: columns(takes),
        hidden: hidden.iter().map(|name| (*name).into()).collect(),
    };
    let mut dialect = in_place(&query("k", csv()));
    dialect.columns = [slot("dims", &["country"], &["aff"]), slot("measures", &["commission"], &[])].into();
    check(&dialect, "acme", "k=commission", "dims=aff&measures=commission");
    check(&dialect, "acme", "k=country", "dims=country,aff");
}

#[test]
fn nothing_is_sorted_or_filtered_by_a_hidden_column() {
    let mut dialect = with_hidden(&query("k", csv()));
    dialect.sort = [SortSlot { place: Place::Query("_sort".into()), minus: true }].into();
    check(&dialect, "acme", "k=country&_sort=aff", "column_not_granted aff");
    check(&dialect, "acme", "k=country&_sort=-aff", "column_not_granted aff");
    check(&dialect, "acme", "k=country&aff=1", "k=country,aff,TrackingCode");
    // A catalogue column that is hidden from this holder.
    dialect.columns[0].hidden = ["email".into()].into();
    check(&dialect, "acme", "k=country", "k=country,email");
    check(&dialect, "acme", "k=email", "column_not_granted email");
    check(&dialect, "acme", "_sort=email", "column_not_granted email");
}

#[test]
fn hidden_columns_stand_in_path_and_fixed_texts() {
    use crate::domain::template::Template;
    let mut report = fixture::report();
    report.backend_path = Template::parse("/x/{columns}");
    report.request = RequestDialect { scope: ScopeRule::Public, ..fixture::dialect() };
    report.request.columns = Box::default();
    report.request.column_quote = "`".into();
    report.request.hidden = ["aff".into(), "country".into()].into();
    let sql = Template::parse("select {columns}");
    report.request.set = [Fixed::Query("sql".into(), sql)].into();
    let request = rewritten(&fixture::policy_of(report), "acme", "_col=country&_col=code", None).unwrap();
    let expected = "/base/x/%60country%60,%60TrackingCode%60,%60aff%60?\
        sql=select%20%60country%60%2C%60TrackingCode%60%2C%60aff%60";
    assert_eq!(request.path_and_query(), expected);
}
