/* The cascade on this machine: images on stdin, answers on stdout. */
#include <stdio.h>

#include "${name}.h"

#define LITTLE_BYTES (${NAME}_LITTLE_SIDE * ${NAME}_LITTLE_SIDE * ${NAME}_CHANNELS)
#define BIG_BYTES (${NAME}_BIG_SIDE * ${NAME}_BIG_SIDE * ${NAME}_CHANNELS)

static int8_t little[LITTLE_BYTES], big[BIG_BYTES];

static void predict(${name}_result *result)
{
    ${name}_predict(${host_arguments}, result);
}

int main(void)
{
    ${name}_result result;
    while (fread(little, 1, LITTLE_BYTES, stdin) == LITTLE_BYTES && fread(big, 1, BIG_BYTES, stdin) == BIG_BYTES) {
        uint8_t head[6];
        ${name}_init();
        predict(&result);
        head[0] = (uint8_t)result.label;
        head[1] = (uint8_t)(result.label >> 8);
        head[2] = (uint8_t)result.little_label;
        head[3] = (uint8_t)(result.little_label >> 8);
        head[4] = result.gap;
        head[5] = result.escalated;
        fwrite(head, 1, 6, stdout);
        ${name}_set_threshold(0);
        predict(&result);
        fwrite(result.logits, 1, ${NAME}_CLASSES, stdout);
        ${name}_set_threshold(256);
        predict(&result);
        fwrite(result.logits, 1, ${NAME}_CLASSES, stdout);
    }
    return 0;
}
