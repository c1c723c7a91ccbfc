/* 1: instructions of the DSP extension (Cortex-M4, M7, M33, M55, ...); 0: plain C. Results are the same. */
#ifndef ZS_DSP
#if defined(__ARM_FEATURE_DSP) && (defined(__GNUC__) || defined(__clang__)) && defined(__thumb2__)
#define ZS_DSP 1
#else
#define ZS_DSP 0
#endif
#endif
