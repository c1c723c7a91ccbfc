
/* Samples as they come. A decision falls after the first ${first} hops, which fill a picture, and then after every
 * ${every_words}. */
#define ${NAME}_HOP ${hop} /* samples */
#define ${NAME}_AXES ${axes} /* values of a sample */
#define ${NAME}_SAMPLE_RATE ${sample_rate} /* samples a second */
#define ${NAME}_SMOOTHED ${smooth} /* decisions that an answer is smoothed over */

typedef struct {
    uint32_t hop;      /* when: hops since the start; modulo 2^32 */
    int32_t margin;    /* the largest score minus the second largest: ${margin_words} */
    uint16_t label;    /* the answer${smooth_words} */
    uint16_t answer;   /* of this window alone */
    uint8_t escalated; /* 1: the big net gave it */
    uint8_t capped;    /* 1: the big net was wanted, but the limit on escalations did not let it run */
} ${name}_decision;

/* Take `count` samples, any number, AXES values each, oldest first. Returns how many decisions fell, and puts the
 * newest into `decision`; where none fell that stays as it is. Where a pointer is NULL none falls. */
uint32_t ${name}_feed(const int16_t *samples, uint32_t count, ${name}_decision *decision);
uint32_t ${name}_feed_r(
    ${name}_context *context, const int16_t *samples, uint32_t count, ${name}_decision *decision);
