/* How many of the newest decisions answered each class. */
static void count_in(${name}_context *context, const ${name}_result *result)
{
    const uint32_t place = context->place;
    if (context->known == ${NAME}_SMOOTHED) {
        context->scores[context->past[place]]--;
    } else {
        context->known++;
    }
    context->past[place] = result->label;
    context->scores[result->label]++;
    context->place = place + 1 < ${NAME}_SMOOTHED ? place + 1 : 0;
}
