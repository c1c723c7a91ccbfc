/* Sums of the logits of the newest decisions, each times its net's factor. */
#define SMOOTHED ${smooth}
static const int32_t factors[2] = {${factors}}; /* of the little net, of the big net */
static int8_t past[SMOOTHED][${NAME}_CLASSES];
static uint8_t past_escalated[SMOOTHED];
static uint32_t known, place; /* of them; where the next one goes */
static int32_t scores[${NAME}_CLASSES];

static void add_past(int32_t sign)
{
    const int32_t factor = sign * factors[past_escalated[place]];
    int i;
    for (i = 0; i < ${NAME}_CLASSES; i++) {
        scores[i] += factor * ${past_score};
    }
}

static void count_in(const ${name}_result *result)
{
    int i;
    if (known == SMOOTHED) {
        add_past(-1);
    } else {
        known++;
    }
    past_escalated[place] = result->escalated;
    for (i = 0; i < ${NAME}_CLASSES; i++) {
        past[place][i] = result->logits[i];
    }
    add_past(1);
    place = place + 1 < SMOOTHED ? place + 1 : 0;
}
