/// sql_int.h: the parts of the Spark SQL renderer share this: tokens, syntax tree, function table.
///
/// Text -> tokens (sql_lex.c) -> tree (sql_parse_*.c) -> text (sql_write_*.c). Everything lives in
/// the caller's arena. A node is built once and never changed, but for `cls`, which is memoised.
#pragma once
#include "base/buf.h"
#include "warehouse/sql.h"
#include "warehouse/sql_functions.h"

enum {
  SQL_MAX_TEXT = 1 << 20,   ///< bytes of Spark SQL
  SQL_MAX_OUTPUT = 4 << 20, ///< bytes rendered; nested forms that repeat their argument grow fast
  SQL_MAX_DEPTH = 150,      ///< nesting of expressions, types and queries
  SQL_MAX_REPEATS = 10,     ///< nesting of forms that repeat an argument
};

// ---- tokens -----------------------------------------------------------------------------------

enum sql_tok {
  SQL_T_END,
  SQL_T_NAME,   ///< an identifier or keyword as written
  SQL_T_QUOTED, ///< `back-quoted`, unquoted in text
  SQL_T_STRING, ///< decoded in text
  SQL_T_NUMBER, ///< as written
  SQL_T_OP,     ///< operator or punctuation
};

struct sql_token {
  enum sql_tok kind;
  uint32_t pos;     ///< byte offset in the source
  const char *text; ///< NUL-terminated
};

struct sql_parser {
  struct arena *a;
  const char *text;
  const struct sql_token *tokens; ///< the last one is SQL_T_END
  size_t i;
  int32_t depth;
  struct chn_err *err;
};

/// Splits `text`; *out ends with SQL_T_END.
chn_status sql_lex(struct arena *a, const char *text, struct sql_token **out, struct chn_err *err);

/// Lexes `text` and starts a parser over it.
chn_status sql_parser_init(struct sql_parser *p, struct arena *a, const char *text,
                           struct chn_err *err);

