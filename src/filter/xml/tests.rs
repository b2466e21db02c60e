//! What leaves of XML answers, and what is refused.

use crate::domain::column::{Catalogue, View};
use crate::domain::dialect::{
    OnForeignRow, OutputFormat, ResponseDialect, ResponseFormat, Scalar, Success, TotalRows, XmlDialect,
};
use crate::domain::pointer::Pointer;
use crate::filter::headers::Ending;
use crate::filter::testing::{Rig, columns, cut, plan, rig, run};
use crate::filter::{Filter, FilterError, FilterPlan, RowsOf, Terms, Violation};
use std::sync::Arc;

const INVALID: &str = "INVALID";
const REFUSED: &str = "REFUSED";
const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

fn at(path: &str) -> Pointer {
    Pointer::parse(path).unwrap()
}

fn dialect(rows: &str) -> XmlDialect {
    XmlDialect { rows: at(rows), also: Box::default(), keep: Box::default(), success: None }
}

fn xml_plan(rows: &str, view: &str) -> Rig {
    plan(ResponseFormat::Xml(dialect(rows)), view)
}

#[track_caller]
fn found(plan: &Rig, text: &[u8]) -> String {
    match cut(plan, text) {
        Ok(out) => out,
        Err(FilterError::Invalid(..)) => INVALID.to_owned(),
        Err(FilterError::Refused) => REFUSED.to_owned(),
    }
}

/// In XML, without the declaration.
#[track_caller]
fn check(plan: &Rig, text: impl AsRef<[u8]>, expected: &str) {
    let text = text.as_ref();
    let found = found(plan, text);
    let found = found.strip_prefix(HEAD).unwrap_or(&found);
    assert_eq!(found, expected, "{}", text.escape_ascii());
}

/// Why it is refused, given whole.
#[track_caller]
fn violation(plan: &Rig, text: &str) -> Violation {
    match run(plan, [text.as_bytes()]) {
        Err(FilterError::Invalid(violation, _)) => violation,
        other => panic!("{other:?}: {text}"),
    }
}

