
/* The share of calls that want the big net, moving over ${calls} calls, of 2^24 (-1: no context). While all is as
 * expected, and calls do not depend on each other, it stays between LOWEST_RATE and HIGHEST_RATE. ${name}_drift tells on
 * which side it is: 1, the little net is unsure more often than on the test images, -1, less often; 0 between them. For
 * thresholds as exported. */
#define ${NAME}_EXPECTED_RATE ${expected}
#define ${NAME}_LOWEST_RATE ${low}
#define ${NAME}_HIGHEST_RATE ${high}
int32_t ${name}_rate(void);
int32_t ${name}_rate_r(const ${name}_context *context);
int ${name}_drift(void);
int ${name}_drift_r(const ${name}_context *context);
