#include <${name}.h>

${name}_result result;

void setup() {
  Serial.begin(115200);
  ${name}_init();
}

void loop() {
  // Fill ${example_inputs} with an image, then:
  unsigned long start = micros();
  ${name}_predict(${example_arguments}, &result);
  Serial.print(${name}_class_names[result.label]);
  Serial.print(result.escalated ? " big " : " little ");
  Serial.println(micros() - start);
}
