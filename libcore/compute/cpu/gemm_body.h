/* gemm_body.h - the register-tiled product, a part of kernels_body.h.
 *
 * A tile is `rows` x `panels` accumulators; each is one chain in rising k, so
 * the shape of the tile, which is all that differs between instruction sets,
 * cannot be seen in the result. */

#if defined(SIMD_AVX512)
enum { TILE_ROWS = 12, UNROLL = 1 };
static const unsigned char tile_panels[TILE_ROWS + 1] = {0, 8, 8, 6, 6, 4, 4, 3, 3, 2, 2, 2, 2};
#elif defined(SIMD_AVX2)
enum { TILE_ROWS = 6, UNROLL = 4 };
static const unsigned char tile_panels[TILE_ROWS + 1] = {0, 4, 3, 2, 1, 1, 1};
#else
enum { TILE_ROWS = 4, UNROLL = 1 };
static const unsigned char tile_panels[TILE_ROWS + 1] = {0, 2, 1, 1, 1};
#endif

/* The tallest tile for a matrix of so many panels: 24 accumulators as 12 x 2, 6 x 4 or 8 x 3,
 * whichever leaves no narrow rest. */
INLINE size_t tile_height(size_t n_panels)
{
    if (TILE_ROWS < 12)
        return TILE_ROWS;
    return n_panels == 2 ? 12 : n_panels % 3 && n_panels % 4 == 0 ? 6 : 8;
}

enum { AHEAD = 64, CACHE_LINE = 64 }; /* links; bytes */
enum { SECOND_CACHE = 2 };            /* for __builtin_prefetch */

/* The tile at (i, j); `width` valid columns in its last panel. */
struct tile_at {
    size_t i, j, width;
};

INLINE v16 tile_load(const float *p, size_t width)
{
    return width < PANEL ? v16_load_n(p, width) : v16_load(p);
}

INLINE void tile_begin(const struct gemm *g, const struct tile_at *t, v16 (*acc)[8], const int rows,
                       const int panels)
{
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (int p = 0; p < panels; p++) {
            size_t at = (t->i + (size_t)r) * g->from_row + t->j + (size_t)p * PANEL;
            size_t width = p == panels - 1 ? t->width : PANEL;
            acc[r][p] = g->from ? tile_load(g->from + at, width) : v16_zero();
        }
}

INLINE void tile_end_plain(const struct gemm *g, const struct tile_at *t, v16 (*acc)[8],
                           const int rows, const int panels)
{
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (int p = 0; p < panels; p++)
            v16_store(g->c + (t->i + (size_t)r) * g->c_row + t->j + (size_t)p * PANEL, acc[r][p]);
}

INLINE void tile_end(const struct gemm *g, const struct tile_at *t, v16 (*acc)[8], const int rows,
                     const int panels)
{
#pragma GCC unroll 8
    for (int p = 0; p < panels; p++) {
        size_t j = t->j + (size_t)p * PANEL, width = p == panels - 1 ? t->width : PANEL;
#pragma GCC unroll 12
        for (int r = 0; r < rows; r++) {
            size_t i = t->i + (size_t)r;
            v16 a = acc[r][p];
            if (g->bias)
                a = v16_add(a, tile_load(g->bias + j, width));
            if (g->residual)
                a = v16_add(a, tile_load(g->residual + i * g->residual_row + j, width));
            if (width < PANEL)
                v16_store_n(g->c + i * g->c_row + j, a, width);
            else
                v16_store(g->c + i * g->c_row + j, a);
        }
    }
}

INLINE v16 panel_load(const void *p, const enum panels kind)
{
    return kind == PANELS_BF16 ? v16_load_panel(p) : v16_load(p);
}

INLINE v16 link_chain(v16 x, v16 w, v16 acc, const enum panels kind)
{
    return kind == PANELS_PAIRS ? v16_dot(x, w, acc) : v16_fma(x, w, acc);
}

/* Where a tile reads: rows are addressed from every fourth one, so that few registers hold pointers. */
struct tile_source {
    const float *a0, *a4, *a8; /* pairs are as wide as floats */
    const char *b;
};

