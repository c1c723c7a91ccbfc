/* The cascade on this machine: images on stdin, answers on stdout. */
#include <stdio.h>

#include "${name}.h"

#define LITTLE_BYTES ${NAME}_LITTLE_BYTES
#define BIG_BYTES ${NAME}_BIG_BYTES

static int8_t little[LITTLE_BYTES], big[BIG_BYTES];

static void predict(${name}_result *result)
{
    ${name}_predict(${host_arguments}, result);
}

int main(void)
{
    static int8_t logits[2][${NAME}_CLASSES]; /* of the little net, of the big net */
    ${name}_result result;
    while (fread(little, 1, LITTLE_BYTES, stdin) == LITTLE_BYTES && fread(big, 1, BIG_BYTES, stdin) == BIG_BYTES) {
        uint8_t head[6];
        int escalated, i;
        ${name}_init();
        predict(&result);
        escalated = result.escalated != 0;
        head[0] = (uint8_t)result.label;
        head[1] = (uint8_t)(result.label >> 8);
        head[2] = (uint8_t)result.little_label;
        head[3] = (uint8_t)(result.little_label >> 8);
        head[4] = result.gap;
        head[5] = result.escalated;
        for (i = 0; i < ${NAME}_CLASSES; i++) {
            logits[escalated][i] = result.logits[i];
        }
        ${name}_set_threshold(escalated ? 0 : 256); /* ask the other net */
        predict(&result);
        for (i = 0; i < ${NAME}_CLASSES; i++) {
            logits[!escalated][i] = result.logits[i];
        }
        fwrite(head, 1, sizeof head, stdout);
        fwrite(logits, 1, sizeof logits, stdout);
    }
    return 0;
}
