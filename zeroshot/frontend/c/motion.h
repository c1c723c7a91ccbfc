/* ${name}: windows of ${window} samples of ${axes} ${axes_word}, scaled to 8 bits; 0 becomes ${zero}.
 *
 * C99, no library; nothing is allocated, nothing is kept but in the caller's memory. Results are equal bit for bit to
 * those that the nets were trained on.
 */
#ifndef ${NAME}_H
#define ${NAME}_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ${NAME}_AXES ${axes}
#define ${NAME}_WINDOW ${window} /* samples of a map */
#define ${NAME}_HOP ${hop}    /* samples */
#define ${NAME}_MAP_BYTES (${NAME}_WINDOW * ${NAME}_AXES)

/* Scale samples, AXES values each. */
void ${name}_features(const int16_t *samples, uint32_t count, ${type} *out);

/* Motion as it comes, a hop at a time. The map, 1 x WINDOW x AXES, the oldest sample first, is what a net takes: an axis
 * is a channel. */
typedef struct {
    uint32_t map[(${NAME}_MAP_BYTES + 3) / 4]; /* words, so that it moves fast; see ${name}_map */
} ${name}_stream;

/* As after rest: all samples 0. */
void ${name}_reset(${name}_stream *stream);

/* Take HOP samples, AXES values each: the map moves up, and they become its last rows. */
void ${name}_push(${name}_stream *stream, const int16_t *samples);

/* The same in pieces: take `count` samples of a hop of which `before` came earlier. The first ones move the map.
 * before + count is HOP at most. */
void ${name}_add(${name}_stream *stream, const int16_t *samples, uint32_t count, uint32_t before);

/* Where the map lies, MAP_BYTES bytes. */
const ${type} *${name}_map(const ${name}_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
