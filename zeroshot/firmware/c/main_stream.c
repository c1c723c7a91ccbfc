
/* Noise of changing level, fed in pieces of ${piece} samples, and what is to be decided on it. */
${stream_vectors}
static int check_stream(void)
{
    static int16_t samples[${piece} * ${NAME}_AXES];
    ${name}_decision decision;
    uint32_t state = 1, values = 0, decided = 0, i;
    ${name}_init();
    while (values < ${stream_values}) {
        for (i = 0; i < ${piece} * ${NAME}_AXES; i++, values++) {
            state = state * ${turn}u + ${step}u;
            samples[i] = (int16_t)((int16_t)(state >> 16) >> values / (${NAME}_HOP * ${NAME}_AXES) % 4 * 3);
        }
        if (${name}_feed(samples, ${piece}, &decision) > 0) {
            if (decided == ${decided} || decision.hop != decision_hop[decided] ||
                decision.label != decision_label[decided] || decision.margin != decision_margin[decided] ||
                decision.escalated != decision_escalated[decided]) {
                return 4;
            }
            decided++;
        }
    }
    return decided == ${decided} ? 0 : 4;
}
