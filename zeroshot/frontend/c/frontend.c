#include "${name}.h"

${dsp}
${speed}
#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
#define ZS_LONG_PRODUCT 0 /* no product of 64 bits */
#else
#define ZS_LONG_PRODUCT 1
#endif

#define FRAME ${NAME}_FRAME
#define HOP ${NAME}_HOP
#define WIDTH ${NAME}_WIDTH
#define HALF ${half}        /* complex values of the FFT */
#define PADDED ${padded}        /* the frame is shorter than the FFT */
#define RADIX ${radix}         /* of the first step */
#define SHIFT ${shift}         /* of the spectrum, to the right */
#define BANDS ${bands}
#define FIRST_BIN ${first_bin}
#define LOG_ZERO ${log_zero} /* log2 of the sum that gives the smallest output, 10 bits of fraction */
#define LOG_GAIN ${log_gain}  /* steps of a level for each unit of the logarithm */
#define TOP ${top}       /* largest level: 255 steps, 7 bits of fraction */
#define SMALLEST ${smallest}

/* Q15; of factors, the cosine is in the lower half of a word, the sine in the upper one. */
${tables}
/* (value x lower half of factor) >> 16, rounded down; the same with the upper half; the latter added to a sum. */
#if ZS_DSP
static inline int32_t times_low(int32_t value, uint32_t factor)
{
    int32_t out;
    __asm("smulwb %0, %1, %2" : "=r"(out) : "r"(value), "r"(factor));
    return out;
}

static inline int32_t times_high(int32_t value, uint32_t factor)
{
    int32_t out;
    __asm("smulwt %0, %1, %2" : "=r"(out) : "r"(value), "r"(factor));
    return out;
}

static inline int32_t add_high(int32_t sum, int32_t value, uint32_t factor)
{
    int32_t out;
    __asm("smlawt %0, %1, %2, %3" : "=r"(out) : "r"(value), "r"(factor), "r"(sum));
    return out;
}
#else
static inline int32_t times(int32_t value, int32_t factor)
{
    return (value >> 16) * factor + (((value & 0xffff) * factor) >> 16);
}

static inline int32_t times_low(int32_t value, uint32_t factor)
{
    return times(value, (int16_t)(factor & 0xffffu));
}

static inline int32_t times_high(int32_t value, uint32_t factor)
{
    return times(value, (int32_t)factor >> 16);
}

static inline int32_t add_high(int32_t sum, int32_t value, uint32_t factor)
{
    return sum + times_high(value, factor);
}
#endif

/* The next number, counting with the bits in reverse; the highest has the value top. */
static inline uint32_t next_reversed(uint32_t number, uint32_t top)
{
    while (number & top) {
        number ^= top;
        top >>= 1;
    }
    return number | top;
}

/* Two windowed samples as a complex value, halved; zeros behind the frame. */
static inline void load(const int16_t *samples, uint32_t pair, int32_t *re, int32_t *im)
{
    if (PADDED && pair >= FRAME / 2) {
        *re = 0;
        *im = 0;
        return;
    }
    *re = ((int32_t)samples[2 * pair] * window[2 * pair]) >> 6;
    *im = ((int32_t)samples[2 * pair + 1] * window[2 * pair + 1]) >> 6;
}

/* Sums of four with factors 1, -i, -1 and i; b is the third and c the second of them. */
static inline void butterfly(
    int32_t *z, uint32_t apart, int32_t ar, int32_t ai, int32_t br, int32_t bi, int32_t cr, int32_t ci, int32_t dr,
    int32_t di)
{
    int32_t even_re = ar + br, even_im = ai + bi, left_re = ar - br, left_im = ai - bi;
    int32_t odd_re = cr + dr, odd_im = ci + di, right_re = cr - dr, right_im = ci - di;
    z[0] = even_re + odd_re;
    z[1] = even_im + odd_im;
    z[apart] = left_re + right_im;
    z[apart + 1] = left_im - right_re;
    z[2 * apart] = even_re - odd_re;
    z[2 * apart + 1] = even_im - odd_im;
    z[3 * apart] = left_re - right_im;
    z[3 * apart + 1] = left_im + right_re;
}

