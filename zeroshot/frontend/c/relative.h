/* The largest output of a map. */
${type} ${name}_loudest(const ${name}_stream *stream);

/* An output of a map as a net takes it: a level below the loudest one of the whole map. That becomes ${loudest}, and what is
 * ${span_db} dB or more below it ${smallest}. */
static inline ${type} ${name}_relative(${type} output, ${type} loudest)
{
    int32_t steps = output - loudest + ${span};
    return (${type})((steps < 0 ? 0 : steps)${to_output});
}
