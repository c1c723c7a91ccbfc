# west build -b BOARD zephyr/sample: this folder's module, fed by a sensor of the board
cmake_minimum_required(VERSION 3.20.0)
list(APPEND ZEPHYR_EXTRA_MODULES $${CMAKE_CURRENT_SOURCE_DIR}/../..)
find_package(Zephyr REQUIRED HINTS $$ENV{ZEPHYR_BASE})
project(${name}_sample C)
target_sources(app PRIVATE src/main.c)
