/* What the front end is measured against: a plain complex FFT of int16 values, radix 2, in place, each step halved. */
#include <stdint.h>

void plain_fft(int16_t *z, const int16_t *factors, uint32_t n);

void plain_fft(int16_t *z, const int16_t *factors, uint32_t n)
{
    uint32_t i, j = 0, size;
    for (i = 0; i + 1 < n; i++) { /* into bit-reversed order */
        uint32_t bit = n >> 1;
        if (i < j) {
            int16_t re = z[2 * i], im = z[2 * i + 1];
            z[2 * i] = z[2 * j];
            z[2 * i + 1] = z[2 * j + 1];
            z[2 * j] = re;
            z[2 * j + 1] = im;
        }
        while (j & bit) {
            j ^= bit;
            bit >>= 1;
        }
        j |= bit;
    }
    for (size = 1; size < n; size *= 2) {
        uint32_t k, stride = n / 2 / size;
        for (k = 0; k < size; k++) {
            const int32_t cosine = factors[2 * k * stride], sine = factors[2 * k * stride + 1];
            for (i = k; i < n; i += 2 * size) {
                int16_t *a = z + 2 * i, *b = a + 2 * size;
                int32_t re = (b[0] * cosine + b[1] * sine) >> 15, im = (b[1] * cosine - b[0] * sine) >> 15;
                int32_t ar = a[0], ai = a[1];
                a[0] = (int16_t)((ar + re) >> 1);
                a[1] = (int16_t)((ai + im) >> 1);
                b[0] = (int16_t)((ar - re) >> 1);
                b[1] = (int16_t)((ai - im) >> 1);
            }
        }
    }
}
