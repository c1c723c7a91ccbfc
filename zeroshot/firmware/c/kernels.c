#include "${name}_kernels.h"

#include "${name}_kernels_config.h"

${speed}
#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
#define ZS_NO_LONG_PRODUCT /* of 64 bits */
#if ZS_GNU && !defined(ZS_PLAIN_C)
#define ZS_THUMB1 /* assembly for these cores */
#endif
#endif

#if ZS_GNU
#define ZS_NOINLINE __attribute__((noinline)) /* smaller, and its registers do not crowd out the caller's */
#define ZS_UNUSED __attribute__((unused))
#else
#define ZS_NOINLINE
#define ZS_UNUSED
#endif

/* Requantisation of one accumulator: times multiplier / 2^31, rounded half up; shifted to the right, rounded half away
 * from zero; plus the output's zero point; clamped. kernels_config.h says in ZS_ANY_SCALE whether some layer needs the
 * general form; else every shift is 1 to 23 bits to the right, and the zero point is added before the shift. */
typedef struct {
    int32_t multiplier;
    int32_t half;
    int32_t shift;
} zs_scale;

#define ZS_SMMLAR (ZS_DSP && !ZS_ANY_SCALE) /* multipliers are 2^30 or more then */

/* A multiplier as zs_high takes it: with SMMLAR twice as large, minus the 2^32 that this instruction adds again. */
static inline ZS_UNUSED int32_t zs_prepared(int32_t multiplier)
{
    return ZS_SMMLAR ? (int32_t)((uint32_t)multiplier << 1) : multiplier;
}

/* (value x multiplier + 2^30) / 2^31, rounded down. */
static inline ZS_UNUSED int32_t zs_high(int32_t value, int32_t multiplier)
{
#if ZS_SMMLAR
    int32_t high;
    __asm("smmlar %0, %1, %2, %1" : "=r"(high) : "r"(value), "r"(multiplier));
    return high;
#elif defined(ZS_NO_LONG_PRODUCT)
    /* No 64-bit product: (high 2^16 + low) x multiplier, where the multiplier is below 2^31. */
    uint32_t low = (uint32_t)value & 0xffffu, m_low = (uint32_t)multiplier & 0xffffu;
    int32_t high = value >> 16, m_high = multiplier >> 16;
    uint32_t bottom = low * m_low;
    uint32_t middle_1 = low * (uint32_t)m_high;
    int32_t middle_2 = high * (int32_t)m_low;
    int32_t top = high * m_high;
    uint32_t part = (bottom >> 16) + (middle_1 & 0xffffu) + ((uint32_t)middle_2 & 0xffffu);
    uint32_t lower = (part << 16) | (bottom & 0xffffu);
    int32_t upper = top + (int32_t)(middle_1 >> 16) + (middle_2 >> 16) + (int32_t)(part >> 16);
    uint32_t rounded = lower + ((uint32_t)1 << 30);
    upper += rounded < lower;
    return (int32_t)(((uint32_t)upper << 1) | (rounded >> 31));
#else
    return (int32_t)(((int64_t)value * multiplier + ((int32_t)1 << 30)) >> 31);
#endif
}

#if ZS_ANY_SCALE
#define ZS_FULL(low) 0
#define zs_requantise_full(value, scale) zs_requantise(value, scale, -128)

static inline ZS_UNUSED zs_scale zs_scale_of(int32_t multiplier, int32_t shift, int32_t zero)
{
    zs_scale scale = {zs_prepared(multiplier), zero, shift};
    return scale;
}

static inline ZS_UNUSED int8_t zs_requantise(int32_t value, const zs_scale *scale, int32_t low)
{
    int32_t left = scale->shift > 0 ? scale->shift : 0, right = scale->shift < 0 ? -scale->shift : 0;
    int32_t high = zs_high((int32_t)((uint32_t)value << left), scale->multiplier);
    int32_t mask = (int32_t)(((uint32_t)1 << right) - 1), rest = high & mask;
    int32_t out = (high >> right) + (rest > (mask >> 1) + (high < 0)) + scale->half;
    out = out < low ? low : out;
    return (int8_t)(out > 127 ? 127 : out);
}

#else

static inline ZS_UNUSED zs_scale zs_scale_of(int32_t multiplier, int32_t shift, int32_t zero)
{
    zs_scale scale;
    scale.shift = -shift;
    scale.half = (int32_t)((uint32_t)(2 * zero + 1) << (-shift - 1));
    scale.multiplier = zs_prepared(multiplier);
    return scale;
}

