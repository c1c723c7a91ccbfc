/* A cascade of two int8 nets: the little one answers, and where it is not sure, the big one does.
 * Not reentrant: both nets work in one static arena. */
#ifndef ${NAME}_H
#define ${NAME}_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ${NAME}_CLASSES ${classes}
#define ${NAME}_CHANNELS ${channels}
#define ${NAME}_LITTLE_HEIGHT ${little_height} /* pixels */
#define ${NAME}_LITTLE_WIDTH ${little_width}
#define ${NAME}_BIG_HEIGHT ${big_height}
#define ${NAME}_BIG_WIDTH ${big_width}
#define ${NAME}_ARENA_BYTES ${arena_bytes}

typedef struct {
    uint16_t label;                   /* the answer: the first of the largest logits${bias_words} */
    uint16_t little_label;            /* the little net's answer */
    uint8_t gap;                      /* the little net's largest logit minus its second largest${bias_words}${bias_gap_words} */
    uint8_t escalated;                /* 1: the big net answered */
    uint8_t capped;                   /* 1: the big net was wanted, but the limit on escalations in a row was reached */
    int8_t logits[${NAME}_CLASSES];   /* of the net that answered */
} ${name}_result;

typedef struct {
    uint32_t calls;
    uint32_t escalations;
    uint32_t capped;
} ${name}_counters;

/* Start afresh: thresholds as exported, ${limit_words}, counters at zero.${stream_start} So a program starts too, which need not call it. */
void ${name}_init(void);

${predict_comment}
void ${name}_predict(${predict_arguments}, ${name}_result *result);

${input_comment}
${input_declarations}

/* Escalate where the gap is below the threshold: 0 never, 256 always. For all classes, or where the little net answers
 * `label`. Returns 0; or -1, and nothing is changed, where the threshold is not 0 to 256 or no class has
 * the label. */
int ${name}_set_threshold(int threshold);
int ${name}_set_class_threshold(int label, int threshold);

/* At most so many escalations in a row, so that a hard scene cannot take the time of the big net for ever; the call
 * after them keeps the little net's answer. 0: no limit. */
void ${name}_set_limit(uint32_t most);

${name}_counters ${name}_count(void);

/* Raw pixels (0 to 255, ${channels_word} last) to a net's input. */
${quantise_declarations}
${stream_declarations}
#ifdef __cplusplus
}
#endif

#endif
