/* The functions without a context: they share this one. */
#include "${name}.h"
#include "${name}_kernels.h"

ZS_ALIGNED static int8_t arena[${NAME}_ARENA_BYTES];
static ${name}_context one;

static ${name}_context *ready(void)
{
    if (!one.arena) {
        ${name}_init_r(&one, arena);
    }
    return &one;
}

int ${name}_init(void)
{
    return ${name}_init_r(&one, arena);
}

int ${name}_predict(${predict_arguments}, ${name}_result *result)
{
    return ${name}_predict_r(ready(), ${predict_names}, result);
}

${one_inputs}

int ${name}_set_threshold(int threshold)
{
    return ${name}_set_threshold_r(ready(), threshold);
}

int ${name}_set_class_threshold(int label, int threshold)
{
    return ${name}_set_class_threshold_r(ready(), label, threshold);
}

int ${name}_set_limit(uint32_t most)
{
    return ${name}_set_limit_r(ready(), most);
}

${name}_counters ${name}_count(void)
{
    return ${name}_count_r(&one);
}
${escalation_one}${stream_one}
