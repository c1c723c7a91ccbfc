${type} ${name}_loudest(const ${name}_stream *stream)
{
    const ${type} *at = ${name}_map(stream), *end = at + ${NAME}_MAP_BYTES;
    int32_t loudest = ${smallest};
    while (at < end) {
        const int32_t output = *at++;
        if (output > loudest) {
            loudest = output;
        }
    }
    return (${type})loudest;
}
