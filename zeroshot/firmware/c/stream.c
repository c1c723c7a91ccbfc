
${quantise}
static void decide(${name}_decision *decision)
{
    ${name}_result result;
    int32_t second = INT32_MIN;
    int i, label = 0;
    ${name}_predict(${name}_input(), &result);
    count_in(&result);
    for (i = 1; i < ${NAME}_CLASSES; i++) {
        if (scores[i] > scores[label]) {
            second = scores[label];
            label = i;
        } else if (scores[i] > second) {
            second = scores[i];
        }
    }
    decision->hop = hops;
    decision->margin = scores[label] - second;
    decision->label = (uint16_t)label;
    decision->answer = result.label;
    decision->escalated = result.escalated;
    decision->capped = result.capped;
}

uint32_t ${name}_feed(const int16_t *samples, uint32_t count, ${name}_decision *decision)
{
    ${front}_stream *stream = (${front}_stream *)(void *)${kept}; /* it begins with the picture */
    uint32_t decided = 0;
    while (count > 0) {
        uint32_t part = ${NAME}_HOP - begun;
        part = part < count ? part : count;
        ${front}_add(stream, samples, part, begun${scratch});
        samples += part * ${NAME}_AXES;
        count -= part;
        begun += part;
        if (begun < ${NAME}_HOP) {
            break;
        }
        begun = 0;
        hops++;
        ${each_hop}if (--to_wait == 0) {
            to_wait = ${every};
            ${each_decision}decide(decision);
            decided++;
        }
    }
    return decided;
}
