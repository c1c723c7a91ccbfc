/* ${name}: ${what}.
 *
 * Sound of ${sample_rate} samples a second, frames of ${frame} samples, ${hop} from one to the next; bands from ${lowest_hz} to ${highest_hz} Hz.
 * An output of ${smallest} is ${lowest_db} dB and one of ${largest} is ${highest_db} dB${coefficients_comment}; 0 dB is a full-scale sine.
 * C99, no library; nothing is allocated, nothing is kept but in the caller's memory. Results are equal bit for bit to
 * those that the nets were trained on.
 */
#ifndef ${NAME}_H
#define ${NAME}_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ${NAME}_SAMPLE_RATE ${sample_rate}
#define ${NAME}_FRAME ${frame}         /* samples */
#define ${NAME}_HOP ${hop}           /* samples */
#define ${NAME}_FRAMES ${frames}         /* of a map */
#define ${NAME}_WIDTH ${width}          /* values of a frame */
#define ${NAME}_MAP_BYTES (${NAME}_FRAMES * ${NAME}_WIDTH)
#define ${NAME}_SCRATCH_WORDS ${fft}

/* What one frame gives: FRAME samples to WIDTH outputs. The scratch holds nothing between calls: it may lie where a
 * net works in between. */
void ${name}_features(const int16_t *samples, ${type} *out, int32_t scratch[${NAME}_SCRATCH_WORDS]);

/* Sound as it comes, a hop at a time; every hop computes one frame. The map, FRAMES x WIDTH x 1, the oldest frame
 * first${map_comment}. */
typedef struct {
    uint32_t map[(${NAME}_MAP_BYTES + 3) / 4]; /* words, so that it moves fast; see ${name}_map */
    int16_t samples[${NAME}_FRAME];            /* the newest */
} ${name}_stream;

/* As after silence. */
void ${name}_reset(${name}_stream *stream, int32_t scratch[${NAME}_SCRATCH_WORDS]);

/* Take HOP samples: the map moves up by a row, and the last FRAME samples give its last row. */
void ${name}_push(${name}_stream *stream, const int16_t *samples, int32_t scratch[${NAME}_SCRATCH_WORDS]);

/* The same in pieces: take `count` samples of a hop of which `before` came earlier. They are kept; the last ones of the hop
 * move the map. before + count is HOP at most. */
void ${name}_add(
    ${name}_stream *stream, const int16_t *samples, uint32_t count, uint32_t before,
    int32_t scratch[${NAME}_SCRATCH_WORDS]);

/* Where the map lies, MAP_BYTES bytes. */
const ${type} *${name}_map(const ${name}_stream *stream);
${relative}
#ifdef __cplusplus
}
#endif

#endif