#if ZS_DSP
#define ZS_FULL(low) ((low) == -128)

/* For low = -128, which saturation gives for nothing, and for any other. */
static inline ZS_UNUSED int8_t zs_requantise_full(int32_t value, const zs_scale *scale)
{
    int32_t out;
    __asm("smmlar %0, %1, %2, %1\n\t"
          "sub %0, %0, %0, lsr #31\n\t"
          "add %0, %0, %3\n\t"
          "asr %0, %0, %4\n\t"
          "ssat %0, #8, %0"
          : "=&r"(out)
          : "r"(value), "r"(scale->multiplier), "r"(scale->half), "r"(scale->shift));
    return (int8_t)out;
}

static inline ZS_UNUSED int8_t zs_requantise(int32_t value, const zs_scale *scale, int32_t low)
{
    int32_t out;
    __asm("smmlar %0, %1, %2, %1\n\t"
          "sub %0, %0, %0, lsr #31\n\t"
          "add %0, %0, %3\n\t"
          "asr %0, %0, %4\n\t"
          "sub %0, %0, %5\n\t"
          "bic %0, %0, %0, asr #31\n\t"
          "add %0, %0, %5\n\t"
          "ssat %0, #8, %0"
          : "=&r"(out)
          : "r"(value), "r"(scale->multiplier), "r"(scale->half), "r"(scale->shift), "r"(low));
    return (int8_t)out;
}

#else
#define ZS_FULL(low) 0
#define zs_requantise_full(value, scale) zs_requantise(value, scale, -128)

static inline ZS_UNUSED int8_t zs_requantise(int32_t value, const zs_scale *scale, int32_t low)
{
    int32_t out = zs_high(value, scale->multiplier);
    out = (int32_t)((uint32_t)out - ((uint32_t)out >> 31) + (uint32_t)scale->half) >> scale->shift;
    out = out < low ? low : out;
    return (int8_t)(out > 127 ? 127 : out);
}

#endif

#endif

#if ZS_DSP

static inline ZS_UNUSED uint32_t zs_load(const int8_t *from) /* not always aligned */
{
    uint32_t word;
    __builtin_memcpy(&word, from, 4);
    return word;
}

/* Bytes 0 and 2, bytes 1 and 3 of a word, as 16-bit values plus those of `add`. */
static inline ZS_UNUSED uint32_t zs_even(uint32_t add, uint32_t word)
{
    uint32_t out;
    __asm("sxtab16 %0, %1, %2" : "=r"(out) : "r"(add), "r"(word));
    return out;
}

static inline ZS_UNUSED uint32_t zs_odd(uint32_t add, uint32_t word)
{
    uint32_t out;
    __asm("sxtab16 %0, %1, %2, ror #8" : "=r"(out) : "r"(add), "r"(word));
    return out;
}

#endif

/* Rows or columns before the image under the first position of a kernel, which covers `span` of them in all its
 * positions. */
static inline ZS_UNUSED int32_t zs_before(int32_t span, int32_t size)
{
    return span > size ? (span - size) >> 1 : 0;
}

/* ---- convolution: the patches under four output pixels are copied as 16-bit values minus the input's zero point,
 * interleaved so that one pointer runs through them, and multiplied with two filters at a time.
 *
 * Patch, for every four values v0 to v3 of a pixel's patch: the pairs (v0, v2) of four pixels, then their (v1, v3).
 * Weights, for every two filters f and g: the bytes f0 g0 f2 g2, f1 g1 f3 g3 and so on. */

#define ZS_LANES 4 /* pixels */

#if ZS_USE_CONVOLVE

#if ZS_DSP

/* Sums of two filters over four pixels: sums[0] and sums[1] are the biases and become those of the first pixel, in the
 * order filter 0 pixels 0 to 3, filter 1 pixels 0 to 3. Returns the end of the weights. Eight sums, two pointers and
 * four operands take all registers, which compilers do not find: hence assembly, which saves those that it does not
 * name as its own. */
