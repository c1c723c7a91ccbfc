/* Integer kernels for int8 nets: convolution, depthwise convolution, fully connected layer, addition, average pooling.
 *
 * Tensors are int8, height x width x channels, channels last, at byte offsets of one arena that the caller owns.
 * Requantisation is that of TensorFlow Lite Micro's reference kernels (two roundings), so results are equal bit for bit.
 * C99, no library; nothing is allocated, nothing is kept between calls.
 */
#ifndef ${NAME}_KERNELS_H
#define ${NAME}_KERNELS_H

#include <stdint.h>

/* What the linker sees are names of this export: others beside it bring the kernels that they were verified with. */
#define zs_convolve ${name}_zs_convolve
#define zs_depthwise ${name}_zs_depthwise
#define zs_add ${name}_zs_add
#define zs_pool ${name}_zs_pool
#define zs_run ${name}_zs_run

#ifdef __cplusplus
extern "C" {
#endif

${dsp}
/* Before an object: its address is a multiple of 8. Plain C needs that of the arena alone, and ${name}_init checks it. */
#ifndef ZS_ALIGNED
#if defined(__ICCARM__) || defined(__ICCRISCV__)
#define ZS_ALIGNED _Pragma("data_alignment=8")
#elif defined(__ARMCC_VERSION) && __ARMCC_VERSION < 6000000
#define ZS_ALIGNED __align(8)
#elif ZS_GNU
#define ZS_ALIGNED __attribute__((aligned(8)))
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define ZS_ALIGNED _Alignas(8)
#else
#define ZS_ALIGNED
#endif
#endif

/* One layer. Offsets are bytes from the start of the arena; a field that a kernel has no use for is 0. */
typedef struct zs_layer {
    void (*kernel)(const struct zs_layer *layer, int8_t *arena);
    uint32_t input;
    uint32_t residual;         /* addition only: the second operand */
    uint32_t output;
    uint32_t scratch;          /* memory that only this layer uses, while it runs */
    const int8_t *weights;     /* in the kernel's own order */
    const int32_t *bias;       /* one a filter; convolutions: an even number of them, depthwise: a multiple of four */
    const int32_t *multiplier; /* as many as biases; addition: of the second operand, of the sum */
    const int8_t *shift;       /* as many as biases, positive is to the left; addition: bits before, of both after */
    uint16_t height, width, channels;          /* of the input */
    uint16_t out_height, out_width, filters;   /* of the output */
    uint8_t kernel_h, kernel_w, stride;        /* padding is SAME: half of what is missing, rounded down, before */
    int8_t input_zero, residual_zero, output_zero;
    int8_t low;                /* smallest output */
} zs_layer;

void zs_convolve(const zs_layer *layer, int8_t *arena);  /* also pointwise and fully connected layers */
void zs_depthwise(const zs_layer *layer, int8_t *arena);
void zs_add(const zs_layer *layer, int8_t *arena);
void zs_pool(const zs_layer *layer, int8_t *arena);

/* Compiled with -DZS_HOOK=name, every layer is offered to your function first: it returns 1 if it has run the layer,
 * as with CMSIS-NN, and 0 if it has not. */
#ifdef ZS_HOOK
int ZS_HOOK(const zs_layer *layer, int8_t *arena);
#endif

/* Run layers in order. */
void zs_run(const zs_layer *layers, uint32_t count, int8_t *arena);

#ifdef __cplusplus
}
#endif

#endif
