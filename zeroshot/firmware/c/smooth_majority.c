/* How many of the newest decisions answered each class. */
#define SMOOTHED ${smooth}
static uint16_t past[SMOOTHED];
static uint32_t known, place; /* of them; where the next one goes */
static int32_t scores[${NAME}_CLASSES];

static void count_in(const ${name}_result *result)
{
    if (known == SMOOTHED) {
        scores[past[place]]--;
    } else {
        known++;
    }
    past[place] = result->label;
    scores[result->label]++;
    place = place + 1 < SMOOTHED ? place + 1 : 0;
}
