/* Start and files for an emulated board: images.bin is read, answers.bin is written, by semihosting. */
#include "stdio.h"

extern unsigned char stack_top[], bss_start[], bss_end[];
int main(void);

FILE *stdin, *stdout;
static FILE files[2];

static int call(int operation, void *argument)
{
    register int r0 __asm("r0") = operation;
    register void *r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static FILE *open(FILE *file, const char *name, int length, int mode)
{
    int argument[3];
    argument[0] = (int)name;
    argument[1] = mode;
    argument[2] = length;
    file->handle = call(0x01, argument);
    return file;
}

static size_t transfer(int operation, void *data, size_t size, size_t count, FILE *file)
{
    int argument[3];
    argument[0] = file->handle;
    argument[1] = (int)data;
    argument[2] = (int)(size * count);
    return (size * count - (size_t)call(operation, argument)) / size; /* the call tells what is left */
}

size_t fread(void *data, size_t size, size_t count, FILE *file)
{
    return transfer(0x06, data, size, count, file);
}

size_t fwrite(const void *data, size_t size, size_t count, FILE *file)
{
    return transfer(0x05, (void *)data, size, count, file);
}

void reset(void);

void reset(void)
{
    unsigned char *byte;
    for (byte = bss_start; byte < bss_end; byte++) {
        *byte = 0;
    }
    stdin = open(&files[0], "images.bin", 10, 1);
    stdout = open(&files[1], "answers.bin", 11, 5);
    main();
    call(0x02, &stdout->handle);
    call(0x18, (void *)0x20026); /* the program ended as it should */
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static void *const vectors[2] = {stack_top, (void *)reset};