/* Window and first step of the FFT, from bit-reversed places. */
static void first_step(const int16_t *samples, int32_t *z)
{
    const int32_t *end = z + 2 * HALF;
    uint32_t place = 0;
    int32_t ar, ai, br, bi;
#if RADIX == 4
    int32_t cr, ci, dr, di;
#endif
    for (; z < end; z += 2 * RADIX) {
        load(samples, place, &ar, &ai);
        load(samples, place + HALF / 2, &br, &bi);
#if RADIX == 4
        load(samples, place + HALF / 4, &cr, &ci);
        load(samples, place + HALF / 4 * 3, &dr, &di);
        butterfly(z, 2, ar, ai, br, bi, cr, ci, dr, di);
#else
        z[0] = ar + br;
        z[1] = ai + bi;
        z[2] = ar - br;
        z[3] = ai - bi;
#endif
        place = next_reversed(place, HALF / RADIX / 2);
    }
}

/* A further step: four transforms of `quarter` values each become one. */
static void step(int32_t *first, uint32_t quarter)
{
    const int32_t *end = first + 2 * HALF;
    const uint32_t *factors = twiddles;
    const uint32_t apart = 2 * quarter, stride = 3 * (HALF / 4 / quarter);
    uint32_t j;
    int32_t *z;
    for (z = first; z < end; z += 4 * apart) {
        const int32_t *b = z + apart, *c = b + apart, *d = c + apart;
        butterfly(
            z, apart, z[0] >> 1, z[1] >> 1, b[0] >> 1, b[1] >> 1, c[0] >> 1, c[1] >> 1, d[0] >> 1, d[1] >> 1);
    }
    for (j = 1; j < quarter; j++) {
        uint32_t one, two, three;
        factors += stride;
        one = factors[0];
        two = factors[1];
        three = factors[2];
        for (z = first + 2 * j; z < end; z += 4 * apart) {
            const int32_t *b = z + apart, *c = b + apart, *d = c + apart;
            butterfly(
                z, apart, z[0] >> 1, z[1] >> 1,
                add_high(times_low(b[0], two), b[1], two), times_low(b[1], two) - times_high(b[0], two),
                add_high(times_low(c[0], one), c[1], one), times_low(c[1], one) - times_high(c[0], one),
                add_high(times_low(d[0], three), d[1], three), times_low(d[1], three) - times_high(d[0], three));
        }
    }
}

/* Square of a value below 2^26 in size. */
static inline uint64_t square(int32_t value)
{
#if ZS_LONG_PRODUCT
    return (uint64_t)((int64_t)value * value);
#else
    uint32_t size = (uint32_t)(value < 0 ? -value : value), high = size >> 16, low = size & 0xffffu;
    return ((uint64_t)(high * high) << 32) + ((uint64_t)(2 * high * low) << 16) + low * low;
#endif
}

static inline void put_power(int32_t *z, int32_t re, int32_t im)
{
    uint64_t power;
    re = (re + ((int32_t)1 << (SHIFT - 1))) >> SHIFT;
    im = (im + ((int32_t)1 << (SHIFT - 1))) >> SHIFT;
    power = square(re) + square(im);
    z[0] = (int32_t)(uint32_t)(power & 0xffffffffu);
    z[1] = (int32_t)(uint32_t)(power >> 32);
}

/* From the complex FFT of sample pairs to the power of the real FFT's bins 1 to HALF - 1, in the same place. */
static void to_power(int32_t *z)
{
    uint32_t k;
    int32_t *up = z + 2, *down = z + 2 * (HALF - 1);
    for (k = 1; k < HALF / 2; k++, up += 2, down -= 2) {
        const uint32_t turn = turns[k];
        int32_t sum_re = (up[0] + down[0]) >> 1, sum_im = (up[1] - down[1]) >> 1;
        int32_t re = up[0] - down[0], im = up[1] + down[1];
        int32_t turned_re = times_low(im, turn) - times_high(re, turn);
        int32_t turned_im = -add_high(times_low(re, turn), im, turn);
        put_power(up, sum_re + turned_re, sum_im + turned_im);
        put_power(down, sum_re - turned_re, turned_im - sum_im);
    }
    put_power(up, up[0], -up[1]);
}

/* sum + weight x power, where the power is below 2^51 and the weight at most 2^12. */
static inline uint64_t add_weighted(uint64_t sum, uint32_t low, uint32_t high, uint32_t weight)
{
#if ZS_LONG_PRODUCT
    return sum + (uint64_t)low * weight + ((uint64_t)(high * weight) << 32);
#else
    return sum + (low & 0xffffu) * weight + ((uint64_t)((low >> 16) * weight) << 16) + ((uint64_t)(high * weight) << 32);
#endif
}

