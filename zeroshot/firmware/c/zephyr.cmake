if(CONFIG_${NAME})
  zephyr_include_directories(../src)
  zephyr_library()
  zephyr_library_sources(
${zephyr_sources}  )
endif()