/* Link number `u` of the unrolled chains. */
INLINE void tile_link(const struct tile_source *s, v16 (*acc)[8], const size_t u, size_t row,
                      size_t step, size_t panel, const int rows, const int panels,
                      const enum panels kind)
{
    const size_t line = PANEL * (kind == PANELS_BF16 ? sizeof(uint16_t) : sizeof(float));
    const size_t row3 = 3 * row;
    v16 w[8];
#pragma GCC unroll 8
    for (int p = 0; p < panels; p++)
        w[p] = panel_load(s->b + (size_t)p * panel + u * line, kind);
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
        const float *a = (r < 4 ? s->a0 : r < 8 ? s->a4 : s->a8) + u * step;
        v16 x = v16_set(a[r % 4 == 3 ? row3 : (size_t)(r % 4) * row]);
#pragma GCC unroll 8
        for (int p = 0; p < panels; p++)
            acc[r][p] = link_chain(x, w[p], acc[r][p], kind);
    }
}

INLINE void tile_step(struct tile_source *s, size_t links, size_t step, size_t line)
{
    s->a0 += links * step;
    s->a4 += links * step;
    s->a8 += links * step;
    s->b += links * line;
}

/* The chains over all of k.  Weights come from memory in decoding, and the hardware alone does not
 * fetch enough ahead: the first tile of a group of panels asks for what comes AHEAD links later,
 * into the second cache, since requests of the first one would make its own loads wait.  Towards the
 * end that is the beginning of the next group. */
INLINE void tile_chains(const struct gemm *g, struct tile_source s, v16 (*acc)[8], bool fetch,
                        const size_t step, const int rows, const int panels, const enum panels kind)
{
    const size_t size = kind == PANELS_BF16 ? sizeof(uint16_t) : sizeof(float);
    const size_t row = g->a_row, panel = g->b_panel * size, line = PANEL * size;
    size_t ahead = AHEAD * line, left = g->k > AHEAD ? AHEAD : 0;
    for (size_t k = g->k - left;; k = left, left = 0, ahead += (size_t)(panels - 1) * panel) {
        for (; k >= UNROLL; k -= UNROLL) {
            if (fetch) {
#pragma GCC unroll 8
                for (int p = 0; p < panels; p++)
#pragma GCC unroll 4
                    for (size_t at = 0; at < UNROLL * line; at += CACHE_LINE)
                        __builtin_prefetch(s.b + (size_t)p * panel + ahead + at, 0, SECOND_CACHE);
            }
#pragma GCC unroll 4
            for (size_t u = 0; u < UNROLL; u++)
                tile_link(&s, acc, u, row, step, panel, rows, panels, kind);
            tile_step(&s, UNROLL, step, line);
        }
        for (; k; k--) {
            tile_link(&s, acc, 0, row, step, panel, rows, panels, kind);
            tile_step(&s, 1, step, line);
        }
        if (!left)
            break;
    }
}

INLINE void tile(const struct gemm *g, const struct tile_at *t, const int rows, const int panels,
                 const enum panels kind)
{
    v16 acc[TILE_ROWS][8];
    tile_begin(g, t, acc, rows, panels);
    if (g->residual) {
        const float *at = g->residual + t->i * g->residual_row + t->j;
        for (int r = 0; r < rows; r++)
            for (int p = 0; p < panels; p++)
                __builtin_prefetch(at + (size_t)r * g->residual_row + p * PANEL);
    }
    const size_t size = kind == PANELS_BF16 ? sizeof(uint16_t) : sizeof(float);
    const float *a = (const float *)g->a + t->i * g->a_row;
    const struct tile_source s = {a, a + (rows > 4 ? 4 * g->a_row : 0),
                                  a + (rows > 8 ? 8 * g->a_row : 0),
                                  (const char *)g->b + t->j / PANEL * g->b_panel * size};
    const bool fetch = t->i == 0 && (kind == PANELS_F32 ? rows > 4 : rows > 1);
    if (UNROLL > 1 && g->a_k == 1)
        tile_chains(g, s, acc, fetch, 1, rows, panels, kind);
    else
        tile_chains(g, s, acc, fetch, g->a_k, rows, panels, kind);
    if (t->width == PANEL && !g->bias && !g->residual)
        tile_end_plain(g, t, acc, rows, panels);
    else
        tile_end(g, t, acc, rows, panels);
}

