
${quantise}
static void decide(${name}_context *context, ${name}_decision *decision)
{
    const int32_t *scores = context->scores;
    ${name}_result result;
    int32_t second = INT32_MIN;
    int i, label = 0;
    ${name}_predict_r(context, ${name}_input_r(context), &result);
    count_in(context, &result);
    for (i = 1; i < ${NAME}_CLASSES; i++) {
        if (scores[i] > scores[label]) {
            second = scores[label];
            label = i;
        } else if (scores[i] > second) {
            second = scores[i];
        }
    }
    decision->hop = context->hops;
    decision->margin = scores[label] - second;
    decision->label = (uint16_t)label;
    decision->answer = result.label;
    decision->escalated = result.escalated;
    decision->capped = result.capped;
}

uint32_t ${name}_feed_r(
    ${name}_context *context, const int16_t *samples, uint32_t count, ${name}_decision *decision)
{
    ${front}_stream *stream;
    uint32_t decided = 0;
    if (!is_ready(context) || !samples || !decision) {
        return 0;
    }
    stream = (${front}_stream *)(void *)${kept}; /* it begins with the picture */
    while (count > 0) {
        uint32_t part = ${NAME}_HOP - context->begun;
        part = part < count ? part : count;
        ${front}_add(stream, samples, part, context->begun${scratch});
        samples += part * ${NAME}_AXES;
        count -= part;
        context->begun += part;
        if (context->begun < ${NAME}_HOP) {
            break;
        }
        context->begun = 0;
        context->hops++;
        ${each_hop}if (--context->to_wait == 0) {
            context->to_wait = ${every};
            ${each_decision}decide(context, decision);
            decided++;
        }
    }
    return decided;
}
