// The answers as columns. Values of fixed width were written in place; what lists and maps hold
// lies with the tasks and is now laid end to end, so spans are shifted by what lies before. All
// of it is a list of independent steps, done in parallel.
#include <stdlib.h>
#include <string.h>

#include "agg/answers_int.h"

enum { PACK_ROWS = 1 << 16 }; ///< flags that one step packs; a multiple of 64

struct agg_answers_own {
  void **blocks;
  size_t n_blocks;
  size_t room;
  struct row_builder **builders; ///< as many as parts, NULL where unused
  struct frame_dict **dicts;     ///< referenced: strings point into them
  int32_t n_builders;
  int32_t n_dicts;
  struct arena *texts;
  int32_t n_texts;
};

static void own_block(struct agg_answers_own *own, void *block)
{
  if (own->n_blocks == own->room) {
    own->room = own->room ? own->room * 2 : 32;
    own->blocks = chn_realloc(own->blocks, own->room * sizeof *own->blocks);
  }
  own->blocks[own->n_blocks++] = block;
}

static void *own_alloc(struct agg_answers_own *own, size_t size)
{
  void *block = frame_big_alloc(size);
  own_block(own, block);
  return block;
}

void agg_answers_deinit(struct agg_answers *a)
{
  struct agg_answers_own *own = a->own;
  if (own != NULL) {
    for (size_t i = 0; i < own->n_blocks; i++) {
      free(own->blocks[i]);
    }
    for (int32_t i = 0; i < own->n_builders; i++) {
      row_builder_free(own->builders[i]);
    }
    for (int32_t i = 0; i < own->n_dicts; i++) {
      frame_dict_unref(own->dicts[i]);
    }
    for (int32_t i = 0; i < own->n_texts; i++) {
      arena_deinit(&own->texts[i]);
    }
    free(own->texts);
    free(own->blocks);
    free(own->builders);
    free(own->dicts);
    free(own);
  }
  *a = (struct agg_answers){ 0 };
}

void answers_own_texts(struct agg_answers *a, struct arena *texts)
{
  struct agg_answers_own *own = a->own;
  own->texts = chn_realloc(own->texts, (size_t)(own->n_texts + 1) * sizeof *own->texts);
  own->texts[own->n_texts++] = *texts;
  arena_init(texts);
}

// ---- what tasks write into -------------------------------------------------------------------

struct part_answer *part_answers_new(const struct agg_plan *plan, size_t n, size_t n_cuts)
{
  struct part_answer *parts = chn_calloc((size_t)plan->n_parts, sizeof *parts);
  for (int32_t j = 0; j < plan->n_parts; j++) {
    struct part_answer *p = &parts[j];
    win_form_of(&plan->parts[j], &p->form);
    const bool flat = !p->form.split && p->form.nest == WIN_LEAF;
    p->cell_width = flat ? p->form.width : (uint32_t)sizeof(struct row_span);
    p->cells = frame_big_alloc(n * p->cell_width);
    p->valid = frame_big_alloc(n);
    p->by_cut = chn_calloc(n_cuts, sizeof *p->by_cut);
    for (size_t i = 0; i < n_cuts; i++) {
      win_vals_init(&p->by_cut[i].vals, &p->form);
      p->by_cut[i].key.width = sizeof(struct row_str);
    }
  }
  return parts;
}

void part_answers_drop(const struct agg_plan *plan, struct part_answer *parts, size_t n_cuts)
{
  for (int32_t j = 0; j < plan->n_parts; j++) {
    for (size_t i = 0; i < n_cuts; i++) {
      win_vals_free(&parts[j].by_cut[i].vals);
      win_buf_free(&parts[j].by_cut[i].key);
    }
    free(parts[j].cells);
    free(parts[j].valid);
    free(parts[j].by_cut);
  }
  free(parts);
}

// ---- steps -----------------------------------------------------------------------------------

enum step_kind {
  STEP_COPY,  ///< n bytes of buf to `to`; buf is freed
  STEP_SHIFT, ///< n spans at `to`: offset += by
  STEP_PACK,  ///< n flags to bits
};

struct step {
  enum step_kind kind;
  void *to;
  const uint8_t *from; ///< SHIFT, PACK: flags
  struct win_buf *buf;
  size_t n;
  size_t by;
  int32_t *nulls; ///< PACK: set when there is one
};

