// Motion from the accelerometer of an Arduino Nano 33 BLE Sense.
#include <Arduino_LSM9DS1.h>
#include <${name}.h>

const unsigned long PERIOD = 1000000 / ${NAME}_SAMPLE_RATE; // microseconds
unsigned long next;
${name}_decision decision;

// What a value of 1 is of each axis, in the unit of the training logs.
const float STEPS[] = {${steps}};

int16_t held(float value) {
  return value >= 32767 ? 32767 : value <= -32768 ? -32768 : (int16_t)value;
}

// One value an axis, in the order of the training logs: here x, y and z in mg.
void measure(int16_t *sample) {
#if ${NAME}_AXES == 3
  float g[3];
  IMU.readAcceleration(g[0], g[1], g[2]);
  for (int axis = 0; axis < 3; axis++) {
    sample[axis] = held(g[axis] * 1000 / STEPS[axis]);
  }
#else
#error "Read the values of ${axes} axes here."
#endif
}

void setup() {
  Serial.begin(115200);
  ${name}_init();
  if (!IMU.begin()) {
    Serial.println("no sensor");
  }
  next = micros();
}

void loop() {
  if ((long)(micros() - next) < 0) {
    return;
  }
  next += PERIOD;
  int16_t sample[${NAME}_AXES];
  measure(sample);
  if (${name}_feed(sample, 1, &decision)) {
    Serial.print(decision.hop);
    Serial.print(decision.escalated ? " big " : " little ");
    Serial.println(${name}_class_names[decision.label]);
  }
}
