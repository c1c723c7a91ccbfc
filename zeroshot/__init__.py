"""zeroshot: rank big-little network pairs for microcontrollers without training them."""
