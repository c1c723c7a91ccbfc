/* A cascade of two int8 nets: the little one answers, and where it is not sure, the big one does.
 *
 * Functions that end in _r work on a context and an arena of the caller's: as many cascades as there are contexts, each
 * for one thread at a time. The others share one context and one arena. Functions that return int return 0, or -1 where
 * a pointer is NULL, a context was not initialised or a value is out of range, and change nothing then. */
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
#define ${NAME}_LITTLE_BYTES ${little_bytes} /* of an image */
#define ${NAME}_BIG_HEIGHT ${big_height}
#define ${NAME}_BIG_WIDTH ${big_width}
#define ${NAME}_BIG_BYTES ${big_bytes}
#define ${NAME}_ARENA_BYTES ${arena_bytes}
${frame}
/* What int8 numbers stand for: scale x (number - zero). */
${scales}

#define ${NAME}_THRESHOLDS {${thresholds}} /* as exported, one for each answer of the little net */
${one_threshold}#define ${NAME}_LIMIT ${limit} /* escalations in a row, as exported; 0: no limit */
${escalation_constants}
extern const char *const ${name}_class_names[${NAME}_CLASSES]; /* UTF-8; by label */

typedef struct {
    uint16_t label;                   /* the answer: the first of the largest logits${bias_words} */
    uint16_t little_label;            /* the little net's answer */
    uint8_t gap;                      /* the little net's largest logit minus its second largest${bias_words}${bias_gap_words} */
    uint8_t escalated;                /* 1: the big net answered */
    uint8_t capped;                   /* 1: the big net was wanted, but the limit on escalations did not let it run */
    int8_t logits[${NAME}_CLASSES];   /* of the net that answered */
} ${name}_result;

typedef struct {
    uint32_t calls;
    uint32_t escalations;
    uint32_t capped;
} ${name}_counters;

/* What a cascade keeps from call to call, beside its arena. Its members are its own. */
typedef struct {
    int8_t *arena;
    uint32_t limit, in_a_row;
    ${name}_counters counters;
    int16_t thresholds[${NAME}_CLASSES];${escalation_context}${stream_context}
} ${name}_context;

/* Start afresh: thresholds as exported, ${limit_words}, counters at zero.${stream_start} So a program starts too, which need not call
 * ${name}_init; a context starts with ${name}_init_r. The arena, ${NAME}_ARENA_BYTES bytes, must lie at a multiple
 * of 8, as an array of uint64_t does. -1: it does not. */
int ${name}_init(void);
int ${name}_init_r(${name}_context *context, void *arena);

${predict_comment}
int ${name}_predict(${predict_arguments}, ${name}_result *result);
int ${name}_predict_r(${name}_context *context, ${predict_arguments}, ${name}_result *result);

${input_comment}
${input_declarations}

/* Escalate where the gap is below the threshold: 0 never, 256 always. For all classes, or where the little net answers
 * `label`. -1: the threshold is not 0 to 256, or no class has the label. */
int ${name}_set_threshold(int threshold);
int ${name}_set_threshold_r(${name}_context *context, int threshold);
int ${name}_set_class_threshold(int label, int threshold);
int ${name}_set_class_threshold_r(${name}_context *context, int label, int threshold);

/* At most so many escalations in a row, so that a hard scene cannot take the time of the big net for ever; the call
 * after them keeps the little net's answer. 0: no limit. */
int ${name}_set_limit(uint32_t most);
int ${name}_set_limit_r(${name}_context *context, uint32_t most);

${name}_counters ${name}_count(void);
${name}_counters ${name}_count_r(const ${name}_context *context);
${escalation_declarations}
/* Raw pixels (0 to 255, ${channels_word} last) to a net's input: of the net's own size${frame_words}. */
${quantise_declarations}
${stream_declarations}
#ifdef __cplusplus
}
#endif

#endif
