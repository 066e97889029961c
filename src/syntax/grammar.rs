//! The parser that pest makes of `grammar/map.pest`, and the nouns for its rules.

use std::sync::{Mutex, PoisonError};

/// The parser.
#[derive(pest_derive::Parser)]
#[grammar = "grammar/map.pest"]
pub(super) struct MapParser;

/// Held by the one parse that keeps its attempts: pest's switch for that is the whole process's.
static DETAIL: Mutex<()> = Mutex::new(());

/// Parses `text` by `rule`; errors keep every attempt at the furthest position.
pub(super) fn parse(
    rule: Rule,
    text: &str,
) -> Result<pest::iterators::Pairs<'_, Rule>, Box<pest::error::Error<Rule>>> {
    let parse = || <MapParser as pest::Parser<Rule>>::parse(rule, text);
    // Without the attempts an error knows only where the outermost rule began; keeping them takes
    // many times as long as the parse. So they are kept only where there is an error to explain.
    parse().or_else(|_| {
        let _held = DETAIL.lock().unwrap_or_else(PoisonError::into_inner);
        pest::set_error_detail(true);
        let explained = parse();
        pest::set_error_detail(false);
        explained.map_err(Box::new)
    })
}

/// What a rule is called in a message; `None` for rules that only group others.
pub(super) fn noun(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::name | Rule::plain_name | Rule::quoted_name | Rule::word => "a name",
        Rule::path | Rule::aliased => "a name",
        Rule::expr
        | Rule::operand
        | Rule::bare_expr
        | Rule::bare_operand
        | Rule::handled
        | Rule::primary
        | Rule::paren
        | Rule::call
        | Rule::lookup
        | Rule::first
        | Rule::if_expr
        | Rule::match_expr
        | Rule::exists
        | Rule::list
        | Rule::literal
        | Rule::boolean
        | Rule::null
        | Rule::timestamp
        | Rule::bytes
        | Rule::duration
        | Rule::prefix
        | Rule::not
        | Rule::minus
        | Rule::kw_not
        | Rule::kw_null
        | Rule::kw_if
        | Rule::kw_match
        | Rule::kw_exists => "an expression",
        Rule::string | Rule::string_text | Rule::plain_string | Rule::plain_text => {
            "a text in double quotes"
        }
        Rule::escape => "an escape such as `\\n`",
        Rule::interpolation => "an expression in braces",
        Rule::integer => "a whole number",
        Rule::type_name | Rule::map_type | Rule::simple_type => "a type",
        Rule::nullable_mark => "`?`",
        Rule::severity | Rule::severity_word => {
            "a severity (`error`, `warn`, `quiet` or a parameter in parentheses)"
        }
        Rule::side => "`source` or `target`",
        Rule::infix
        | Rule::or
        | Rule::and
        | Rule::equal
        | Rule::not_equal
        | Rule::at_most
        | Rule::at_least
        | Rule::less
        | Rule::greater
        | Rule::not_in
        | Rule::r#in
        | Rule::coalesce
        | Rule::add
        | Rule::subtract
        | Rule::times
        | Rule::divide
        | Rule::remainder
        | Rule::postfix
        | Rule::is_null
        | Rule::is_not_null
        | Rule::kw_and
        | Rule::kw_or
        | Rule::kw_in
        | Rule::kw_is => "an operator",
        Rule::handler
        | Rule::handler_fate
        | Rule::handler_warn
        | Rule::arm_else
        | Rule::kw_else => "`else`",
        Rule::arm | Rule::arm_values | Rule::arm_value => "a constant",
        Rule::item => {
            "an item (`mapping`, `source`, `target`, `param`, `reason`, `broadcast`, `view` or `map`)"
        }
        Rule::mapping_item | Rule::kw_mapping => "`mapping`",
        Rule::source_item | Rule::kw_source => "`source`",
        Rule::target_item | Rule::kw_target => "`target`",
        Rule::param_item | Rule::kw_param => "`param`",
        Rule::reason_item | Rule::kw_reason => "`reason`",
        Rule::broadcast_item | Rule::kw_broadcast => "`broadcast`",
        Rule::view_item | Rule::kw_view => "`view`",
        Rule::map_item | Rule::kw_map => "`map`",
        Rule::param_default | Rule::empty_map => "a constant",
        Rule::reason_help => "`help`",
        Rule::reason_sql => "`sql`",
        Rule::from | Rule::kw_from => "`from`",
        Rule::join
        | Rule::join_kind
        | Rule::inner_join
        | Rule::join_many
        | Rule::kw_many
        | Rule::kw_join => "`join`",
        Rule::left_join | Rule::kw_left => "`left join`",
        Rule::join_else => "`else`",
        Rule::join_skipped => "`when skipped`",
        Rule::fate => "`skip` or `fail`",
        Rule::where_clause | Rule::kw_where => "`where`",
        Rule::group_clause | Rule::kw_group => "`group by`",
        Rule::view_line => "a line of a view (`skip`, `fail`, `warn`, `let` or `name = …`)",
        Rule::map_line => "a line of a map (`skip`, `fail`, `warn`, `let`, `into` or `otherwise`)",
        Rule::clause | Rule::kw_skip | Rule::kw_fail | Rule::kw_warn => "`skip`, `fail` or `warn`",
        Rule::let_line | Rule::kw_let => "`let`",
        Rule::field => "`name = …`",
        Rule::into | Rule::kw_into => "`into`",
        Rule::into_when | Rule::kw_when => "`when`",
        Rule::rule_line => "a rule `column = …`",
        Rule::otherwise_line | Rule::kw_otherwise => "`otherwise`",
        Rule::order => "an expression to order by",
        Rule::direction => "`asc` or `desc`",
        Rule::call_for | Rule::kw_for => "`for`",
        Rule::kw_as => "`as`",
        Rule::kw_by => "`by`",
        Rule::kw_on => "`on`",
        Rule::kw_then => "`then`",
        Rule::EOI => "the end of the item",
        Rule::doc => "a doc comment",
        Rule::file_doc => "a doc comment of the file",
        Rule::chunk
        | Rule::header
        | Rule::keyword
        | Rule::letter
        | Rule::WHITESPACE
        | Rule::COMMENT => return None,
    })
}
