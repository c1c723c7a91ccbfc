static int32_t scores[${NAME}_CLASSES];

static void count_in(const ${name}_result *result)
{
    int i;
    for (i = 0; i < ${NAME}_CLASSES; i++) {
        scores[i] = ${score};
    }
}