static inline const int8_t *zs_dot(const int8_t *weights, const int16_t *patch, const int16_t *end, int32_t *sums)
{
    register const int8_t *r0 __asm("r0") = weights;
    register const int16_t *r1 __asm("r1") = patch;
    register const int16_t *r2 __asm("r2") = end;
    register int32_t *r3 __asm("r3") = sums;
#define ZS_PAIR                            \
    "ldr r2, [r0], #4\n\t"                 \
    "sxtb16 r3, r2\n\t"                    \
    "sxtb16 r2, r2, ror #8\n\t"            \
    "ldrd r12, lr, [r1], #8\n\t"           \
    "smlad r4, r3, r12, r4\n\t"            \
    "smlad r8, r2, r12, r8\n\t"            \
    "smlad r5, r3, lr, r5\n\t"             \
    "smlad r9, r2, lr, r9\n\t"             \
    "ldrd r12, lr, [r1], #8\n\t"           \
    "smlad r6, r3, r12, r6\n\t"            \
    "smlad r10, r2, r12, r10\n\t"          \
    "smlad r7, r3, lr, r7\n\t"             \
    "smlad r11, r2, lr, r11\n\t"
    __asm volatile("push {r2-r11, lr}\n\t" /* leaves end at sp, sums at sp + 4 */
                   "sub r2, r2, r1\n\t"
                   "ldrd r4, r8, [r3]\n\t"
                   "lsls r2, r2, #26\n\t" /* an odd number of fours? */
                   "mov r5, r4\n\t"
                   "mov r6, r4\n\t"
                   "mov r7, r4\n\t"
                   "mov r9, r8\n\t"
                   "mov r10, r8\n\t"
                   "mov r11, r8\n\t"
                   "bmi 2f\n"
                   "1:\n\t" ZS_PAIR ZS_PAIR
                   "2:\n\t" ZS_PAIR ZS_PAIR
                   "ldr r2, [sp]\n\t"
                   "cmp r1, r2\n\t"
                   "bne 1b\n\t"
                   "ldr r2, [sp, #4]\n\t"
                   "stm r2, {r4-r11}\n\t"
                   "pop {r2-r11, lr}"
                   : "+r"(r0), "+r"(r1)
                   : "r"(r2), "r"(r3)
                   : "r12", "cc", "memory");
    return r0;
#undef ZS_PAIR
}

#elif defined(ZS_THUMB1)

/* The same for cores without DSP instructions and with eight registers that can compute (Cortex-M0+): two pixels, then
 * the other two. The sums wait in the registers that cannot. */
static inline const int8_t *zs_dot(const int8_t *weights, const int16_t *patch, const int16_t *end, int32_t *sums)
{
    register const int8_t *r0 __asm("r0") = weights;
    register const int16_t *r1 __asm("r1") = patch;
    register const int16_t *r2 __asm("r2") = end;
    register int32_t *r3 __asm("r3") = sums;
#define ZS_WEIGHTS(at)              \
    "ldr r5, [r0, #" at "]\n\t"     \
    "sxtb r2, r5\n\t"               \
    "asrs r5, r5, #8\n\t"           \
    "sxtb r3, r5\n\t"               \
    "asrs r5, r5, #8\n\t"           \
    "sxtb r4, r5\n\t"               \
    "asrs r5, r5, #8\n\t"
#define ZS_PIXEL(at, f, g)          \
    "ldr r6, [r1, #" at "]\n\t"     \
    "sxth r7, r6\n\t"               \
    "muls r7, r2, r7\n\t"           \
    "add " f ", r7\n\t"             \
    "sxth r7, r6\n\t"               \
    "muls r7, r3, r7\n\t"           \
    "add " g ", r7\n\t"             \
    "asrs r6, r6, #16\n\t"          \
    "mov r7, r6\n\t"                \
    "muls r7, r4, r7\n\t"           \
    "add " f ", r7\n\t"             \
    "muls r6, r5, r6\n\t"           \
    "add " g ", r6\n\t"
    __asm volatile(".syntax unified\n\t"
                   "push {r4-r7}\n\t"
                   "mov r4, r8\n\t"
                   "mov r5, r9\n\t"
                   "mov r6, r10\n\t"
                   "mov r7, r11\n\t"
                   "push {r4-r7}\n\t"
                   "ldr r4, [r3]\n\t"
                   "ldr r5, [r3, #4]\n\t"
                   "movs r6, #2\n\t" /* halves */
                   "push {r0-r6}\n"  /* weights, patch, end, sums, both biases, halves at sp to sp + 24 */
                   "1:\n\t"
                   "ldr r4, [sp, #16]\n\t"
                   "ldr r5, [sp, #20]\n\t"
                   "mov r8, r4\n\t"
                   "mov r9, r5\n\t"
                   "mov r10, r4\n\t"
                   "mov r11, r5\n"
                   "2:\n\t" ZS_WEIGHTS("0") ZS_PIXEL("0", "r8", "r9") ZS_PIXEL("4", "r10", "r11")
                   ZS_WEIGHTS("4") ZS_PIXEL("16", "r8", "r9") ZS_PIXEL("20", "r10", "r11")
                   "adds r0, #8\n\t"
                   "adds r1, #32\n\t"
                   "ldr r2, [sp, #8]\n\t"
                   "cmp r1, r2\n\t"
                   "blo 2b\n\t"
                   "ldr r2, [sp, #12]\n\t"
                   "mov r4, r8\n\t"
                   "mov r5, r10\n\t"
                   "mov r6, r9\n\t"
                   "mov r7, r11\n\t"
                   "str r4, [r2]\n\t"
                   "str r5, [r2, #4]\n\t"
                   "str r6, [r2, #16]\n\t"
                   "str r7, [r2, #20]\n\t"
                   "adds r2, #8\n\t"
                   "str r2, [sp, #12]\n\t"
                   "ldr r3, [sp, #24]\n\t"
                   "subs r3, #1\n\t"
                   "beq 3f\n\t"
                   "str r3, [sp, #24]\n\t"
                   "ldr r0, [sp]\n\t"
                   "ldr r1, [sp, #4]\n\t"
                   "adds r1, #8\n\t"
                   "b 1b\n"
                   "3:\n\t"
                   "add sp, #28\n\t"
                   "pop {r4-r7}\n\t"
                   "mov r8, r4\n\t"
                   "mov r9, r5\n\t"
                   "mov r10, r6\n\t"
                   "mov r11, r7\n\t"
                   "pop {r4-r7}"
                   : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
                   :
                   : "cc", "memory");
    return r0;
#undef ZS_WEIGHTS
#undef ZS_PIXEL
}

