/* Sums of the logits of the newest decisions, each times its net's factor. */
static const int32_t factors[2] = {${factors}}; /* of the little net, of the big net */

static void add_past(${name}_context *context, int32_t sign)
{
    const int32_t factor = sign * factors[context->past_escalated[context->place]];
    const int8_t *past = context->past[context->place];
    int i;
    for (i = 0; i < ${NAME}_CLASSES; i++) {
        context->scores[i] += factor * ${past_score};
    }
}

static void count_in(${name}_context *context, const ${name}_result *result)
{
    const uint32_t place = context->place;
    int i;
    if (context->known == ${NAME}_SMOOTHED) {
        add_past(context, -1);
    } else {
        context->known++;
    }
    context->past_escalated[place] = result->escalated;
    for (i = 0; i < ${NAME}_CLASSES; i++) {
        context->past[place][i] = result->logits[i];
    }
    add_past(context, 1);
    context->place = place + 1 < ${NAME}_SMOOTHED ? place + 1 : 0;
}
