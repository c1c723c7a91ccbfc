/* A stream on this machine: calls on stdin, each a number of samples and the samples; what was said on stdout. */
#include <stdio.h>

#include "${name}.h"

#define MOST ${most} /* samples of a call */

static int16_t samples[MOST * ${NAME}_AXES];

static uint8_t *put(uint8_t *to, uint32_t value, int bytes)
{
    while (bytes--) {
        *to++ = (uint8_t)value;
        value >>= 8;
    }
    return to;
}

int main(void)
{
    uint8_t head[4], out[18], *end;
    while (fread(head, 1, sizeof head, stdin) == sizeof head) {
        ${name}_decision decision = {0, 0, 0, 0, 0, 0};
        uint32_t count = head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24;
        int16_t *given = samples;
        if (count > MOST) {
            return 1;
        }
        given += (MOST - count) * ${NAME}_AXES; /* up to the end: who reads on is seen */
        if (fread(given, sizeof *given, count * ${NAME}_AXES, stdin) != count * ${NAME}_AXES) {
            return 1;
        }
        end = put(out, ${name}_feed(given, count, &decision), 4);
        end = put(end, decision.hop, 4);
        end = put(end, (uint32_t)decision.margin, 4);
        end = put(end, decision.label, 2);
        end = put(end, decision.answer, 2);
        end = put(end, decision.escalated, 1);
        put(end, decision.capped, 1);
        fwrite(out, 1, sizeof out, stdout);
    }
    return 0;
}