struct steps {
  struct step *all;
  size_t n;
  size_t room;
};

static void add_step(struct steps *s, struct step step)
{
  if (step.n == 0) {
    return;
  }
  if (s->n == s->room) {
    s->room = s->room ? s->room * 2 : 256;
    s->all = chn_realloc(s->all, s->room * sizeof *s->all);
  }
  s->all[s->n++] = step;
}

static void shift(struct row_span *spans, const uint8_t *valid, size_t n, size_t by)
{
  for (size_t i = 0; i < n; i++) {
    spans[i] = valid[i] != 0 ? (struct row_span){ spans[i].offset + by, spans[i].length }
                             : (struct row_span){ 0, 0 };
  }
}

static void pack(uint64_t *bits, const uint8_t *flags, size_t n, int32_t *nulls)
{
  uint64_t all = UINT64_MAX;
  for (size_t w = 0; w * 64 < n; w++) {
    const size_t left = n - w * 64 < 64 ? n - w * 64 : 64;
    uint64_t word = 0;
    for (size_t i = 0; i < left; i++) {
      word |= (uint64_t)(flags[w * 64 + i] & 1) << i;
    }
    bits[w] = word;
    all &= left == 64 ? word : word | UINT64_MAX << left;
  }
  if (all != UINT64_MAX) {
    __atomic_store_n(nulls, 1, __ATOMIC_RELAXED);
  }
}

static chn_status do_step(void *ctx, int32_t worker, size_t item, struct chn_err *err)
{
  (void)worker;
  (void)err;
  const struct step *s = &((struct steps *)ctx)->all[item];
  switch (s->kind) {
  case STEP_COPY:
    memcpy(s->to, s->buf->data, s->n);
    win_buf_free(s->buf);
    break;
  case STEP_SHIFT: shift(s->to, s->from, s->n, s->by); break;
  case STEP_PACK: pack(s->to, s->from, s->n, s->nulls); break;
  }
  return CHN_OK;
}

// ---- assembling ------------------------------------------------------------------------------

/// The work of one finishing.
struct finish {
  const struct agg_frame *f;
  const size_t *from;
  size_t n_cuts;
  size_t n;
  struct agg_answers_own *own;
  struct steps copy;  ///< first
  struct steps shift; ///< after all copies
  struct part_answer *part;
};

typedef struct win_buf *pick_buf(struct win_part_out *out);

static struct win_buf *pick_cell(struct win_part_out *out)
{
  return &out->vals.cell;
}

static struct win_buf *pick_valid(struct win_part_out *out)
{
  return &out->vals.valid;
}

static struct win_buf *pick_child(struct win_part_out *out)
{
  return &out->vals.child;
}

static struct win_buf *pick_inner_key(struct win_part_out *out)
{
  return &out->vals.key;
}

static struct win_buf *pick_key(struct win_part_out *out)
{
  return &out->key;
}

/// Lays one buffer of every task end to end. base[i] is where task i's begins; base[n_cuts] the
/// total.
static uint8_t *join(struct finish *fin, pick_buf *pick, size_t *base)
{
  size_t total = 0;
  uint32_t width = 1;
  for (size_t i = 0; i < fin->n_cuts; i++) {
    const struct win_buf *b = pick(&fin->part->by_cut[i]);
    base[i] = total;
    total += b->n;
    width = b->width;
  }
  base[fin->n_cuts] = total;
  uint8_t *all = own_alloc(fin->own, total * width);
  for (size_t i = 0; i < fin->n_cuts; i++) {
    struct win_buf *b = pick(&fin->part->by_cut[i]);
    add_step(&fin->copy,
             (struct step){
                 .kind = STEP_COPY, .to = all + base[i] * width, .buf = b, .n = b->n * width });
  }
  return all;
}

static void shift_spans(struct finish *fin, uint8_t *spans, const uint8_t *valid, const size_t *at,
                        const size_t *base)
{
  for (size_t i = 0; i < fin->n_cuts; i++) {
    add_step(&fin->shift, (struct step){ .kind = STEP_SHIFT,
                                         .to = (struct row_span *)(void *)spans + at[i],
                                         .from = valid + at[i],
                                         .n = at[i + 1] - at[i],
                                         .by = base[i] });
  }
}

