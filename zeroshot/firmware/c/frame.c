/* Taps of each row and of each column of a net's image: the first one's place in the frame, then their weights, 2^22 in
 * all. */
${tables}
/* A weighted mean of pixels, rounded. */
static uint32_t ${prefix}mean(const uint8_t *from, const uint32_t *weights)
{
    uint32_t sum = (uint32_t)1 << 21, i;
    for (i = 0; i < ${inner_taps}; i++) {
        sum += weights[i] * from[i * ${inner_stride}];
    }
    return sum >> 22;
}

int ${function}(const uint8_t *frame, int8_t *image)
{
    uint32_t x, y, channel, i;
    if (!frame || !image) {
        return -1;
    }
    for (y = 0; y < ${height}; y++) {
        for (x = 0; x < ${width}; x++) {
            const uint8_t *corner = frame + ${prefix}top[y] * (uint32_t)${row_stride} + ${prefix}left[x] * (uint32_t)${channels};
            for (channel = 0; channel < ${channels}; channel++) {
                uint32_t sum = (uint32_t)1 << 21;
                for (i = 0; i < ${outer_taps}; i++) {
                    const uint8_t *from = corner + channel + i * ${outer_stride};
                    sum += ${outer_weights} * ${prefix}mean(from, ${inner_weights});
                }
                *image++ = ${prefix}table[${table_row}(sum >> 22)];
            }
        }
    }
    return 0;
}