#else

#define ZS_STEP(weight_f, weight_g, value_0, value_1) \
    do {                                              \
        int32_t f = weight_f, g = weight_g;           \
        int32_t v = value_0;                          \
        f0 += (uint32_t)(f * v);                      \
        g0 += (uint32_t)(g * v);                      \
        v = value_1;                                  \
        f1 += (uint32_t)(f * v);                      \
        g1 += (uint32_t)(g * v);                      \
    } while (0)

static const int8_t *zs_dot(const int8_t *weights, const int16_t *patch, const int16_t *end, int32_t *sums)
{
    const int8_t *w = weights;
    uint32_t bias_f = (uint32_t)sums[0], bias_g = (uint32_t)sums[1];
    int lane;
    for (lane = 0; lane < 2 * ZS_LANES; lane += 4) { /* in 16-bit values */
        const int16_t *x = patch + lane;
        uint32_t f0 = bias_f, f1 = bias_f, g0 = bias_g, g1 = bias_g;
        w = weights;
        do {
            ZS_STEP(w[0], w[1], x[0], x[2]);
            ZS_STEP(w[2], w[3], x[1], x[3]);
            ZS_STEP(w[4], w[5], x[8], x[10]);
            ZS_STEP(w[6], w[7], x[9], x[11]);
            w += 8;
            x += 4 * ZS_LANES;
        } while (x < end);
        sums[lane / 2] = (int32_t)f0;
        sums[lane / 2 + 1] = (int32_t)f1;
        sums[lane / 2 + 4] = (int32_t)g0;
        sums[lane / 2 + 5] = (int32_t)g1;
    }
    return w;
}

#endif