/// The bitmap of n flags; the column that takes it drops it when nothing is null.
static uint64_t *pack_valid(struct finish *fin, const uint8_t *flags, size_t n, int32_t **nulls)
{
  uint64_t *bits = own_alloc(fin->own, (n + 63) / 64 * sizeof *bits);
  *nulls = own_alloc(fin->own, sizeof **nulls);
  **nulls = 0;
  for (size_t i = 0; i < n; i += PACK_ROWS) {
    const size_t some = n - i < PACK_ROWS ? n - i : PACK_ROWS;
    add_step(&fin->shift, (struct step){ .kind = STEP_PACK,
                                         .to = bits + i / 64,
                                         .from = flags + i,
                                         .n = some,
                                         .nulls = *nulls });
  }
  return bits;
}

static struct row_col *own_children(struct agg_answers_own *own, struct row_col *parent, int32_t n)
{
  parent->child = chn_calloc((size_t)n, sizeof *parent->child);
  parent->n_child = n;
  own_block(own, parent->child);
  return parent->child;
}

/// Gives a MAP column its child, the STRUCT of key and value; returns the two.
static struct row_col *map_entries(struct agg_answers_own *own, struct row_col *map, size_t count)
{
  struct row_type *t = chn_malloc(sizeof *t);
  own_block(own, t);
  *t = (struct row_type){ ROW_STRUCT, NULL, map->type->fields, 2 };
  struct row_col *entry = own_children(own, map, 1);
  entry->type = t;
  entry->count = count;
  struct row_col *pair = own_children(own, entry, 2);
  pair[0].type = map->type->fields[0].type;
  pair[1].type = map->type->fields[1].type;
  pair[0].count = pair[1].count = count;
  return pair;
}

/// The children of list or map values: the part's innermost cells.
static void finish_children(struct finish *fin, struct row_col *col, uint8_t *spans,
                            const uint8_t *valid, const size_t *at)
{
  size_t *base = chn_malloc((fin->n_cuts + 1) * sizeof *base);
  uint8_t *cells = join(fin, pick_child, base);
  shift_spans(fin, spans, valid, at, base);
  col->data = spans;
  if (fin->part->form.nest == WIN_MAP) {
    struct row_col *pair = map_entries(fin->own, col, base[fin->n_cuts]);
    pair[1].data = cells;
    pair[0].data = join(fin, pick_inner_key, base);
  } else {
    struct row_col *elements = own_children(fin->own, col, 1);
    elements->type = col->type->fields[0].type;
    elements->count = base[fin->n_cuts];
    elements->data = cells;
  }
  free(base);
}

/// Columns whose bitmap can only be judged after the steps.
struct late {
  struct row_col *col;
  int32_t *nulls;
};

static void finish_split(struct finish *fin, struct row_col *col, struct late *inner_late)
{
  size_t *base = chn_malloc((fin->n_cuts + 1) * sizeof *base);
  uint8_t *flags = join(fin, pick_valid, base);
  const size_t total = base[fin->n_cuts];
  shift_spans(fin, fin->part->cells, fin->part->valid, fin->from, base);
  col->data = fin->part->cells;
  struct row_col *inner;
  if (col->type->kind == ROW_MAP) {
    struct row_col *pair = map_entries(fin->own, col, total);
    size_t *keys = chn_malloc((fin->n_cuts + 1) * sizeof *keys);
    pair[0].data = join(fin, pick_key, keys);
    free(keys);
    inner = &pair[1];
  } else {
    inner = own_children(fin->own, col, 1);
    inner->type = col->type->fields[0].type;
    inner->count = total;
  }
  if (fin->part->form.nest == WIN_LEAF) {
    size_t *cells = chn_malloc((fin->n_cuts + 1) * sizeof *cells);
    inner->data = join(fin, pick_cell, cells);
    free(cells);
  } else {
    size_t *cells = chn_malloc((fin->n_cuts + 1) * sizeof *cells);
    uint8_t *spans = join(fin, pick_cell, cells);
    finish_children(fin, inner, spans, flags, base);
    free(cells);
  }
  inner_late->col = inner;
  inner->valid = pack_valid(fin, flags, total, &inner_late->nulls);
  free(base);
}

