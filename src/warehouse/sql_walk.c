// Finding the tables of a query: everywhere a query can be, but for names that a WITH introduces.
#include "warehouse/sql_int.h"
#include <strings.h>

struct known {
  const char *name;
  const struct known *outer;
};

struct walk {
  sql_table_fn visit;
  void *arg;
};

static chn_status walk_query(const struct walk *w, const struct sql_query *q,
                             const struct known *known);

static chn_status walk_node(const struct walk *w, const struct sql_node *n,
                            const struct known *known)
{
  chn_status st = CHN_OK;
  if (!n) {
    return CHN_OK;
  }
  for (int32_t i = 0; i < n->n_kids && st == CHN_OK; i++) {
    st = walk_node(w, n->kids[i], known);
  }
  if (st == CHN_OK && n->filter) {
    st = walk_node(w, n->filter, known);
  }
  return st == CHN_OK && n->query ? walk_query(w, n->query, known) : st;
}

static chn_status walk_relation(const struct walk *w, const struct sql_relation *r,
                                const struct known *known)
{
  chn_status st = CHN_OK;
  if (r->kind == SQL_R_TABLE) {
    const struct known *k = r->n_parts == 1 ? known : NULL;
    while (k && strcasecmp(k->name, r->parts[0]) != 0) {
      k = k->outer;
    }
    st = k ? CHN_OK : w->visit(w->arg, r);
  } else if (r->kind == SQL_R_QUERY) {
    st = walk_query(w, r->query, known);
  } else if (r->kind == SQL_R_JOIN) {
    st = walk_relation(w, r->left, known);
    st = st == CHN_OK ? walk_relation(w, r->right, known) : st;
    st = st == CHN_OK ? walk_node(w, r->on, known) : st;
  } else {
    st = walk_node(w, r->call, known);
  }
  for (int32_t i = 0; i < r->n_laterals && st == CHN_OK; i++) {
    st = walk_node(w, r->laterals[i].call, known);
  }
  return st;
}

static chn_status walk_clauses(const struct walk *w, const struct sql_query *q,
                               const struct known *known)
{
  chn_status st = CHN_OK;
  for (int32_t i = 0; i < q->n_items && st == CHN_OK; i++) {
    st = walk_node(w, q->items[i].expr, known);
  }
  for (int32_t i = 0; i < q->n_from && st == CHN_OK; i++) {
    st = walk_relation(w, q->from[i], known);
  }
  st = st == CHN_OK ? walk_node(w, q->where, known) : st;
  for (int32_t i = 0; i < q->n_groups && st == CHN_OK; i++) {
    for (int32_t k = 0; k < q->groups[i].n_exprs && st == CHN_OK; k++) {
      st = walk_node(w, q->groups[i].exprs[k], known);
    }
  }
  st = st == CHN_OK ? walk_node(w, q->having, known) : st;
  for (int32_t i = 0; i < q->n_order && st == CHN_OK; i++) {
    st = walk_node(w, q->order[i].expr, known);
  }
  return st;
}

// The CTEs come into scope one after the other; the recursion keeps them on the stack.
static chn_status walk_ctes(const struct walk *w, const struct sql_query *q, int32_t i,
                            const struct known *known)
{
  if (i < q->n_ctes) {
    const chn_status st = walk_query(w, q->ctes[i].query, known);
    const struct known k = { .name = q->ctes[i].name, .outer = known };
    return st == CHN_OK ? walk_ctes(w, q, i + 1, &k) : st;
  }
  chn_status st = q->left ? walk_query(w, q->left, known) : CHN_OK;
  st = st == CHN_OK && q->right ? walk_query(w, q->right, known) : st;
  st = st == CHN_OK && q->values ? walk_relation(w, q->values, known) : st;
  return st == CHN_OK ? walk_clauses(w, q, known) : st;
}

static chn_status walk_query(const struct walk *w, const struct sql_query *q,
                             const struct known *known)
{
  return walk_ctes(w, q, 0, known);
}

chn_status sql_walk_tables(const struct sql_query *q, sql_table_fn visit, void *arg)
{
  const struct walk w = { .visit = visit, .arg = arg };
  return walk_query(&w, q, NULL);
}