/* log2 with 10 bits of fraction; of 0 as of 1. */
static int32_t log_2(uint64_t value)
{
    uint32_t word = (uint32_t)(value >> 32), next = (uint32_t)(value & 0xffffffffu), place = 63, bits, behind;
    int32_t low, high;
    if (word == 0) {
        word = next;
        next = 0;
        place = 31;
    }
    for (bits = 16; bits; bits >>= 1) {
        if (word >> (32 - bits) == 0) {
            word = (word << bits) | (next >> (32 - bits));
            next <<= bits;
            place -= bits;
        }
    }
    behind = (word >> 15) & 0xffffu;
    low = logarithms[behind >> 10];
    high = logarithms[(behind >> 10) + 1];
    low += ((high - low) * (int32_t)(behind & 1023u) + 512) >> 10;
    return (int32_t)(place << 10) + ((low + 16) >> 5);
}

/* A band's sum in steps of the output with 7 bits of fraction. */
static int32_t level(uint64_t sum)
{
    int32_t out = ((log_2(sum) - LOG_ZERO) * LOG_GAIN + (1 << 11)) >> 12;
    return out < 0 ? 0 : out > TOP ? TOP : out;
}

${finish}
void ${name}_features(const int16_t *samples, ${type} *out, int32_t scratch[${NAME}_SCRATCH_WORDS])
{
    uint32_t quarter, interval, bin = FIRST_BIN;
    const uint16_t *weight = weights;
    uint64_t rising = 0;
    first_step(samples, scratch);
    for (quarter = RADIX; quarter < HALF; quarter *= 4) {
        step(scratch, quarter);
    }
    to_power(scratch);
    for (interval = 0; interval <= BANDS; interval++) {
        uint64_t falling = rising;
        rising = 0;
        for (; bin < ends[interval]; bin++) {
            const uint32_t low = (uint32_t)scratch[2 * bin], high = (uint32_t)scratch[2 * bin + 1];
            rising = add_weighted(rising, low, high, *weight);
            falling = add_weighted(falling, low, high, 4096u - *weight);
            weight++;
        }
        if (interval > 0) {
            ${keep}
        }
    }${finished}
}

const ${type} *${name}_map(const ${name}_stream *stream)
{
    return (const ${type} *)stream->map;
}
${loudest}
static ${type} *row(${name}_stream *stream, uint32_t number)
{
    return (${type} *)stream->map + number * WIDTH;
}

void ${name}_reset(${name}_stream *stream, int32_t scratch[${NAME}_SCRATCH_WORDS])
{
    uint32_t i;
    for (i = 0; i < FRAME; i++) {
        stream->samples[i] = 0;
    }
    for (i = 0; i < ${NAME}_FRAMES; i++) {
        ${name}_features(stream->samples, row(stream, i), scratch);
    }
}

/* Rows 1 and following to the place of row 0 and following. */
static void move_up(${name}_stream *stream)
{
#if WIDTH % 4 == 0
    uint32_t *to = stream->map;
    const uint32_t *end = to + WIDTH / 4 * (${NAME}_FRAMES - 1);
    for (; to < end; to++) {
        to[0] = to[WIDTH / 4];
    }
#else
    ${type} *to = row(stream, 0), *end = row(stream, ${NAME}_FRAMES - 1);
    for (; to < end; to++) {
        to[0] = to[WIDTH];
    }
#endif
}

void ${name}_add(
    ${name}_stream *stream, const int16_t *samples, uint32_t count, uint32_t before,
    int32_t scratch[${NAME}_SCRATCH_WORDS])
{
    uint32_t i;
#if HOP < FRAME
    int16_t *kept = stream->samples;
    if (before == 0) {
        for (i = 0; i < FRAME - HOP; i++) {
            kept[i] = kept[i + HOP];
        }
    }
    kept += FRAME - HOP + before;
    for (i = 0; i < count; i++) {
        kept[i] = samples[i];
    }
#else
    const uint32_t skipped = HOP - FRAME;
    for (i = before < skipped ? skipped - before : 0; i < count; i++) {
        stream->samples[before + i - skipped] = samples[i];
    }
#endif
    if (before + count == HOP) {
        move_up(stream);
        ${name}_features(stream->samples, row(stream, ${NAME}_FRAMES - 1), scratch);
    }
}

void ${name}_push(${name}_stream *stream, const int16_t *samples, int32_t scratch[${NAME}_SCRATCH_WORDS])
{
    ${name}_add(stream, samples, HOP, 0, scratch);
}