#[test]
fn platforms_answers_are_cut() {
    // The element of a row, and a column of it, share a name.
    let cellxpert = "<?xml version='1.0' encoding='utf-8'?>\n<CommissionReport>\n  <Commission>\n    <UserID>17</UserID>\n    \
        <Commission>90.00</Commission>\n    <Secret>s</Secret>\n  </Commission>\n  <Commission>\n    <UserID>18</UserID>\n    \
        <Commission/>\n    <Secret>s</Secret>\n  </Commission>\n</CommissionReport>\n";
    let plan = xml_plan("/CommissionReport/Commission", "commission=Commission user=UserID");
    let expected = "<CommissionReport><Commission><commission>90.00</commission><user>17</user></Commission>\
        <Commission><commission></commission><user>18</user></Commission></CommissionReport>";
    check(&plan, cellxpert, expected);
    let (json, ndjson) =
        (plan.output(OutputFormat::Json), xml_plan("/CommissionReport/Commission", "user=UserID"));
    check(&json, cellxpert, r#"[{"commission":"90.00","user":"17"},{"commission":"","user":"18"}]"#);
    check(&ndjson.output(OutputFormat::Ndjson), cellxpert, "{\"user\":\"17\"}\n{\"user\":\"18\"}\n");

    let cake = r#"<conversion_response xmlns="http://cakemarketing.com/api/4/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="4"><success>true</success>
<row_count>2</row_count><conversions><conversion><conversion_id>1</conversion_id><offer><offer_id xmlns="API:id_name_store">5</offer_id><offer_name>A &amp; B</offer_name></offer>
<price currency="USD"><amount>3.10</amount></price><note xsi:nil="true" /></conversion></conversions></conversion_response>"#;
    let plan = xml_plan(
        "/conversion_response/conversions/conversion",
        "id=conversion_id offer.name=offer.offer_name offer.id=offer.offer_id price note",
    );
    let expected = r#"<conversion_response xmlns="http://cakemarketing.com/api/4/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><conversions><conversion><id>1</id><offer><name>A &amp; B</name><id xmlns="API:id_name_store">5</id></offer><price><amount>3.10</amount></price><note></note></conversion></conversions></conversion_response>"#;
    check(&plan, cake, expected);
    check(
        &plan.output(OutputFormat::Csv),
        cake,
        "id,offer.name,offer.id,price,note\r\n1,A & B,5,<amount>3.10</amount>,\r\n",
    );
}

#[test]
fn rows_are_cut() {
    let plan = xml_plan("/r/row", "b a=A o.n=O.N flat=O.M");
    #[rustfmt::skip]
    let cases = [
        ("<r></r>", "<r></r>"), ("<r/>", "<r></r>"), ("<r ><row/></r\n>", "<r><row></row></r>"), ("\u{feff}<r/>", "<r></r>"),
        (" <!-- x --><?p?><r/><?p y?> <!---->\n", "<r></r>"),
        ("<?xml version=\"1.0\"?><r/>", "<r></r>"), ("<?xml version = '1.0'  encoding='us-ascii' standalone=\"yes\" ?><r/>", "<r></r>"),
        // attributes and elements, in the view's order
        ("<r><row h='1' b='2' A=\"3\"/></r>", "<r><row b='2' a=\"3\"></row></r>"),
        ("<r><row A='1'><b>2</b></row></r>", "<r><row a='1'><b>2</b></row></r>"),
        ("<r><row><h>1</h><A>2</A><b>3</b></row></r>", "<r><row><b>3</b><a>2</a></row></r>"),
        ("<r><row\n b = '&lt;&#x9;>' ></row></r>", "<r><row b='&lt;&#x9;>'></row></r>"),
        // names are exact
        ("<r><row><a>1</a><B>2</B><x:b>3</x:b><Ab>4</Ab></row></r>", "<r><row></row></r>"),
        ("<r><Row><b>1</b></Row><x:row><b>1</b></x:row></r>", "<r></r>"),
        // what stands in them
        ("<r><row><b> 1 </b><A/></row></r>", "<r><row><b> 1 </b><a></a></row></r>"),
        ("<r><row>t<b>&lt;<![CDATA[<h>]]>]]</b>u<![CDATA[<b>]]></row></r>", "<r><row><b>&lt;<![CDATA[<h>]]>]]</b></row></r>"),
        ("<r><row><b>1<!-- <h>hidden</h> -->2<?p hidden?>3</b></row></r>", "<r><row><b>123</b></row></r>"),
        ("<r><row><b><x y='1'>2</x><x/><!-- hidden --></b></row></r>", "<r><row><b><x y='1'>2</x><x/></b></row></r>"),
        ("<r><row><h><b>1</b><row b='2'/></h></row></r>", "<r><row></row></r>"),
        ("<r><row><b h='1'>2</b></row></r>", "<r><row><b>2</b></row></r>"),
        // dots
        ("<r><row><O h='1' N='2'><M>3</M>4</O></row></r>", "<r><row><o n='2'></o><flat>3</flat></row></r>"),
        ("<r><row><O M='1'><N>2</N><h>3</h></O><b>4</b></row></r>", "<r><row flat='1'><b>4</b><o><n>2</n></o></row></r>"),
        ("<r><row><O.N>1</O.N><O>2</O><N>3</N></row></r>", "<r><row></row></r>"), ("<r><row O='1'/></r>", "<r><row></row></r>"),
        // elements elsewhere
        ("<r><x><row><b>1</b></row></x><y b='1'>2</y><row b='3'/></r>", "<r><row b='3'></row></r>"),
        ("<r><!-- <row><b>1</b></row> --><![CDATA[<row><b>1</b></row>]]>x</r>", "<r></r>"),
        // namespaces
        ("<r xmlns='u' xmlns:p='v' h='1'><row xmlns:q='w' i='2'><h xmlns:s='x'/><b xmlns:t='y' h='3'><q:z t:y=''/></b></row></r>",
            "<r xmlns='u' xmlns:p='v'><row xmlns:q='w'><b xmlns:t='y'><q:z t:y=''/></b></row></r>"),
        ("<r><row><O xmlns:p='u'><N><p:x/></N></O></row></r>", "<r><row><o xmlns:p='u'><n><p:x/></n></o></row></r>"),
        ("<r><row><O xmlns:p='u' h='1'/></row></r>", "<r><row></row></r>"),
        // names beyond ASCII
        ("<r><row><h\u{e9}\u{b7}>1</h\u{e9}\u{b7}><\u{7248}/><b>\u{1f980}</b></row></r>", "<r><row><b>\u{1f980}</b></row></r>"),
    ];
    for (text, expected) in cases {
        check(&plan, text, expected);
    }
}

#[test]
fn names_leave_as_names_of_xml() {
    let plan = xml_plan("/r/row", "1st=a _1st=b xmlns=c S S.x d.2=D.E");
    let text = "<r><row a='1' b='2' c='3' d='4'><S><x>5</x></S><D><E>6</E></D></row></r>";
    let expected =
        "<r><row _1st='1' __1st='2' _xmlns='3'><S><x>5</x></S><S.x>5</S.x><d><_2>6</_2></d></row></r>";
    check(&plan, text, expected);
}

#[test]
fn namespaces_are_declared_where_cells_leave_without_what_is_around_them() {
    #[rustfmt::skip]
    let cases = [
        ("x=S.y", "<S xmlns:p='u' h='1'><y xmlns:q='v'><p:z/></y></S>", "<x xmlns:q='v' xmlns:p='u'><p:z/></x>"),
        ("x=S.y", "<S xmlns:p='u'><y>1</y></S>", "<x>1</x>"),
        ("x=S.y", "<S xmlns:p='u'><y xmlns:p='v'><p:z/></y></S>", "<x xmlns:p='v'><p:z/></x>"),
        ("x=S.T.y", "<S xmlns='u' xmlns:p='u'><T xmlns:p='v'><y><p:z/></y></T></S>", "<x xmlns:p='v' xmlns='u'><p:z/></x>"),
        ("g.x=S.T.y", "<S xmlns:p='u'><T><y><p:z/></y></T></S>", "<g.x xmlns:p='u'><p:z/></g.x>"),
        ("g.a=S.a g.b=T.b", "<S xmlns:p='u'><a><p:z/></a></S><T xmlns:p='v'><b><p:z/></b></T>",
            "<g><a xmlns:p='u'><p:z/></a><b xmlns:p='v'><p:z/></b></g>"),
        ("g.a=S.a g.b=T.b", "<S xmlns:p='u'><a/></S><T><b><o:z/></b></T>", "<g><a></a><b><o:z/></b></g>"),
        ("s.a=S.a s.b=S.b", "<S xmlns:p='u'><a><p:z/></a><b><p:z/></b></S>", "<s xmlns:p='u'><a><p:z/></a><b><p:z/></b></s>"),
        ("S S.x", "<S xmlns:p='u'><x><p:z/></x></S>", "<S xmlns:p='u'><x><p:z/></x></S><S.x xmlns:p='u'><p:z/></S.x>"),
    ];
    for (view, row, expected) in cases {
        let text = format!("<r xmlns:o='o' xmlns:p='p'><row>{row}</row></r>");
        let expected = format!("<r xmlns:o='o' xmlns:p='p'><row>{expected}</row></r>");
        check(&xml_plan("/r/row", view), &text, &expected);
        assert!(roxmltree::Document::parse(&expected).is_ok(), "{expected}");
        let alone = text.replacen(" xmlns:p='p'", "", 1);
        if roxmltree::Document::parse(&alone).is_ok() {
            let (out, _) = run(&xml_plan("/r/row", view), [alone.as_bytes()]).unwrap();
            assert!(roxmltree::Document::parse(std::str::from_utf8(&out).unwrap()).is_ok(), "{alone}");
        }
    }
    for (length, passes) in [((64 << 10) - "xmlns:p=''".len(), true), (64 << 10, false)] {
        let text = format!("<r><row><S xmlns:p='{}'><y/></S></row></r>", "u".repeat(length));
        assert_eq!(run(&xml_plan("/r/row", "x=S.y"), [text.as_bytes()]).is_ok(), passes);
    }
}

#[test]
fn only_well_formed_documents_pass() {
    let plan = xml_plan("/r/row", "b");
    let inside = |text: &str| format!("<r><row>{text}</row><x>{text}</x></r>");
    #[rustfmt::skip]
    let wrong = [
        "<a>", "</a>", "<a></b>", "<a></A>", "<a><b></a></b>", "<a", "< a/>", "<a/ >", "<a b/>", "<a b=c/>", "<a b='1'c='2'/>", "<a b='<'/>",
        "<a b='1' b='2'/>", "<a b='1\"/>", "<1/>", "<-a/>", "<a'/>", "<a></a b='1'>", "<\u{d7}/>", "<a\u{d7}/>", "<\u{b7}/>", "<>", "</>",
        "<a =''/>", "<a b=''/c=''>", "<a b='&x;'/>", "<a b='&'/>",
        "&x;", "&amp", "&", "& ", "&AMP;", "&#0;", "&#xD800;", "&#xFFFE;", "&#x110000;", "&#99999999999999999999;", "&#;", "&#x;", "&#X41;", "&#a;", "&#x1F", "&#8;",
        "]]>", "a]]]>", "\u{1}", "\u{b}", "\0", "\u{fffe}", "\u{ffff}", "<a b='\u{c}'/>",
        "<!-- -- -->", "<!--->", "<!-- a --->", "<!---", "<![CDATA[ ]]", "<![cdata[]]>", "<![CDATA []]>", "<!a>", "<!>", "<?>", "<??>", "<? p?>", "<?p", "<?p/?>",
        "<?xml version='1.0'?>", "<?XML x?>", "<?p \u{2}?>",
        "<!DOCTYPE r>", "<!DOCTYPE r [<!ENTITY x 'y'>]>", "<!ENTITY x 'y'>", "<!ELEMENT a ANY>", "<!doctype html>", "<%a%>",
    ];
    for text in wrong {
        check(&plan, inside(text), INVALID);
        check(&plan, format!("<r><b>{text}</b><row/></r>"), INVALID);
    }
    #[rustfmt::skip]
    let wrong = [
        "", " ", "x", "<r>", "<r><row>", "<r><row/>", "<r><row b='1'", "<r/><r/>", "<r/>x", "<r/>&#32;", "<r/><![CDATA[]]>", "<![CDATA[]]><r/>", "x<r/>",
        "<r/></r>", "</r>", "<r/><!--", "<r/><?", "<r/><", "&#32;<r/>", "\u{feff}\u{feff}<r/>", "{\"rows\":[]}", "a,b\n1,2\n",
        "<!DOCTYPE r><r/>", "<!DOCTYPE r SYSTEM 'http://x/y'><r/>", "<r/><!DOCTYPE r>", "<!DOCTYPE r [<!ENTITY a 'aa'><!ENTITY b '&a;&a;'>]><r>&b;</r>",
        " <?xml version='1.0'?><r/>", "<?xml version='1.0'?><?xml version='1.0'?><r/>", "<!----><?xml version='1.0'?><r/>", "<r/><?xml version='1.0'?>",
        "<?xml?><r/>", "<?xml ?><r/>", "<?xml version='1.1'?><r/>", "<?xml version='1.0' ><r/>", "<?xml encoding='UTF-8'?><r/>", "<?xml version='1.0'encoding='UTF-8'?><r/>",
        "<?xml encoding='UTF-8' version='1.0'?><r/>", "<?xml version='1.0' standalone='yes' encoding='UTF-8'?><r/>", "<?xml version='1.0' version='1.0'?><r/>",
        "<?xml version='1.0' encoding='UTF-16'?><r/>", "<?xml version='1.0' encoding='latin1'?><r/>", "<?xml version='1.0' x='1'?><r/>", "<?Xml version='1.0'?><r/>",
    ];
    for text in wrong {
        check(&plan, text, INVALID);
    }
    check(&plan, b"<r><x>\xFF</x></r>", INVALID);
    check(&plan, b"<r/>\xC3", INVALID);
    check(&plan, b"\xFF\xFE<\0r\0/\0>\0", INVALID);
    check(&plan, b"\0<\0r\0/\0>", INVALID);
}

#[test]
fn refusals_say_why() {
    let plan = xml_plan("/r/s/row", "b");
    #[rustfmt::skip]
    let cases = [
        ("<?xml version='1.0' encoding='ISO-8859-1'?><r/>", Violation::Charset), ("<r>&nbsp;</r>", Violation::Syntax), ("<!DOCTYPE r><r/>", Violation::Syntax),
        ("<html><body/></html>", Violation::Shape), ("<R><s/></R>", Violation::Shape), ("<p:r><s/></p:r>", Violation::Shape), ("<r><S><row/></S></r>", Violation::Shape),
        ("<r><x><s/></x></r>", Violation::Shape), ("<r/>", Violation::Shape), ("<r><s/>", Violation::Truncated), ("<r><s><row><b>", Violation::Truncated),
        ("<r><s/></r><!-- ", Violation::Truncated), ("", Violation::Truncated), ("<r", Violation::Truncated), ("<?xml ", Violation::Truncated),
        ("<r a='1' a='1'/>", Violation::Repeated),
    ];
    for (text, expected) in cases {
        assert_eq!(violation(&plan, text), expected, "{text}");
    }
    // A column stands once in a row, granted or not, stepped into or not.
    let plan = xml_plan("/r/row", "b O.n p");
    #[rustfmt::skip]
    let rows = [
        "<row b='1' b='2'/>", "<row><b>1</b><b>2</b></row>", "<row b='1'><b>2</b></row>", "<row><h>1</h><h>2</h></row>", "<row h='1'><h/></row>",
        "<row><O/><O/></row>", "<row><O n='1'><n/></O></row>", "<row><O><h/><h/></O></row>", "<row xmlns='1' xmlns='1'/>",
        "<row><b h='1' h='2'/></row>", "<row><h i='1' i='2'/></row>",
        "<row><h a='' b='' c='' d='' e='' f='' g='' h='' i='' c=''/></row>",
    ];
    for row in rows {
        assert_eq!(violation(&plan, &format!("<r><row b='0'/>{row}</r>")), Violation::Repeated, "{row}");
    }
    // Not so inside of cells and dropped elements.
    let text = "<r><x/><x/><row><b><x/><x/></b><h><x/><x/></h><O><h><x/><x/></h></O></row></r>";
    check(&plan, text, "<r><row><b><x/><x/></b></row></r>");
}

#[test]
fn elements_beside_the_rows_pass_as_configured() {
    let xml = XmlDialect {
        also: [at("/r/totals"), at("/r/a/t")].into(),
        keep: [at("/r/meta/page"), at("/r/a"), at("/r/s"), at("/r/s/row/b"), at("/q/z"), at("")].into(),
        ..dialect("/r/s/row")
    };
    let plan = plan(ResponseFormat::Xml(xml), "b c=C");
    #[rustfmt::skip]
    let cases = [
        ("<r><totals i='1' C='2'><b>3</b><h>4</h></totals><s/></r>", "<r><totals c='2'><b>3</b></totals><s></s></r>"),
        ("<r><s/><meta h='1'>x<page n='1'> 2<!--3--><p:x q='&lt;'/><![CDATA[4]]><?p 5?>&#54;</page ><h>7</h></meta></r>",
            "<r><s></s><meta><page n='1'> 2<!--3--><p:x q='&lt;'/><![CDATA[4]]><?p 5?>&#54;</page ></meta></r>"),
        ("<r><meta xmlns:p='u'><page/></meta><meta/><s/></r>", "<r><meta xmlns:p='u'><page/></meta><meta></meta><s></s></r>"),
        // what contradicts `also` or the rows does not pass whole
        ("<r><a><t b='1' h='2'/><u/></a><s h='1'><row b='2' h='3'/>x</s></r>", "<r><a><t b='1'></t></a><s><row b='2'></row></s></r>"),
        ("<r><s><row b='1'/></s><s><row b='2'/><h/></s></r>", "<r><s><row b='1'></row></s><s><row b='2'></row></s></r>"),
        ("<r><page>1</page><x><meta><page>2</page></meta></x><s/></r>", "<r><s></s></r>"),
        ("<q><z>1</z></q>", INVALID), ("<r><totals><b>1</b></totals></r>", INVALID), ("<r><meta><page><x></page></meta><s/></r>", INVALID),
    ];
    for (text, expected) in cases {
        check(&plan, text, expected);
    }
    let csv = plan.output(OutputFormat::Csv);
    check(&csv, cases[0].0, "b,c\r\n");
    check(&csv, cases[1].0, "b,c\r\n");
    check(&csv, cases[4].0, "b,c\r\n1,\r\n2,\r\n");
}

#[test]
fn success_is_known_before_anything_leaves() {
    let success = |path, absent_ok| {
        let equals = [Scalar::Text("ok".into()), Scalar::Boolean(true), Scalar::Number(1.0)].into();
        XmlDialect {
            success: Some(Success { at: at(path), equals, absent_ok }),
            keep: [at("/r/k")].into(),
            ..dialect("/r/s/row")
        }
    };
    let rows = "<s><row b='1'/></s>";
    let passed = "<r><s><row b='1'></row></s></r>";
    #[rustfmt::skip]
    let cases = [
        ("/r/ok", false, "<r><ok>ok</ok>ROWS</r>", passed), ("/r/ok", false, "<r>ROWS<ok a=''><![CDATA[tr]]><!-- -->u&#101;</ok></r>", passed),
        ("/r/ok", false, "<r>ROWS<ok>1.0</ok></r>", passed), ("/r/ok", false, "<r>ROWS</r>", REFUSED), ("/r/ok", true, "<r>ROWS</r>", passed),
        ("/r/ok", true, "<r>ROWS<ok>no</ok></r>", REFUSED), ("/r/ok", false, "<r>ROWS<ok/></r>", REFUSED), ("/r/ok", false, "<r>ROWS<ok>ok<x/></ok></r>", REFUSED),
        ("/r/ok", false, "<r><ok>ok</ok><ok>no</ok>ROWS</r>", REFUSED), ("/r/ok", false, "<r><x><ok>ok</ok></x>ROWS</r>", REFUSED),
        ("/r/ok", false, "<r><ok>no</ok></r>", REFUSED), ("/r/ok", false, "<r><x/></r>", REFUSED), ("/r/ok", false, "<r><ok>ok</ok></r>", INVALID),
        ("/r/ok", false, "<r><ok>ok</ok>ROWS", INVALID), ("/r/ok", false, "<r>ROWS<ok>ok</okk></r>", INVALID),
        ("/r/m/ok", false, "<r><m><ok>ok</ok></m>ROWS</r>", passed),
        ("/r/k/ok", false, "<r>ROWS<k><ok>ok</ok></k></r>", "<r><s><row b='1'></row></s><k><ok>ok</ok></k></r>"),
        ("/r/@ok", false, "<r ok='&#111;k'>ROWS</r>", passed), ("/r/@ok", false, "<r ok='no'>ROWS</r>", REFUSED), ("/r/@ok", false, "<r>ROWS</r>", REFUSED),
        ("/r/@ok", true, "<r>ROWS</r>", passed), ("/r/x/@ok", false, "<r>ROWS<x ok='true'/></r>", passed), ("/r/x/@ok", false, "<r>ROWS<x OK='true'/></r>", REFUSED),
        ("/r/s/@ok", false, "<r>ROWS<s ok='1'><h/></s></r>", "<r><s><row b='1'></row></s><s></s></r>"),
    ];
    for (path, absent_ok, text, expected) in cases {
        let plan = plan(ResponseFormat::Xml(success(path, absent_ok)), "b");
        check(&plan, text.replace("ROWS", rows), expected);
    }
    let plan = plan(ResponseFormat::Xml(success("/r/ok", false)), "b");
    let (mut filter, mut out) = (plan.filter(), Vec::new());
    filter.push(b"<r><s><row b='1'/></s>", &mut out).unwrap();
    assert!(out.is_empty(), "success is not known yet");
    filter.push(b"<ok>true</", &mut out).unwrap();
    assert!(!out.is_empty());
    let row = format!("<row b='{}'/>", "x".repeat(1 << 20));
    for (rows, passes) in [(7, true), (8, false)] {
        let text = format!("<r><s>{}</s><ok>ok</ok></r>", row.repeat(rows));
        for size in [text.len(), 1 << 16] {
            assert_eq!(run(&plan, text.as_bytes().chunks(size)).is_ok(), passes, "{rows} rows are held back");
        }
    }
}

/// The scope column is `aff`; rows whose `b` is `Total` are nobody's.
fn ruled(view: &str, on_foreign_row: OnForeignRow) -> ResponseDialect {
    let mut dialect = ResponseDialect::new(ResponseFormat::Xml(dialect("/r/row")));
    dialect.rows.scope_column = Some("aff".into());
    dialect.rows.on_foreign_row = on_foreign_row;
    let column = Catalogue::new(columns(view)).find("b").unwrap();
    dialect.rows.total_rows = Some(TotalRows { column, equals: Scalar::Text("Total".into()) });
    dialect
}

#[test]
fn rows_of_others_do_not_leave() {
    let own = "<row><aff>1001</aff><b>own</b></row>";
    #[rustfmt::skip]
    let rows = [
        ("<row aff='1001'><b>x</b></row>", true), ("<row><aff><![CDATA[10]]>&#48;<!-- -->1</aff><b>x</b></row>", true), ("<row><aff>1001</aff></row>", true),
        ("<row><aff>1002</aff><b>FOREIGN</b></row>", false), ("<row aff='1002' b='FOREIGN'/>", false), ("<row><b>FOREIGN</b></row>", false), ("<row/>", false),
        ("<row><aff> 1001</aff><b>FOREIGN</b></row>", false), ("<row><AFF>1001</AFF><b>FOREIGN</b></row>", false), ("<row><x:aff>1001</x:aff><b>FOREIGN</b></row>", false),
        ("<row><aff>1001<x/></aff><b>FOREIGN</b></row>", false), ("<row><aff><x>1001</x></aff><b>FOREIGN</b></row>", false), ("<row><x><aff>1001</aff></x><b>FOREIGN</b></row>", false),
        ("<row><aff/><b>FOREIGN</b></row>", false), ("<row><!--<aff>1001</aff>--><b>FOREIGN</b></row>", false), ("<row>1001<b>FOREIGN</b></row>", false),
    ];
    let outputs = [OutputFormat::Xml, OutputFormat::Json, OutputFormat::Ndjson, OutputFormat::Csv];
    for (row, is_own) in rows {
        for (before, after) in [(0, 2), (1, 1), (2, 0)] {
            let text = format!("<r>{}{row}{}</r>", own.repeat(before), own.repeat(after));
            for output in outputs {
                let plan = rig(&ruled("b", OnForeignRow::Refuse), "b").rows_of(&["7", "1001"]).output(output);
                let found = cut(&plan, text.as_bytes());
                assert_eq!(found.is_ok(), is_own, "{text}");
                let (mut filter, mut out) = (plan.filter(), Vec::new());
                let _ = filter.push(text.as_bytes(), &mut out);
                assert_eq!(filter.foreign_rows(), u64::from(!is_own), "{text}");
                assert!(is_own || out.is_empty());
                let plan = rig(&ruled("b", OnForeignRow::Drop), "b").rows_of(&["7", "1001"]).output(output);
                let found = cut(&plan, text.as_bytes()).unwrap();
                assert_eq!(found.matches("own").count(), 2, "{text}");
                assert!(
                    !found.contains("FOREIGN") && !found.contains("100") && !found.contains("aff"),
                    "{found}"
                );
            }
        }
    }
    let drop = rig(&ruled("b", OnForeignRow::Drop), "b").rows_of(&["1001"]);
    let text = format!(
        "<r>{own}<row aff='2' b='x'/><row b='Total'/><row b='Tot&#97;l' aff='1001'/><row b='total'/></r>"
    );
    check(&drop, &text, "<r><row><b>own</b></row></r>");
    let everyone = rig(&ruled("b", OnForeignRow::Refuse), "b");
    check(&everyone, "<r><row b='1' aff='2'/><row b='Total'/></r>", "<r><row b='1'></row></r>");
    let granted = rig(&ruled("b aff", OnForeignRow::Refuse), "b aff").rows_of(&["1001"]);
    check(&granted, "<r><row b='1' aff='1001'/></r>", "<r><row b='1' aff='1001'></row></r>");
}

#[test]
fn what_was_cut_is_told() {
    let mut dialect = ruled("b O.n gone t=T", OnForeignRow::Drop);
    dialect.rows.total_rows = None;
    let plan = rig(&dialect, "b O.n gone t=T").rows_of(&["1"]);
    let told = |text: &str| {
        let (mut filter, mut out) = (plan.filter(), Vec::new());
        filter.push(text.as_bytes(), &mut out).unwrap();
        filter.finish(Ending::Framed, &mut out).unwrap();
        let missing: Vec<_> = filter.missing_columns().iter().map(|name| name.as_str().to_owned()).collect();
        (filter.columns_removed(), filter.removed_names().join(" "), missing.join(" "))
    };
    let text = "<r><x y='1'/><row aff='1' h='2' xmlns:q='u'><b z='3'><y/></b><O k='4' n='5'>6</O></row><row aff='2' T='1' i='2'/><row h='1'/></r>";
    assert_eq!(told(text), (3, "h i O.k".into(), "gone".into()));
    assert_eq!(told("<r/>"), (0, String::new(), String::new()), "an answer without rows lacks nothing");
    let many: String = (0..5000).map(|n| format!(" h{n}=''")).collect();
    let (removed, names, _) = told(&format!("<r><row{many}/></r>"));
    assert_eq!((removed, names.split(' ').count()), (4096, 16));
}

#[test]
fn rows_are_limited() {
    let plan = xml_plan("/r/row", "b");
    for (open, close) in [
        ("<row><b>", "</b></row>"),
        ("<row b='", "'/>"),
        ("<row><h>", "</h></row>"),
        ("<!--", "-->"),
        ("<x y='", "'/>"),
    ] {
        let overhead = open.len() + close.len();
        for (length, passes) in [((8 << 20) - overhead, true), ((8 << 20) - overhead + 1, false)] {
            let text = format!("<r>{open}{}{close}<row/></r>", "x".repeat(length));
            for size in [text.len(), 1 << 16] {
                let found = run(&plan, text.as_bytes().chunks(size)).map(|(out, _)| out.len());
                assert_eq!(found.is_ok(), passes, "{open} {length} in pieces of {size}: {found:?}");
            }
        }
    }
    for (more, passes) in [((1 << 16) - 1, true), (1 << 16, false)] {
        let attributes: String = (0..more).map(|n| format!(" h{n}=''")).collect();
        let elements: String = (0..more).map(|n| format!("<h{n}/>")).collect();
        for row in [
            format!("<row b=''{attributes}/>"),
            format!("<row><b/>{elements}</row>"),
            format!("<row><h b=''{attributes}/></row>"),
        ] {
            assert_eq!(run(&plan, [format!("<r>{row}</r>").as_bytes()]).is_ok(), passes, "{more} more");
        }
    }
}

#[test]
fn nesting_is_limited() {
    let plan = xml_plan("/r/row", "b O.n");
    for (open, close, around) in [
        ("<x>", "</x>", 1),
        ("<row>", "</row>", 1),
        ("<row><b>", "</b></row>", 1),
        ("<row><O>", "</O></row>", 1),
    ] {
        let levels = around + open.matches('<').count();
        for (depth, passes) in [(64 - levels, true), (65 - levels, false), (100_000, false)] {
            let text = format!("<r><row/>{open}{}{}{close}</r>", "<d>".repeat(depth), "</d>".repeat(depth));
            let found = run(&plan, [text.as_bytes()]).map(|_| ());
            assert_eq!(found.is_ok(), passes, "{open} and {depth} more: {found:?}");
            assert_eq!(run(&plan, text.as_bytes().chunks(7)).is_ok(), passes);
        }
    }
}

#[test]
fn without_two_parts_there_are_no_rows() {
    for rows in ["", "/r"] {
        check(&xml_plan(rows, "b"), "<r><b>1</b></r>", INVALID);
    }
}

#[test]
fn a_failed_filter_stays_failed() {
    let catalogue = Catalogue::new(columns("b"));
    let all: Vec<_> = catalogue.iter().map(|(at, _)| at).collect();
    let plan = FilterPlan::new(
        &ResponseDialect::new(ResponseFormat::Xml(dialect("/r/row"))),
        &catalogue,
        &View::new(&all).unwrap(),
    );
    let terms = Terms { output: OutputFormat::Xml, rows_of: RowsOf::Everyone, paging: None };
    let (mut filter, mut out) = (Filter::new(&plan, &Arc::new(terms)), Vec::new());
    assert!(!filter.is_opaque());
    filter.push(b"<r><row b='1'/>", &mut out).unwrap();
    let left = out.clone();
    assert!(filter.push(b"<row b='2'/><row b='3' b='4'/>", &mut out).is_err());
    assert!(
        filter.push(b"<row b='5'/></r>", &mut out).is_err()
            && filter.finish(Ending::Framed, &mut out).is_err()
    );
    assert_eq!(out, left, "nothing follows a failure");
}