/* Copy 4 x `fours` values into a lane of a patch. */
static inline ZS_UNUSED int16_t *zs_expand(int16_t *to, const int8_t *from, uint32_t fours, int32_t zero)
{
#if ZS_DSP
    uint32_t minus = (uint32_t)(-zero & 0xffff) * 0x10001u, *pair = (uint32_t *)(void *)to;
    if (fours & 1) {
        uint32_t word = zs_load(from);
        pair[0] = zs_even(minus, word);
        pair[ZS_LANES] = zs_odd(minus, word);
        from += 4;
        pair += 2 * ZS_LANES;
    }
    for (fours >>= 1; fours > 0; fours--) {
        uint32_t word = zs_load(from), next = zs_load(from + 4);
        pair[0] = zs_even(minus, word);
        pair[ZS_LANES] = zs_odd(minus, word);
        pair[2 * ZS_LANES] = zs_even(minus, next);
        pair[3 * ZS_LANES] = zs_odd(minus, next);
        from += 8;
        pair += 4 * ZS_LANES;
    }
    to = (int16_t *)(void *)pair;
#else
    while (fours--) {
        to[0] = (int16_t)(from[0] - zero);
        to[1] = (int16_t)(from[2] - zero);
        to[2 * ZS_LANES] = (int16_t)(from[1] - zero);
        to[2 * ZS_LANES + 1] = (int16_t)(from[3] - zero);
        from += 4;
        to += 4 * ZS_LANES;
    }
#endif
    return to;
}

static inline ZS_UNUSED int16_t *zs_clear(int16_t *to, uint32_t fours)
{
    while (fours--) {
        to[0] = to[1] = to[2 * ZS_LANES] = to[2 * ZS_LANES + 1] = 0;
        to += 4 * ZS_LANES;
    }
    return to;
}

/* One value of a lane, for those that do not come in fours. */
static inline ZS_UNUSED void zs_put(int16_t *lane, uint32_t index, int32_t value)
{
    uint32_t rest = index & 3;
    lane[(index >> 2) * 4 * ZS_LANES + (rest & 1) * 2 * ZS_LANES + (rest >> 1)] = (int16_t)value;
}

/* Copy the patch under one output pixel, whose upper left corner is at (top, left). Each row of it is a run of
 * kernel_w x channels values; what these have beyond fours comes after all fours. */
static ZS_NOINLINE void zs_gather(const zs_layer *layer, const int8_t *input, int16_t *lane, int32_t top, int32_t left)
{
    int32_t zero = layer->input_zero, high = layer->kernel_h, wide = layer->kernel_w;
    int32_t height = layer->height, width = layer->width, channels = layer->channels, run = wide * channels, x, y, c;
    uint32_t fours = (uint32_t)run >> 2, rest = (uint32_t)run & 3, at = 4 * fours * (uint32_t)high, i;
    int16_t *to = lane;
    if (top >= 0 && left >= 0 && top + high <= height && left + wide <= width) {
        const int8_t *from = input + (top * width + left) * channels;
        for (y = 0; y < high; y++, from += width * channels) {
            to = zs_expand(to, from, fours, zero);
            for (i = 0; i < rest; i++) {
                zs_put(lane, at++, from[4 * fours + i] - zero);
            }
        }
        return;
    }
    for (y = top; y < top + high; y++) {
        uint32_t first = 4 * fours * (uint32_t)(y - top);
        i = 0;
        for (x = left; x < left + wide; x++) {
            int seen = y >= 0 && y < height && x >= 0 && x < width;
            const int8_t *from = seen ? input + (y * width + x) * channels : input;
            if (rest == 0) {
                to = seen ? zs_expand(to, from, (uint32_t)channels >> 2, zero) : zs_clear(to, (uint32_t)channels >> 2);
                continue;
            }
            for (c = 0; c < channels; c++, i++) {
                zs_put(lane, i < 4 * fours ? first + i : at++, seen ? from[c] - zero : 0);
            }
        }
    }
}

/* Where the outputs of four pixels go. A pixel that does not exist goes to the first one's place, before it. */
typedef struct {
    int8_t *first;
    int32_t second, third, fourth; /* bytes from the first */
    int32_t low, zero;
} zs_place;

/* Four sums of one filter to int8. */
static ZS_NOINLINE void zs_finish(const int32_t *sums, int32_t multiplier, int32_t shift, const zs_place *place)
{
    zs_scale scale = zs_scale_of(multiplier, shift, place->zero);
    int32_t low = place->low;
    int8_t *output = place->first;
    if (ZS_FULL(low)) {
        output[place->fourth] = zs_requantise_full(sums[3], &scale);
        output[place->third] = zs_requantise_full(sums[2], &scale);
        output[place->second] = zs_requantise_full(sums[1], &scale);
        *output = zs_requantise_full(sums[0], &scale);
    } else {
        output[place->fourth] = zs_requantise(sums[3], &scale, low);
        output[place->third] = zs_requantise(sums[2], &scale, low);
        output[place->second] = zs_requantise(sums[1], &scale, low);
        *output = zs_requantise(sums[0], &scale, low);
    }
}

