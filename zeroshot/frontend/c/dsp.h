/* 1: a compiler that takes GNU's attributes and assembly, which others only seem to by its macros. */
#ifndef ZS_GNU
#if (defined(__GNUC__) || defined(__clang__)) && !defined(__ICCARM__) && !defined(__ICCRISCV__) && \
    !(defined(__ARMCC_VERSION) && __ARMCC_VERSION < 6000000)
#define ZS_GNU 1
#else
#define ZS_GNU 0
#endif
#endif

/* 1: instructions of the DSP extension (Cortex-M4, M7, M33, M55, ...); 0: plain C. Results are the same. */
#ifndef ZS_DSP
#if defined(__ARM_FEATURE_DSP) && ZS_GNU && defined(__thumb2__)
#define ZS_DSP 1
#else
#define ZS_DSP 0
#endif
#endif
