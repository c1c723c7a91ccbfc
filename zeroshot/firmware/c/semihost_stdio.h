/* What host.c needs of stdio, for semihost.c. */
#include <stddef.h>

typedef struct {
    int handle;
} FILE;

extern FILE *stdin, *stdout;
size_t fread(void *data, size_t size, size_t count, FILE *file);
size_t fwrite(const void *data, size_t size, size_t count, FILE *file);