/* All filters over the pixels of a patch. */
static ZS_NOINLINE void zs_filters(const zs_layer *layer, const int16_t *patch, const int16_t *end, zs_place *place)
{
    const int8_t *weights = layer->weights, *shift = layer->shift;
    const int32_t *bias = layer->bias, *multiplier = layer->multiplier;
    int32_t left = layer->filters;
    for (; left > 0; left -= 2) {
        int32_t sums[2 * ZS_LANES];
        sums[0] = *bias++;
        sums[1] = *bias++;
        weights = zs_dot(weights, patch, end, sums);
        zs_finish(sums, *multiplier++, *shift++, place);
        place->first++;
        if (left > 1) {
            zs_finish(sums + ZS_LANES, *multiplier++, *shift++, place);
            place->first++;
        }
    }
}

void zs_convolve(const zs_layer *layer, int8_t *arena)
{
    const int8_t *input = arena + layer->input;
    int8_t *output = arena + layer->output;
    int32_t filters = layer->filters;
    int16_t *patch = (int16_t *)(void *)(arena + layer->scratch);
    uint32_t values = (uint32_t)layer->kernel_h * layer->kernel_w * layer->channels;
    const int16_t *end = patch + (values + 3) / 4 * 4 * ZS_LANES;
    uint32_t pixels = (uint32_t)layer->out_height * layer->out_width, lane, x = 0;
    int32_t step = layer->stride;
    int32_t top = -zs_before((layer->out_height - 1) * step + layer->kernel_h, layer->height);
    int32_t before = zs_before((layer->out_width - 1) * step + layer->kernel_w, layer->width), left = -before;
    while (pixels) {
        uint32_t lanes = pixels < ZS_LANES ? pixels : ZS_LANES;
        zs_place place = {output, 0, 0, 0, layer->low, layer->output_zero};
        place.second = lanes > 1 ? filters : 0;
        place.third = lanes > 2 ? 2 * filters : 0;
        place.fourth = lanes > 3 ? 3 * filters : 0;
        for (lane = 0; lane < lanes; lane++) {
            zs_gather(layer, input, patch + 2 * lane, top, left);
            left += step;
            if (++x == layer->out_width) {
                x = 0;
                left = -before;
                top += step;
            }
        }
        zs_filters(layer, patch, end, &place);
        output += ZS_LANES * filters;
        pixels -= lanes;
    }
}

#endif

/* ---- depthwise convolution, four channels at a time. The rows under one output row are kept as 16-bit values minus
 * the input's zero point, column after column (x, then y), so that the taps of an output pixel are one run. For the
 * next output row the run starts `stride` rows further on: rows that are left behind need not be moved away, the new
 * ones take the places of those of the next column. As four channels are finished before the next four are read, and
 * an output row is written after the input rows above its place were read, output and input may be one tensor. */

#if ZS_USE_DEPTHWISE

typedef struct {
#if ZS_DSP
    uint32_t even, odd; /* channels 0 and 2, channels 1 and 3 */
#else
    int16_t value[4];
#endif
} zs_four;

/* One tap of four channels; both pointers move on. */
#if ZS_DSP
#define ZS_TAP(x, w)                                                                                           \
    do {                                                                                                       \
        uint32_t x_even, x_odd, w_even, w_odd;                                                                 \
        __asm("ldrd %4, %5, [%8], #8\n\t"                                                                      \
              "ldrd %6, %7, [%9], #8\n\t"                                                                      \
              "smlabb %0, %4, %6, %0\n\t"                                                                      \
              "smlabb %1, %5, %7, %1\n\t"                                                                      \
              "smlatt %2, %4, %6, %2\n\t"                                                                      \
              "smlatt %3, %5, %7, %3"                                                                          \
              : "+r"(s0), "+r"(s1), "+r"(s2), "+r"(s3), "=&r"(x_even), "=&r"(x_odd), "=&r"(w_even), "=&r"(w_odd), \
                "+r"(x), "+r"(w)                                                                               \
              :                                                                                                \
              : "memory");                                                                                     \
    } while (0)
