#include "${name}.h"

#include "${name}_big.h"
#include "${name}_little.h"
#include "kernels.h"${stream_include}

static int8_t arena[${NAME}_ARENA_BYTES] ZS_ALIGNED;
static const int16_t exported_thresholds[${NAME}_CLASSES] = {${thresholds}};
static int16_t thresholds[${NAME}_CLASSES] = {${thresholds}};${bias_tables}
static uint32_t limit${limit_at_start}, in_a_row;
static ${name}_counters counters;
${stream_state}
void ${name}_init(void)
{
    int i;
    for (i = 0; i < ${NAME}_CLASSES; i++) {
        thresholds[i] = exported_thresholds[i];
    }
    limit = ${limit};
    in_a_row = 0;
    counters.calls = 0;
    counters.escalations = 0;
    counters.capped = 0;${stream_restart}
}

static int is_threshold(int value)
{
    return value >= 0 && value <= 256;
}

int ${name}_set_threshold(int threshold)
{
    int i;
    if (!is_threshold(threshold)) {
        return -1;
    }
    for (i = 0; i < ${NAME}_CLASSES; i++) {
        thresholds[i] = (int16_t)threshold;
    }
    return 0;
}

int ${name}_set_class_threshold(int label, int threshold)
{
    if (label < 0 || label >= ${NAME}_CLASSES || !is_threshold(threshold)) {
        return -1;
    }
    thresholds[label] = (int16_t)threshold;
    return 0;
}

void ${name}_set_limit(uint32_t most)
{
    limit = most;
    in_a_row = 0;
}

${name}_counters ${name}_count(void)
{
    return counters;
}

${input_definitions}

/* Copy what is not in the arena already. */
static void take(const int8_t *image, int8_t *input, uint32_t bytes)
{
    uint32_t i;
    for (i = 0; image != input && i < bytes; i++) {
        input[i] = image[i];
    }
}

/* Copy a net's outputs and find the largest; returns the gap to the second largest. */
static int read_logits(const int8_t *logits${bias_parameter}, ${name}_result *result)
{
    int i, label = 0, second = ${bias_lowest};
    result->logits[0] = logits[0];
    for (i = 1; i < ${NAME}_CLASSES; i++) {
        int value = logits[i]${bias_plus};
        result->logits[i] = logits[i];
        if (value > logits[label]${bias_label}) {
            second = logits[label]${bias_label};
            label = i;
        } else if (value > second) {
            second = value;
        }
    }
    result->label = (uint16_t)label;
${bias_gap}
}

void ${name}_predict(${predict_arguments}, ${name}_result *result)
{
    int gap;
${take_inputs}
    counters.calls++;
    zs_run(${name}_little, sizeof ${name}_little / sizeof ${name}_little[0], arena);
    gap = read_logits(arena + ${little_logits}${little_bias}, result);
    result->gap = (uint8_t)gap;
    result->little_label = result->label;
    result->escalated = 0;
    result->capped = 0;
    if (gap >= thresholds[result->label]) {
        in_a_row = 0;
    } else if (limit && in_a_row >= limit) {
        in_a_row = 0;
        result->capped = 1;
        counters.capped++;
    } else {
        in_a_row++;
        counters.escalations++;
        result->escalated = 1;
        zs_run(${name}_big, sizeof ${name}_big / sizeof ${name}_big[0], arena);
        read_logits(arena + ${big_logits}${big_bias}, result);
    }
}

${quantise_definitions}${stream_feed}
