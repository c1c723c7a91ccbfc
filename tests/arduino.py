"""What of Arduino the sketches of an export call, for a compiler of this machine: a clock stands until it is set."""

ARDUINO = """
#include <stdint.h>
#include <string.h>
struct Port {
    void begin(long) {}
    template <class T> void print(T) {}
    template <class T> void println(T) {}
} Serial;
static unsigned long now;
static unsigned long __attribute__((unused)) micros() { return now; }
"""