#else
#define ZS_TAP(x, w)                                    \
    do {                                                \
        s0 += (int32_t)(x)->value[0] * (w)->value[0]; \
        s1 += (int32_t)(x)->value[1] * (w)->value[1]; \
        s2 += (int32_t)(x)->value[2] * (w)->value[2]; \
        s3 += (int32_t)(x)->value[3] * (w)->value[3]; \
        (x)++;                                          \
        (w)++;                                          \
    } while (0)
#endif

static inline ZS_UNUSED zs_four zs_four_of(const int8_t *from, int32_t zero)
{
    zs_four four;
#if ZS_DSP
    uint32_t word = zs_load(from), minus = (uint32_t)(-zero & 0xffff) * 0x10001u;
    four.even = zs_even(minus, word);
    four.odd = zs_odd(minus, word);
#else
    four.value[0] = (int16_t)(from[0] - zero);
    four.value[1] = (int16_t)(from[1] - zero);
    four.value[2] = (int16_t)(from[2] - zero);
    four.value[3] = (int16_t)(from[3] - zero);
#endif
    return four;
}

/* Put one input row into its place in every column. */
static ZS_NOINLINE void zs_row(const zs_layer *layer, const int8_t *input, zs_four *column, int32_t columns, int32_t y)
{
    int32_t x, side = layer->kernel_h, width = layer->width, zero = layer->input_zero;
    const zs_four nothing = {0};
    int32_t channels = layer->channels, before = zs_before(columns, width);
    const int8_t *from = input;
    if (y < 0 || y >= layer->height) {
        width = 0;
    }
    from += y * width * channels;
    for (x = -before; columns > 0 && (x < 0 || width == 0); x++, columns--, column += side) {
        *column = nothing;
    }
    width = columns < width ? columns : width;
    columns -= width;
    for (; width > 0; width--, column += side, from += channels) {
        *column = zs_four_of(from, zero);
    }
    for (; columns > 0; columns--, column += side) {
        *column = nothing;
    }
}

/* What the rows of four channels have in common. */
typedef struct {
    zs_four *weights, *end;
    int32_t bias[4];
    zs_scale scale[4];
    uint32_t channels; /* at most four that exist */
    uint32_t step;     /* from one output pixel's taps to the next one's */
    uint32_t pixels, filters;
    int32_t low;
    int8_t part[4]; /* an output pixel of fewer than four channels */
#if ZS_THREE_TAPS
    int32_t three; /* more than a multiple of four */
#endif
} zs_group;

/* One output row of four channels. */
static ZS_NOINLINE void zs_taps(zs_group *group, const zs_four *column, int8_t *output)
{
    uint32_t pixels = group->pixels;
    const zs_four *end = group->end;
    int8_t *part = group->part;
    int32_t low = group->low;
    for (; pixels > 0; pixels--, column += group->step, output += group->filters) {
        int32_t s0 = group->bias[0], s1 = group->bias[1], s2 = group->bias[2], s3 = group->bias[3];
        const zs_four *from = column, *weight = group->weights;
        const zs_scale *scale = group->scale;
        int8_t *to = group->channels < 4 ? part : output;
        ZS_TAP(from, weight); /* the square of an odd number is one more than a multiple of four */
#if ZS_THREE_TAPS
        if (group->three) {
            ZS_TAP(from, weight);
            ZS_TAP(from, weight);
        }
#endif
        while (weight != end) {
            ZS_TAP(from, weight);
            ZS_TAP(from, weight);
            ZS_TAP(from, weight);
            ZS_TAP(from, weight);
        }
        if (ZS_FULL(low)) {
            to[0] = zs_requantise_full(s0, scale);
            to[1] = zs_requantise_full(s1, scale + 1);
            to[2] = zs_requantise_full(s2, scale + 2);
            to[3] = zs_requantise_full(s3, scale + 3);
        } else {
            to[0] = zs_requantise(s0, scale, low);
            to[1] = zs_requantise(s1, scale + 1, low);
            to[2] = zs_requantise(s2, scale + 2, low);
            to[3] = zs_requantise(s3, scale + 3, low);
        }
        if (to == part) {
            uint32_t i;
            for (i = 0; i < group->channels; i++) {
                output[i] = to[i];
            }
        }
    }
}

