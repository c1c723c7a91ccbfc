
${smoothing}
static void restart(${name}_context *context)
{
    int i;
    context->hops = 0;
    context->to_wait = ${first};
    context->begun = 0;
    for (i = 0; i < ${NAME}_CLASSES; i++) {
        context->scores[i] = 0;
    }
    ${forget}
}