#define TILE_OF(name, kind, rows, panels)                                                          \
    static void name##_##rows##x##panels(const struct gemm *g, const struct tile_at *t)            \
    {                                                                                              \
        tile(g, t, rows, panels, kind);                                                            \
    }
#if defined(SIMD_DOT)
#define TILE(rows, panels) TILE_PLAIN(rows, panels) TILE_OF(tile_pairs, PANELS_PAIRS, rows, panels)
#else
#define TILE(rows, panels) TILE_PLAIN(rows, panels)
#endif
#define TILE_PLAIN(rows, panels)                                                                   \
    TILE_OF(tile_f32, PANELS_F32, rows, panels)                                                    \
    TILE_OF(tile_bf16, PANELS_BF16, rows, panels)
#define F(rows, panels) tile_f32_##rows##x##panels
#define H(rows, panels) tile_bf16_##rows##x##panels
#define P(rows, panels) tile_pairs_##rows##x##panels

typedef void tile_fn(const struct gemm *g, const struct tile_at *t);

/* clang-format off */
#if defined(SIMD_AVX512)
TILE(1, 1) TILE(1, 2) TILE(1, 3) TILE(1, 4) TILE(1, 5) TILE(1, 6) TILE(1, 7) TILE(1, 8)
TILE(2, 1) TILE(2, 2) TILE(2, 3) TILE(2, 4) TILE(2, 5) TILE(2, 6) TILE(2, 7) TILE(2, 8)
TILE(3, 1) TILE(3, 2) TILE(3, 3) TILE(3, 4) TILE(3, 5) TILE(3, 6)
TILE(4, 1) TILE(4, 2) TILE(4, 3) TILE(4, 4) TILE(4, 5) TILE(4, 6)
TILE(5, 1) TILE(5, 2) TILE(5, 3) TILE(5, 4) TILE(6, 1) TILE(6, 2) TILE(6, 3) TILE(6, 4)
TILE(7, 1) TILE(7, 2) TILE(7, 3) TILE(8, 1) TILE(8, 2) TILE(8, 3)
TILE(9, 1) TILE(9, 2) TILE(10, 1) TILE(10, 2) TILE(11, 1) TILE(11, 2) TILE(12, 1) TILE(12, 2)
#define TILES(T)                                                                                   \
    {{0}, {T(1, 1), T(1, 2), T(1, 3), T(1, 4), T(1, 5), T(1, 6), T(1, 7), T(1, 8)},                \
     {T(2, 1), T(2, 2), T(2, 3), T(2, 4), T(2, 5), T(2, 6), T(2, 7), T(2, 8)},                     \
     {T(3, 1), T(3, 2), T(3, 3), T(3, 4), T(3, 5), T(3, 6)},                                       \
     {T(4, 1), T(4, 2), T(4, 3), T(4, 4), T(4, 5), T(4, 6)},                                       \
     {T(5, 1), T(5, 2), T(5, 3), T(5, 4)}, {T(6, 1), T(6, 2), T(6, 3), T(6, 4)},                   \
     {T(7, 1), T(7, 2), T(7, 3)}, {T(8, 1), T(8, 2), T(8, 3)}, {T(9, 1), T(9, 2)},                 \
     {T(10, 1), T(10, 2)}, {T(11, 1), T(11, 2)}, {T(12, 1), T(12, 2)}}
#elif defined(SIMD_AVX2)
TILE(1, 1) TILE(1, 2) TILE(1, 3) TILE(1, 4) TILE(2, 1) TILE(2, 2) TILE(2, 3)
TILE(3, 1) TILE(3, 2) TILE(4, 1) TILE(5, 1) TILE(6, 1)
#define TILES(T)                                                                                   \
    {{0}, {T(1, 1), T(1, 2), T(1, 3), T(1, 4)}, {T(2, 1), T(2, 2), T(2, 3)}, {T(3, 1), T(3, 2)},   \
     {T(4, 1)}, {T(5, 1)}, {T(6, 1)}}
