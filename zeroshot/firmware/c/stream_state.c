
/* Hops since the start, hops until the next decision, samples of the hop that has begun. */
static uint32_t hops, to_wait = ${first}, begun;

${smoothing}
static void restart(void)
{
    int i;
    hops = 0;
    to_wait = ${first};
    begun = 0;
    for (i = 0; i < ${NAME}_CLASSES; i++) {
        scores[i] = 0;
    }
    ${forget}
}
