// Words from a PDM microphone, as on the Arduino Nano 33 BLE Sense. Sound is kept while the nets work.
#include <PDM.h>
#include <${name}.h>

const uint32_t KEPT = ${ring}; // samples, a power of two: longer than the big net takes
int16_t kept[KEPT];
volatile uint32_t heard = 0; // samples so far
uint32_t fed = 0;
${name}_decision decision;

void listen() {
  static int16_t part[256];
  int count = PDM.available();
  count = PDM.read(part, count < (int)sizeof part ? count : (int)sizeof part) / 2;
  for (int i = 0; i < count; i++) {
    kept[(heard + i) % KEPT] = part[i];
  }
  heard = heard + count;
}

void setup() {
  Serial.begin(115200);
  ${name}_init();
  PDM.onReceive(listen);
  if (!PDM.begin(1, ${NAME}_SAMPLE_RATE)) {
    Serial.println("no microphone of this rate");
  }
}

void loop() {
  uint32_t waiting = heard - fed;
  if (waiting > KEPT) { // some were overwritten: the window would have a gap
    Serial.println("too slow");
    ${name}_init();
    fed = heard;
    return;
  }
  uint32_t place = fed % KEPT;
  uint32_t count = waiting < KEPT - place ? waiting : KEPT - place;
  if (${name}_feed(kept + place, count, &decision)) {
    Serial.print(decision.hop);
    Serial.print(decision.escalated ? " big " : " little ");
    Serial.println(${name}_class_names[decision.label]);
  }
  fed += count;
}