/// "column 14: ..." (or "line 2, column 3: ..." where the text has lines); always CHN_E_ARGUMENT.
chn_status sql_error_at(struct chn_err *err, const char *text, uint32_t pos, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

// ---- the tree ---------------------------------------------------------------------------------

enum sql_kind {
  SQL_NULL,
  SQL_BOOL,     ///< text "true" or "false"
  SQL_NUMBER,   ///< text without suffix; cls tells the type
  SQL_STRING,   ///< text
  SQL_TYPED,    ///< DATE '...', TIMESTAMP '...', X'...': op is the word in lower case
  SQL_INTERVAL, ///< kids: amounts, parts: their units
  SQL_NAME,     ///< parts a.b.c
  SQL_STAR,     ///< parts of the qualifier, perhaps none
  SQL_CALL,     ///< op the name in lower case, text as written; kids, distinct, filter, over
  SQL_UNARY,    ///< op - ~ not
  SQL_BINARY,   ///< op and two kids
  SQL_CHAIN,    ///< op and, or, || and two or more kids
  SQL_BETWEEN,  ///< x low high
  SQL_IN,       ///< x and the list, or x and query
  SQL_LIKE, ///< op like, ilike, rlike; x pattern; text the escape or NULL; any/all in quantifier
  SQL_IS,   ///< op null, true, false, unknown; x. op distinct: x y
  SQL_CASE, ///< [operand] when then ... [else]: `operand` and `otherwise` flags
  SQL_CAST, ///< x, type; op "try" for try_cast
  SQL_SUBSCRIPT, ///< x index
  SQL_FIELD,     ///< x and text, the field
  SQL_LAMBDA,    ///< parts the parameters, kid the body
  SQL_QUERY,     ///< a scalar subquery
  SQL_EXISTS,    ///< query
  SQL_TUPLE,     ///< (a, b)
};

struct sql_type {
  const char *name;             ///< Spark's simple name: int, bigint, array, map, struct, ...
  const struct sql_type **kids; ///< array 1, map 2, struct n
  const char **fields;
  int32_t n_kids;
  int32_t precision, scale; ///< decimal
};

struct sql_sort {
  struct sql_node *expr;
  bool desc;
  bool nulls_last;
};

struct sql_window {
  const char *name; ///< OVER w, or NULL
  struct sql_node **partition;
  int32_t n_partition;
  struct sql_sort *order;
  int32_t n_order;
  const char *frame;          ///< "ROWS", "RANGE" or NULL
  struct sql_node *bounds[2]; ///< amount of PRECEDING/FOLLOWING, or NULL
  const char *bound_words[2]; ///< "PRECEDING", "FOLLOWING", "CURRENT ROW", "UNBOUNDED ..."
};

struct sql_node {
  enum sql_kind kind;
  uint32_t pos;
  enum sql_class cls;
  const char *op;
  const char *text;
  const char **parts;
  int32_t n_parts;
  struct sql_node **kids;
  int32_t n_kids;
  bool classed; ///< cls has been computed
  bool negated;
  bool distinct;     ///< of a call
  bool ignore_nulls; ///< of a call
  bool operand;      ///< CASE x WHEN
  bool otherwise;    ///< CASE ... ELSE
  const char *quantifier;
  struct sql_node *filter;
  struct sql_window *over;
  struct sql_query *query;
  const struct sql_type *type;
};

struct sql_item {
  struct sql_node *expr;
  const char **aliases; ///< none, one, or several for generators
  int32_t n_aliases;
};

struct sql_lateral {
  struct sql_node *call;
  bool outer;
  const char *alias;
  const char **columns;
  int32_t n_columns;
};

enum sql_relation_kind { SQL_R_TABLE, SQL_R_QUERY, SQL_R_JOIN, SQL_R_VALUES, SQL_R_FUNCTION };

struct sql_relation {
  enum sql_relation_kind kind;
  uint32_t pos;
  const char **parts; ///< of a table
  int32_t n_parts;
  struct sql_query *query;
  struct sql_node *call;             ///< a table function, or VALUES' rows as kids
  struct sql_relation *left, *right; ///< of a join
  const char *join;                  ///< DuckDB's words: "INNER JOIN", ...
  struct sql_node *on;
  const char **using_columns;
  int32_t n_using;
  const char *alias;
  const char **columns;
  int32_t n_columns;
  struct sql_lateral *laterals;
  int32_t n_laterals;
};

struct sql_group {
  const char *kind; ///< "", "ROLLUP", "CUBE" or "GROUPING SETS"
  struct sql_node **exprs;
  int32_t n_exprs;
};

struct sql_cte {
  const char *name;
  const char **columns;
  int32_t n_columns;
  struct sql_query *query;
};

/// A SELECT, VALUES or set operation with its ORDER BY and LIMIT.
struct sql_query {
  uint32_t pos;
  struct sql_cte *ctes;
  int32_t n_ctes;
  const char *set_op; ///< NULL, or "UNION ALL" ... of left and right
  struct sql_query *left, *right;
  struct sql_relation *values; ///< instead of a SELECT
  bool distinct;
  struct sql_item *items;
  int32_t n_items;
  struct sql_relation **from;
  int32_t n_from;
  struct sql_node *where;
  struct sql_group *groups;
  int32_t n_groups;
  struct sql_node *having;
  const char **window_names;
  struct sql_window **windows;
  int32_t n_windows;
  struct sql_sort *order;
  int32_t n_order;
  struct sql_node *limit, *offset;
};

// ---- parsing ----------------------------------------------------------------------------------

const struct sql_token *sql_peek(const struct sql_parser *p, size_t ahead);
bool sql_at_word(const struct sql_parser *p, size_t ahead, const char *word);
bool sql_at_op(const struct sql_parser *p, size_t ahead, const char *op);
bool sql_take_word(struct sql_parser *p, const char *word);
bool sql_take_op(struct sql_parser *p, const char *op);

/// Fails with "... expected, found ..." unless the word or operator is next.
chn_status sql_need_word(struct sql_parser *p, const char *word);
chn_status sql_need_op(struct sql_parser *p, const char *op);

/// Fails with "<what> expected, found ...".
chn_status sql_unexpected(const struct sql_parser *p, const char *what);

/// An identifier, quoted or not (any word will do: Spark reserves none).
chn_status sql_parse_name(struct sql_parser *p, const char **out);

/// a, b, c without parentheses; ( a, b ) with them.
chn_status sql_parse_names(struct sql_parser *p, const char ***out, int32_t *n);

chn_status sql_parse_type(struct sql_parser *p, const struct sql_type **out);
chn_status sql_parse_expr(struct sql_parser *p, struct sql_node **out);

/// A comma list of expressions.
chn_status sql_parse_exprs(struct sql_parser *p, struct sql_node ***out, int32_t *n);
chn_status sql_parse_primary(struct sql_parser *p, struct sql_node **out);
chn_status sql_parse_literal(struct sql_parser *p, struct sql_node **out, bool *matched);
chn_status sql_parse_call(struct sql_parser *p, struct sql_node **out);
chn_status sql_parse_window(struct sql_parser *p, struct sql_window **out);
chn_status sql_parse_sorts(struct sql_parser *p, struct sql_sort **out, int32_t *n);
chn_status sql_parse_query(struct sql_parser *p, struct sql_query **out);
chn_status sql_parse_from(struct sql_parser *p, struct sql_query *q);
bool sql_starts_query(const struct sql_parser *p);

/// Whether the word next ends an expression or relation, so that it cannot be its alias.
bool sql_at_clause(const struct sql_parser *p);

/// Counts one level of nesting; refused beyond SQL_MAX_DEPTH. sql_leave takes it back.
chn_status sql_enter(struct sql_parser *p);
void sql_leave(struct sql_parser *p);

struct sql_node *sql_node(const struct sql_parser *p, enum sql_kind kind, uint32_t pos);

/// Appends to an arena array, which grows by doubling.
void *sql_push(struct arena *a, void *array, int32_t *n, size_t size);

// ---- writing ----------------------------------------------------------------------------------

/// A parameter of a lambda and what stands for it.
struct sql_scope {
  const char *name;
  const char *text;
  const struct sql_scope *outer;
};

struct sql_writer {
  struct arena *a;
  const char *text;                 ///< the source, for positions
  const struct sql_scope *scope;    ///< the parameters of the lambdas around
  const struct row_schema *columns; ///< of the table that names stand for; NULL: not known
  int32_t n_lambdas;                ///< lambdas written so far: names their parameters
  int32_t repeats;
  size_t written;
  struct chn_err *err;
};

/// Whether n is a column that is known to be a number (or a string, with `text`): what converts it
/// would give it back as it is, but hide it from the scan, which chooses row groups by plain
/// columns.
bool sql_is_plain(const struct sql_writer *w, const struct sql_node *n, bool text);

chn_status sql_write_expr(struct sql_writer *w, struct sql_node *n, const char **out);
chn_status sql_write_call(struct sql_writer *w, struct sql_node *n, const char **out);
chn_status sql_write_query(struct sql_writer *w, struct sql_query *q, const char **out);

/// Fills a template: $1 to $9 are arguments, $* all of them, $D DISTINCT, $O FILTER and OVER.
chn_status sql_fill(struct sql_writer *w, uint32_t pos, const char *format, const char **args,
                    int32_t n, const char *distinct, const char *over, const char **out);

/// FILTER (...) and OVER (...) of a call, with a leading blank, or "".
chn_status sql_write_over(struct sql_writer *w, const struct sql_node *n, const char **out);
chn_status sql_write_window(struct sql_writer *w, const struct sql_window *win, const char **out);
chn_status sql_write_sorts(struct sql_writer *w, const struct sql_sort *s, int32_t n,
                           const char **out);

/// A comma list.
chn_status sql_write_list(struct sql_writer *w, struct sql_node **nodes, int32_t n,
                          const char **out);

/// The expression as a value of a class, through a cast of Spark's where it is not known to be.
chn_status sql_write_as(struct sql_writer *w, struct sql_node *n, enum sql_class want,
                        const char **out);

/// Functions that no template expresses; NULL when `name` has none.
typedef chn_status (*sql_special)(struct sql_writer *w, struct sql_node *n, const char **out);
sql_special sql_special_find(const char *name);
sql_special sql_special_collection_find(const char *name);
sql_special sql_special_text_find(const char *name);

/// A branch list a, b, c from argument `from` on: where strings meet other types, all become
/// strings, as in Spark.
chn_status sql_write_branches(struct sql_writer *w, struct sql_node *n, int32_t from,
                              const char **out);

/// The body of a lambda with `texts` for its parameters. Fails unless it is one of n parameters.
chn_status sql_write_lambda(struct sql_writer *w, struct sql_node *lambda, const char *const *texts,
                            int32_t n, const char **out);

chn_status sql_write_cast(struct sql_writer *w, struct sql_node *n, const char **out);

/// DuckDB's name of a type.
chn_status sql_write_type(struct sql_writer *w, const struct sql_type *t, const char **out);

/// What is known of the type without the tables.
enum sql_class sql_class_of(struct sql_node *n);
enum sql_class sql_class_of_type(const struct sql_type *t);

/// The name that Spark gives a column without alias: count(1), (a + b), upper(s).
const char *sql_spark_name(struct arena *a, const struct sql_node *n);

const char *sql_quote(struct arena *a, const char *text);
const char *sql_quote_name(struct arena *a, const char *name);

/// Whether a call is of a generator: explode, posexplode, inline, ...
bool sql_is_generator(const struct sql_node *n);

/// The columns of a generator as DuckDB select items. `names` may be NULL: Spark's own.
chn_status sql_write_generator(struct sql_writer *w, struct sql_node *call, bool outer,
                               const char **names, int32_t n_names, const char **out);

// ---- walking ----------------------------------------------------------------------------------

/// Calls visit on every table of a query that no CTE shadows.
typedef chn_status (*sql_table_fn)(void *arg, const struct sql_relation *r);
chn_status sql_walk_tables(const struct sql_query *q, sql_table_fn visit, void *arg);
