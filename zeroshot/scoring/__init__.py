"""A population of nets and some proxies become scores; plug-ins, user modules, ranks."""