#else
TILE(1, 1) TILE(1, 2) TILE(2, 1) TILE(3, 1) TILE(4, 1)
#define TILES(T) {{0}, {T(1, 1), T(1, 2)}, {T(2, 1)}, {T(3, 1)}, {T(4, 1)}}
#endif
    /* clang-format on */

    static tile_fn *const tiles_f32[TILE_ROWS + 1][8] = TILES(F);
static tile_fn *const tiles_bf16[TILE_ROWS + 1][8] = TILES(H);
#if defined(SIMD_DOT)
static tile_fn *const tiles_pairs[TILE_ROWS + 1][8] = TILES(P);
#else
TILE_OF(tile_pairs, PANELS_PAIRS, 1, 1)
#endif

#undef TILES
#undef TILE
#undef TILE_PLAIN
#undef TILE_OF
#undef F
#undef H
#undef P

/* Rows are cut into tiles of nearly equal height: 9 is 5 and 4, not 8 and 1.  A group of panels
 * stays in cache while all rows pass over it. */
INLINE void gemm_tiles(const struct gemm *g, tile_fn *const tiles[][8])
{
    if (g->m == 0 || g->n == 0)
        return;
    size_t n_panels = (g->n + PANEL - 1) / PANEL, tallest = tile_height(n_panels);
    size_t n_tiles = (g->m + tallest - 1) / tallest, height = g->m / n_tiles;
    size_t taller = g->m % n_tiles;
    size_t most = tile_panels[height + (taller > 0)];
    size_t n_groups = (n_panels + most - 1) / most;
    for (size_t group = 0, p = 0; group < n_groups; group++) {
        size_t panels = n_panels / n_groups + (group < n_panels % n_groups);
        struct tile_at at = {0, p * PANEL, PANEL};
        if (p + panels == n_panels)
            at.width = g->n - (n_panels - 1) * PANEL;
        for (size_t i = 0; i < n_tiles; i++) {
            size_t rows = height + (i < taller);
            tiles[rows][panels - 1](g, &at);
            at.i += rows;
        }
        p += panels;
    }
}

static void gemm_f32(const struct gemm *g)
{
    gemm_tiles(g, tiles_f32);
}

static void gemm_bf16(const struct gemm *g)
{
    gemm_tiles(g, tiles_bf16);
}

/* Emulated dot products, which are for tests only, are not worth many tiles. */
static void gemm_pairs(const struct gemm *g)
{
#if defined(SIMD_DOT)
    gemm_tiles(g, tiles_pairs);
#else
    for (size_t j = 0; j < g->n; j += PANEL)
        for (size_t i = 0; i < g->m; i++)
            tile_pairs_1x1(g, &(struct tile_at){i, j, g->n - j < PANEL ? g->n - j : PANEL});
#endif
}

/* As many independent chains as hide the latency, `rounds` links each. */
INLINE double chains_peak(size_t rounds, float *sink, const enum panels kind)
{
#if defined(SIMD_AVX512)
    enum { CHAINS = 24 };
#elif defined(SIMD_AVX2)
    enum { CHAINS = 6 };
#else
    enum { CHAINS = 1 };
#endif
    /* Every lane begins elsewhere: the halves of a vector must not be one computation. */
    float start[CHAINS + PANEL];
    for (int i = 0; i < CHAINS + PANEL; i++)
        start[i] = *sink * (float)i;
    v16 a[CHAINS], x = v16_set(*sink), y = v16_set(0.5f);
#pragma GCC unroll 24
    for (int i = 0; i < CHAINS; i++)
        a[i] = v16_load(start + i);
    for (size_t r = 0; r < rounds; r++)
#pragma GCC unroll 24
        for (int i = 0; i < CHAINS; i++)
            a[i] = link_chain(x, y, a[i], kind);
#pragma GCC unroll 24
    for (int i = 1; i < CHAINS; i++)
        a[0] = v16_add(a[0], a[i]);
    *sink = v16_sum(a[0]);
    return (kind == PANELS_PAIRS ? 4.0 : 2.0) * PANEL * CHAINS * (double)rounds;
}

static double peak(size_t rounds, float *sink, enum panels kind)
{
    return kind == PANELS_PAIRS ? chains_peak(rounds, sink, PANELS_PAIRS)
                                : chains_peak(rounds, sink, PANELS_F32);
}
