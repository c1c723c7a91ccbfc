#include "${name}.h"

#define AXES ${NAME}_AXES
#define MAP_BYTES ${NAME}_MAP_BYTES
#define HOP_BYTES (${NAME}_HOP * AXES)
#define ZERO ${zero}

/* Steps for a unit of a sample: multiplier / 2^shift, one an axis. */
${tables}
void ${name}_features(const int16_t *samples, uint32_t count, ${type} *out)
{
    uint32_t axis;
    while (count--) {
        for (axis = 0; axis < AXES; axis++) {
            int32_t steps = (*samples++ * multipliers[axis] + ((int32_t)1 << (shifts[axis] - 1))) >> shifts[axis];
            steps = steps < -128 ? -128 : steps > 127 ? 127 : steps;
            *out++ = (${type})(steps + ZERO);
        }
    }
}

const ${type} *${name}_map(const ${name}_stream *stream)
{
    return (const ${type} *)stream->map;
}

void ${name}_reset(${name}_stream *stream)
{
    ${type} *map = (${type} *)stream->map;
    uint32_t i;
    for (i = 0; i < MAP_BYTES; i++) {
        map[i] = ZERO;
    }
}

void ${name}_add(${name}_stream *stream, const int16_t *samples, uint32_t count, uint32_t before)
{
    ${type} *map = (${type} *)stream->map;
    if (before == 0) {
        uint32_t i;
#if HOP_BYTES % 4 == 0 && MAP_BYTES % 4 == 0
        for (i = HOP_BYTES / 4; i < MAP_BYTES / 4; i++) {
            stream->map[i - HOP_BYTES / 4] = stream->map[i];
        }
#else
        for (i = HOP_BYTES; i < MAP_BYTES; i++) {
            map[i - HOP_BYTES] = map[i];
        }
#endif
    }
    ${name}_features(samples, count, map + MAP_BYTES - HOP_BYTES + before * AXES);
}

void ${name}_push(${name}_stream *stream, const int16_t *samples)
{
    ${name}_add(stream, samples, ${NAME}_HOP, 0);
}
