/* One image through both nets, compared with the numbers that the exporter computed: returns 0 if they are equal. */
#include "${name}.h"

${vectors}${stream_check}
static int differ(const int8_t *a, const int8_t *b)
{
    int i;
    for (i = 0; i < ${NAME}_CLASSES; i++) {
        if (a[i] != b[i]) {
            return 1;
        }
    }
    return 0;
}

int main(void)
{
    ${name}_result result;
    ${name}_init();
    ${name}_set_threshold(0); /* the little net alone */
    ${name}_predict(${vector_arguments}, &result);
    if (differ(result.logits, little_logits) || result.label != ${little_label}) {
        return 1;
    }
    ${name}_set_threshold(256); /* both */
    ${name}_predict(${vector_arguments}, &result);
    if (differ(result.logits, big_logits) || result.label != ${big_label}) {
        return 2;
    }
    ${name}_init(); /* as exported */
    ${name}_predict(${vector_arguments}, &result);
    return result.escalated == ${escalated} && result.label == ${label} ? ${after} : 3;
}
