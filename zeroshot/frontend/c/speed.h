/* Where a program is built for size, as Arduino and Zephyr do, this file is built for speed: it is small, and would take
 * up to twice the time. -DZS_SMALL leaves it as it is. */
#if defined(ZS_SMALL)
#elif defined(__OPTIMIZE_SIZE__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")
#elif defined(__OPTIMISE_SPACE) && defined(__ARMCC_VERSION) && __ARMCC_VERSION < 6000000
#pragma Otime
#endif
