"""Int8 nets as files for a microcontroller: `.tflite` models and a C99 project with the cascade."""
