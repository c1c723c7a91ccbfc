/* Motion from the board's accelerometer, the alias accel0. */
#include <zephyr/drivers/sensor.h>
#include <zephyr/kernel.h>

#include "${name}.h"

#define PERIOD K_USEC(1000000 / ${NAME}_SAMPLE_RATE)

K_TIMER_DEFINE(pace, NULL, NULL);

/* What a value of 1 is of each axis, in the unit of the training logs. */
static const float steps[] = {${steps}};

static int16_t held(float value)
{
    return value >= 32767 ? 32767 : value <= -32768 ? -32768 : (int16_t)value;
}

/* One value an axis, in the order of the training logs: here x, y and z in mg. */
static int measure(const struct device *sensor, int16_t *sample)
{
#if ${NAME}_AXES == 3
    struct sensor_value values[3];
    int axis;
    if (sensor_sample_fetch(sensor) < 0 || sensor_channel_get(sensor, SENSOR_CHAN_ACCEL_XYZ, values) < 0) {
        return -1;
    }
    for (axis = 0; axis < 3; axis++) {
        sample[axis] = held(0.001f * (float)sensor_ms2_to_ug(&values[axis]) / steps[axis]);
    }
    return 0;
#else
#error "Read the values of ${axes} axes here."
#endif
}

int main(void)
{
    const struct device *sensor = DEVICE_DT_GET(DT_ALIAS(accel0));
    ${name}_init();
    if (!device_is_ready(sensor)) {
        printk("no sensor\n");
        return 0;
    }
    k_timer_start(&pace, PERIOD, PERIOD);
    for (;;) {
        ${name}_decision decision;
        int16_t sample[${NAME}_AXES];
        k_timer_status_sync(&pace);
        if (measure(sensor, sample) < 0) {
            printk("no sample\n");
            return 0;
        }
        if (${name}_feed(sample, 1, &decision)) {
            printk("%u %s %s\n", (unsigned)decision.hop, decision.escalated ? "big" : "little",
                   ${name}_class_names[decision.label]);
        }
    }
}
