/* The nets' input: levels below the loudest one of the picture, which stays as it is. */
static void quantise_relative(const ${name}_context *context, const ${front}_stream *stream)
{
    const ${type} *map = ${front}_map(stream), loudest = ${front}_loudest(stream);
    int8_t *image = ${name}_input_r(context);
    uint32_t i;
    for (i = 0; i < ${pixels}; i++) {
        image[i] = table[(uint8_t)(${front}_relative(map[i], loudest)${to_pixel})];
    }
}