void zs_depthwise(const zs_layer *layer, int8_t *arena)
{
    uint32_t side = layer->kernel_h, taps = side * layer->kernel_w, channel, i;
    int32_t columns = (layer->out_width - 1) * (int32_t)layer->stride + layer->kernel_w;
    int32_t top = -zs_before((layer->out_height - 1) * (int32_t)layer->stride + (int32_t)side, layer->height);
    const int8_t *packed = layer->weights;
    zs_group group;
    group.weights = (zs_four *)(void *)(arena + layer->scratch);
    group.end = group.weights + taps;
    group.step = side * layer->stride;
    group.pixels = layer->out_width;
    group.filters = layer->filters;
    group.low = layer->low;
#if ZS_THREE_TAPS
    group.three = (taps & 3) == 3;
#endif
    for (channel = 0; channel < layer->channels; channel += 4) {
        const int8_t *input = arena + layer->input + channel;
        int8_t *output = arena + layer->output + channel;
        zs_four *column = group.end;
        int32_t y = top;
        uint32_t rows = layer->out_height;
        group.channels = layer->channels - channel;
        for (i = 0; i < taps; i++, packed += 4) {
            group.weights[i] = zs_four_of(packed, 0);
        }
        for (i = 0; i < 4; i++) {
            group.bias[i] = layer->bias[channel + i];
            group.scale[i] = zs_scale_of(layer->multiplier[channel + i], layer->shift[channel + i], layer->output_zero);
        }
        for (i = 0; i < side; i++) {
            zs_row(layer, input, column + i, columns, y++);
        }
        for (;;) {
            zs_taps(&group, column, output);
            if (--rows == 0) {
                break;
            }
            output += group.pixels * group.filters;
            column += layer->stride;
            for (i = layer->stride; i > 0; i--, y++) {
                if (i <= side) {
                    zs_row(layer, input, column + side - i, columns, y);
                }
            }
        }
    }
}

#endif

/* ---- addition: both operands in fixed point to one scale, then their sum to the output's. The first operand is the
 * one with the larger scale, half of which needs no multiplication. Output and either input may be one tensor. */

#if ZS_USE_ADD

void zs_add(const zs_layer *layer, int8_t *arena)
{
    const int8_t *first = arena + layer->input, *second = arena + layer->residual;
    int8_t *output = arena + layer->output;
    uint32_t left = (uint32_t)(uint8_t)layer->shift[0], i;
    uint32_t count = (uint32_t)layer->out_height * layer->out_width * layer->filters;
    uint32_t zero = (uint32_t)(int32_t)layer->input_zero << 19, zero_2 = (uint32_t)(int32_t)layer->residual_zero << left;
    int32_t right = -layer->shift[1], half = (int32_t)1 << (right - 1);
    int32_t multiplier = zs_prepared(layer->multiplier[0]), low = layer->low;
    zs_scale scale = zs_scale_of(layer->multiplier[1], layer->shift[2], layer->output_zero);
    for (i = 0; i < count; i++) {
        int32_t value = zs_high((int32_t)(((uint32_t)(int32_t)second[i] << left) - zero_2), multiplier);
        value = (value - (value < 0) + half) >> right;
        value = (int32_t)((uint32_t)value + ((uint32_t)(int32_t)first[i] << 19) - zero);
        output[i] = zs_requantise(value, &scale, low);
    }
}

#endif

#if ZS_USE_POOL

/* Mean of every channel over all pixels, rounded half away from zero. */
void zs_pool(const zs_layer *layer, int8_t *arena)
{
    const int8_t *input = arena + layer->input;
    int8_t *output = arena + layer->output;
    int32_t pixels = layer->height * (int32_t)layer->width, channels = layer->channels, channel, i;
    for (channel = 0; channel < channels; channel++) {
        const int8_t *from = input + channel;
        int32_t sum = 0, rest, value = 0, bit;
        for (i = 0; i < pixels; i++, from += channels) {
            sum += *from;
        }
        rest = (sum < 0 ? -sum : sum) + pixels / 2;
        for (bit = 128; bit > 0; bit >>= 1) { /* the quotient is 128 at most: no division, which small cores lack */
            if (rest >= bit * pixels) {
                rest -= bit * pixels;
                value += bit;
            }
        }
        value = sum < 0 ? -value : value;
        value = value < layer->low ? layer->low : value;
        output[channel] = (int8_t)(value > 127 ? 127 : value);
    }
}

#endif

void zs_run(const zs_layer *layers, uint32_t count, int8_t *arena)
{
    while (count--) {
#ifdef ZS_HOOK
        if (!ZS_HOOK(layers, arena))
#endif
            layers->kernel(layers, arena);
        layers++;
    }
}
