#include "${name}.h"

#include "${name}_big.h"
#include "${name}_kernels.h"
#include "${name}_little.h"${stream_include}

static const int16_t exported_thresholds[${NAME}_CLASSES] = ${NAME}_THRESHOLDS;${bias_tables}
${stream_state}
static int is_ready(const ${name}_context *context)
{
    return context && context->arena;
}

int ${name}_init_r(${name}_context *context, void *arena)
{
    int i;
    if (!context) {
        return -1;
    }
    context->arena = 0;
    if (!arena || ((uintptr_t)arena & 7)) {
        return -1;
    }
    context->arena = (int8_t *)arena;
    for (i = 0; i < ${NAME}_CLASSES; i++) {
        context->thresholds[i] = exported_thresholds[i];
    }
    context->limit = ${NAME}_LIMIT;
    context->in_a_row = 0;
    context->counters.calls = 0;
    context->counters.escalations = 0;
    context->counters.capped = 0;${escalation_start}${stream_restart}
    return 0;
}

static int is_threshold(int value)
{
    return value >= 0 && value <= 256;
}

int ${name}_set_threshold_r(${name}_context *context, int threshold)
{
    int i;
    if (!is_ready(context) || !is_threshold(threshold)) {
        return -1;
    }
    for (i = 0; i < ${NAME}_CLASSES; i++) {
        context->thresholds[i] = (int16_t)threshold;
    }
    return 0;
}

int ${name}_set_class_threshold_r(${name}_context *context, int label, int threshold)
{
    if (!is_ready(context) || label < 0 || label >= ${NAME}_CLASSES || !is_threshold(threshold)) {
        return -1;
    }
    context->thresholds[label] = (int16_t)threshold;
    return 0;
}

int ${name}_set_limit_r(${name}_context *context, uint32_t most)
{
    if (!is_ready(context)) {
        return -1;
    }
    context->limit = most;
    context->in_a_row = 0;
    return 0;
}

${name}_counters ${name}_count_r(const ${name}_context *context)
{
    const ${name}_counters none = {0, 0, 0};
    return is_ready(context) ? context->counters : none;
}

${input_definitions}

/* Copy what is not in the arena already. */
static void take(const int8_t *image, int8_t *input, uint32_t bytes)
{
    if (image == input) {
        return;
    }
    for (; bytes >= 4; bytes -= 4, image += 4, input += 4) {
        input[0] = image[0];
        input[1] = image[1];
        input[2] = image[2];
        input[3] = image[3];
    }
    for (; bytes > 0; bytes--) {
        *input++ = *image++;
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

int ${name}_predict_r(${name}_context *context, ${predict_arguments}, ${name}_result *result)
{
    int gap;
    if (!is_ready(context) || ${no_images} || !result) {
        return -1;
    }
${take_inputs}
    context->counters.calls++;
    zs_run(${name}_little, sizeof ${name}_little / sizeof ${name}_little[0], context->arena);
    gap = read_logits(context->arena + ${little_logits}${little_bias}, result);
    result->gap = (uint8_t)gap;
    result->little_label = result->label;
    result->escalated = 0;
    result->capped = 0;
${escalation_each}    if (gap >= context->thresholds[result->label]) {
        context->in_a_row = 0;
    } else if ((context->limit && context->in_a_row >= context->limit)${escalation_cap}) {
        context->in_a_row = 0;
        result->capped = 1;
        context->counters.capped++;
    } else {
        context->in_a_row++;${escalation_spend}
        context->counters.escalations++;
        result->escalated = 1;
        zs_run(${name}_big, sizeof ${name}_big / sizeof ${name}_big[0], context->arena);
        read_logits(context->arena + ${big_logits}${big_bias}, result);
    }
    return 0;
}

${quantise_definitions}${escalation_functions}${stream_feed}