/// Rows of a nested input column in place of its cells.
static void gather_refs(struct finish *fin, struct row_col *col, int32_t input, int32_t builder)
{
  const int32_t *refs = col->data;
  int64_t *rows = chn_malloc(col->count * sizeof *rows);
  for (size_t i = 0; i < col->count; i++) {
    rows[i] = row_is_null(col, i) ? -1 : refs[i];
  }
  struct row_builder *b = row_builder_new(col->type);
  row_builder_gather(b, fin->f->cols[input].nested, rows, col->count);
  free(rows);
  fin->own->builders[builder] = b;
  *col = *row_builder_col(b);
}

/// The innermost column of a part, where its cells are.
static struct row_col *leaf_col(struct row_col *col, const struct win_form *form)
{
  if (form->split) {
    col = col->type->kind == ROW_MAP ? &col->child[0].child[1] : &col->child[0];
  }
  return form->nest == WIN_LIST ? &col->child[0] : col;
}

static void share_dicts(const struct agg_frame *f, struct agg_answers_own *own)
{
  own->dicts = chn_calloc(2 * (size_t)f->plan->inputs.n_fields, sizeof(struct frame_dict *));
  for (int32_t i = 0; i < f->plan->inputs.n_fields; i++) {
    if (f->cols[i].dict != NULL) {
      own->dicts[own->n_dicts++] = frame_dict_ref(f->cols[i].dict);
    }
    if (f->cols[i].key_dict != NULL) {
      own->dicts[own->n_dicts++] = frame_dict_ref(f->cols[i].key_dict);
    }
  }
}

/// Plans the steps of one part and lays out its column.
static void finish_part(struct finish *fin, struct row_col *col, struct late late[2])
{
  struct part_answer *p = fin->part;
  col->count = fin->n;
  own_block(fin->own, p->cells);
  if (p->form.split) {
    finish_split(fin, col, &late[1]);
  } else if (p->form.nest != WIN_LEAF) {
    finish_children(fin, col, p->cells, p->valid, fin->from);
  } else {
    col->data = p->cells;
  }
  late[0].col = col;
  col->valid = pack_valid(fin, p->valid, fin->n, &late[0].nulls);
}

chn_status part_answers_finish(const struct agg_frame *f, struct part_answer *parts, size_t n,
                               const size_t *from, size_t n_cuts, int32_t threads,
                               struct agg_answers *out, struct chn_err *err)
{
  const int32_t n_parts = f->plan->n_parts;
  struct agg_answers_own *own = chn_calloc(1, sizeof *own);
  own->builders = chn_calloc((size_t)n_parts, sizeof(struct row_builder *));
  own->n_builders = n_parts;
  share_dicts(f, own);
  *out = (struct agg_answers){ .n_cols = n_parts, .n = n, .own = own };
  out->cols = chn_calloc((size_t)n_parts, sizeof *out->cols);
  own_block(own, out->cols);
  struct finish fin = { .f = f, .from = from, .n_cuts = n_cuts, .n = n, .own = own };
  struct late *late = chn_calloc(2 * (size_t)n_parts, sizeof *late);
  for (int32_t j = 0; j < n_parts; j++) {
    fin.part = &parts[j];
    out->cols[j].type = f->plan->parts[j].output;
    finish_part(&fin, &out->cols[j], &late[2 * j]);
  }
  chn_status status = frame_parallel(do_step, &fin.copy, fin.copy.n, threads, err);
  if (status == CHN_OK) {
    status = frame_parallel(do_step, &fin.shift, fin.shift.n, threads, err);
  }
  for (int32_t j = 0; j < 2 * n_parts; j++) {
    if (late[j].col != NULL && *late[j].nulls == 0) {
      late[j].col->valid = NULL;
    }
  }
  for (int32_t j = 0; j < n_parts; j++) {
    parts[j].cells = NULL; // now the column's
    if (status == CHN_OK && parts[j].form.is_ref) {
      gather_refs(&fin, leaf_col(&out->cols[j], &parts[j].form), f->plan->parts[j].input, j);
    }
  }
  free(late);
  free(fin.copy.all);
  free(fin.shift.all);
  part_answers_drop(f->plan, parts, n_cuts);
  return status;
}
